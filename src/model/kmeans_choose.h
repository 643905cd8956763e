/**
 * k: auto. The gap statistic of Tibshirani, Walther, Hastie 2001 ("Estimating the number of clusters in a
 * data set via the gap statistic") on at most 4,096 landmarks: rows drawn by a keyed permutation of row
 * numbers, the same for any number of ranks.
 *
 * Gap(k) = mean over 8 reference sets of log2(1 + W') − log2(1 + W), W the inertia with k clusters of the
 * landmarks and W' that of as many rows drawn evenly from the box that holds them; s(k) = √(1 + 1/8) times
 * the standard deviation of log2(1 + W'). Of 2, 4, 8, 16, 32, 64 the smallest k is chosen for which Gap(k) ≥
 * Gap(next k) − s(next k), else the largest that has enough distinct rows. The simplified silhouette, the
 * mean of (b − a)/max(a, b) with a and b the distances to the nearest two centres, is worked out to be looked
 * at.
 */
#ifndef MODEL_KMEANS_CHOOSE_H
#define MODEL_KMEANS_CHOOSE_H

#include "internal.h"

#include "kmeans.h"

/**
 * Chooses k. Collective.
 *
 * @param out  filled; out->chosen is the index of the choice
 * @return     STATUS_USAGE when the landmarks are all alike; STATUS_NO_MEMORY; agreed on
 */
MUST_CHECK enum status kmeans_choose(const struct team *team, const struct grid_rows *rows, uint64_t seed,
                                     struct kmeans_choice *out, struct error *err);

/** Returns the index of the choice among `count` values of the curve. Local. */
size_t kmeans_choice_index(const double *gap, const double *gap_error, size_t count);

#endif
