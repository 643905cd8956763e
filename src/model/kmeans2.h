/**
 * The talk's two clusters, on wide integers: raw columns (times 2^12) or robustly scaled ones (the int16
 * grid).
 *
 * |x| < 2^43 and 15 columns: D² ≤ 15·2^86 < 2^90, and its sum over less than 2^32 rows is below 2^122. Sums
 * of a column are below 2^75. All in 128 bits; the same rules as kmeans.h.
 */
#ifndef MODEL_KMEANS2_H
#define MODEL_KMEANS2_H

#include "internal.h"

struct checkpoint;

/** This rank's training rows, wide. */
struct wide_rows {
    const int64_t *values;  // [count][MODEL_TALK_COLUMNS]
    size_t count;
    uint64_t first;  // number of the first one among the training rows of all ranks
    int64_t total;  // training rows of all ranks, 1 … 2^32 − 1
};

/**
 * Fits two clusters: 8 seedings by k-means++, each run to its end. Collective.
 *
 * For the draws D² is cut by whole bits until the sum over the rows is below 2^63: row weights lose low bits,
 * and are the same on every rank. Where all rows are alike, both centres are that row and the second cluster
 * is empty.
 *
 * @param checkpoint  where it goes on and saves its state; NULL: from the start, in one go
 * @param out  filled but for `scaling`, which is left alone
 * @return     STATUS_NO_MEMORY, agreed on; as checkpoint_look
 */
MUST_CHECK enum status kmeans2_fit(const struct team *team, const struct wide_rows *rows, uint64_t seed,
                                   struct checkpoint *checkpoint, struct kmeans2 *out, struct error *err);

/** As kmeans2_fit, with Lloyd's iterations from given centres. Collective. */
MUST_CHECK enum status kmeans2_run(const struct team *team, const struct wide_rows *rows,
                                   int64_t start[2][MODEL_TALK_COLUMNS], struct kmeans2 *out,
                                   struct error *err);

/** Returns the nearer of the centres in lattice [2][15], 0 when both are as near, and D² to it. Local. */
int kmeans2_nearest(const int64_t *lattice, const int64_t *row, uint128 *distance);

/** Returns D² of two wide rows. Local. */
uint128 kmeans2_distance(const int64_t *left, const int64_t *right);

#endif
