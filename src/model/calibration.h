/**
 * From a score to a p-value: how often calibration rows score as high, and an exponential tail beyond them.
 *
 * Conformal p = (1 + #{calibration ≥ s})/(n + 1), ties counted against the row (Vovk et al. 2005). Below 1/(n
 * + 1) no such p exists. There, beyond the 95 % point q, p = 0.05·2^(−(log2 s − log2 q)·log2 e/β), β the mean
 * of log2 s − log2 q over the calibration rows beyond q: an exponential tail of ln s. It needs 10 rows beyond
 * q.
 */
#ifndef MODEL_CALIBRATION_H
#define MODEL_CALIBRATION_H

#include "internal.h"

struct p_value {
    double p;
    bool extrapolated;  // from the tail
};

/**
 * Gathers the scores of all ranks, sorts them and fits the tail. Collective.
 *
 * @param mine  borrowed, [count], none below 0; together at least one
 * @param out   filled; end it with calibration_clear. Untouched on failure.
 */
MUST_CHECK enum status calibration_fit(const struct team *team, const int64_t *mine, size_t count,
                                       struct calibration *out, struct error *err);

/** Fits the tail of a calibration whose scores are there and sorted. Local. */
void calibration_fit_tail(struct calibration *calibration);

/** Frees the scores and makes it empty. Local. */
void calibration_clear(struct calibration *calibration);

/** Returns the p-value of a score. Local. */
struct p_value calibration_p(const struct calibration *calibration, int64_t score);

#endif
