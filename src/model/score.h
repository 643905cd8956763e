/** A model's raw scores of rows on the grid, for calibration and for model_score. */
#ifndef MODEL_SCORE_H
#define MODEL_SCORE_H

#include "internal.h"

#include "kmeans.h"

/**
 * Scores rows by their cluster: D²·2^16 / (median D² of the cluster + 1), rounded down. Local.
 *
 * @param labels  filled, [rows->count]
 * @param scores  filled, [rows->count]; below 2^47
 */
MUST_CHECK enum status score_kmeans(const struct model *model, const struct grid_rows *rows, int32_t *labels,
                                    int64_t *scores, struct error *err);

/**
 * Scores rows by the autoencoder: Σ Huber in 2^-32. Local.
 *
 * @param scores  filled, [rows->count]
 * @param shares  filled unless NULL, [rows->count][columns]
 */
MUST_CHECK enum status score_autoencoder(const struct model *model, const struct grid_rows *rows,
                                         int64_t *scores, float *shares, struct error *err);

#endif
