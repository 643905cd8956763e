/**
 * The first centres: k-means++, and k-means|| where k or the rows are many.
 *
 * k-means++ (Arthur, Vassilvitskii 2007, "k-means++: the advantages of careful seeding"): each centre is a
 * row, drawn by its D² to the centres before it; k draws, so k sums over ranks.
 *
 * k-means|| (Bahmani et al. 2012, "Scalable k-means++"), from k = 16 or 10^7 rows on: 5 rounds, in each of
 * which every row becomes a candidate with probability 2k·D²/ΣD²; candidates weigh as many rows as are
 * nearest to them, and k-means++ by these weights, which every rank does alike, leaves k. Where the
 * candidates have fewer than k distinct values, k-means++ on the rows decides.
 */
#ifndef MODEL_KMEANS_SEED_H
#define MODEL_KMEANS_SEED_H

#include "kmeans_pass.h"

/**
 * Draws first centres. Collective.
 *
 * @param lattice  filled, [k][GRID_COLUMNS]
 * @param found    returns how many there are: fewer than k only when the rows have fewer distinct values
 * @return         STATUS_NO_MEMORY, agreed on
 */
MUST_CHECK enum status kmeans_seed(const struct team *team, struct pass *pass, uint64_t seed,
                                   uint32_t seeding, int16_t *lattice, int *found, struct error *err);

#endif
