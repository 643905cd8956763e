/** One draw of a row by weight, for k-means++ on any number of ranks. */
#ifndef MODEL_DRAW_H
#define MODEL_DRAW_H

#include "parallel/parallel.h"

#include <stdbool.h>

#define DRAW_NONE SIZE_MAX

/** The outcome of a draw. */
struct draw {
    uint64_t total;  // Σ of all weights; 0: no row could be drawn
    size_t row;  // this rank's row that was drawn, else DRAW_NONE
};

/**
 * Draws the first row, in canonical order, whose prefix sum of weights is more than random·total/2^64.
 * Collective.
 *
 * @param weights  borrowed, [count]; over all ranks their sum is below 2^63
 * @param random   64 random bits, the same on every rank
 */
struct draw draw_row(const struct team *team, const uint64_t *weights, size_t count, uint64_t random);

/** As draw_row with weights from 0 to 2^31 − 1; NULL: each row weighs 1. Collective. */
struct draw draw_row_i32(const struct team *team, const int32_t *weights, size_t count, uint64_t random);

#endif
