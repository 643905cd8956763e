/**
 * Rows dealt into micro-batches, once: which rows a step sees never depends on the number of ranks.
 *
 * A keyed permutation puts the rows into micro-batches of 64; these go by turns to batch/64 stripes. A rank
 * owns whole stripes. Step t of an epoch takes from each stripe its micro-batch π(t), π a permutation of the
 * seed, the epoch and the stripe; a stripe that is one shorter than others sits out one step.
 */
#ifndef MODEL_DEAL_H
#define MODEL_DEAL_H

#include "internal.h"

/** A row on its way to the owner of its stripe. */
struct dealt_row {
    uint64_t place;  // its place in the permutation
    int16_t values[GRID_COLUMNS];
};

/** This rank's stripes. */
struct deal {
    int64_t row_count;  // of all ranks
    int64_t micro_count;  // of all ranks
    int stripe_count;
    uint64_t seed;
    size_t columns;
    int16_t *values;  // [micro-batches of this rank][columns][MICRO_ROWS]
    size_t *stripe_from;  // [stripe_count] a stripe's first micro-batch in `values`; SIZE_MAX: another rank's
};

/** This rank's rows to be dealt; all borrowed. */
struct deal_source {
    const int16_t *rows;  // [count][GRID_COLUMNS]
    const uint8_t *keep;  // [count] rows with 0 stay out
    size_t count;
    size_t columns;  // the others are not dealt
};

/** One micro-batch of a step. */
struct deal_micro {
    const int16_t *values;  // [columns][MICRO_ROWS], rows behind row_count are 0
    size_t row_count;
};

/**
 * Deals the rows that are kept. Collective.
 *
 * @param batch  rows a step, a multiple of 64
 * @param deal   filled; end it with deal_clear
 * @return       STATUS_NO_MEMORY, agreed on
 */
MUST_CHECK enum status deal_make(const struct team *team, struct deal_source source, int batch, uint64_t seed,
                                 struct deal *deal, struct error *err);

/** Frees what it holds and makes it empty. Local. */
void deal_clear(struct deal *deal);

/** Returns how many steps an epoch has. Local. */
int64_t deal_steps(const struct deal *deal);

/** Returns the micro-batch of a stripe in a step: none when it is another rank's or the stripe sits out.
 * Local. */
struct deal_micro deal_take(const struct deal *deal, int stripe, uint32_t epoch, int64_t step);

#endif
