/**
 * Training the autoencoder: AdamW on gradients that are summed as whole numbers over micro-batches and ranks.
 *
 * Loshchilov, Hutter 2019, "Decoupled weight decay regularization": learning rate 1e-3, β 0.9 and 0.999, ε
 * 1e-8, decay 1e-4 on weights only. Every rank does the same update: cheaper than sending it.
 *
 * Several nets train side by side: on the same micro-batches, from first weights of different seeds, their
 * gradients in one sum over ranks. Each has its own best epoch and its own end.
 */
#ifndef MODEL_AUTOENCODER_H
#define MODEL_AUTOENCODER_H

#include "internal.h"

#include "kmeans.h"

/** What a training leaves behind. */
struct autoencoder_result {
    struct trained_net nets[MODEL_NETS_MOST];
    int net_count;
    int64_t epochs;  // of the net that trained longest
    int64_t held_rows;
    int64_t clamps;  // of all nets
    int batch;
};

/**
 * Trains on the rows whose IP hash mod 16 is not 0; the others (where they are fewer than 64, or all: every
 * 16th row) tell when to stop: 5 epochs without a lower loss. Collective.
 *
 * @param rows        borrowed; at least one over all ranks
 * @param ip_hash     borrowed, [rows->count]
 * @param active      borrowed, [columns]
 * @param checkpoint  where it goes on and saves its state; NULL: from the start, in one go
 * @param result      filled; end it with autoencoder_result_clear. Untouched on failure.
 * @return            STATUS_NO_MEMORY, agreed on; as checkpoint_look
 */
MUST_CHECK enum status autoencoder_fit(const struct team *team, const struct grid_rows *rows,
                                       const uint64_t *ip_hash, size_t columns, const uint8_t *active,
                                       const struct model_settings *settings, struct checkpoint *checkpoint,
                                       struct autoencoder_result *result, struct error *err);

/** What autoencoder_time measured. */
struct autoencoder_time {
    int64_t rows;  // trained an epoch, of all ranks
    int64_t epochs;
    double began_s;  // clock_seconds when training began
    double wall_s, cpu_s;  // of this rank
    int64_t sent_bytes;  // handed to MPI by all ranks in these epochs
    double loss;  // of the last epoch
};

/**
 * Trains for some seconds, to be timed: whole epochs after a first one, no looking at held-out rows.
 * Collective.
 *
 * Parameters are those of autoencoder_fit.
 */
MUST_CHECK enum status autoencoder_time(const struct team *team, const struct grid_rows *rows,
                                        const uint64_t *ip_hash, size_t columns, const uint8_t *active,
                                        const struct model_settings *settings, double seconds,
                                        struct autoencoder_time *time, struct error *err);

/** Frees what it holds and makes it empty. Local. */
void autoencoder_result_clear(struct autoencoder_result *result);

/**
 * Returns the rows a step takes: a power of two. Local.
 *
 * 2,048 for up to 4·10^7 rows, then twice as many for each doubling, at most 262,144. Below 2,048·32 rows
 * fewer, but at least 64: so small sets have some 32 steps an epoch too.
 */
int autoencoder_batch(int64_t row_count);

#endif
