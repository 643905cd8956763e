/** Rows of the grid turned round for the kernel, and passes over them in pieces that stay in the cache. */
#ifndef MODEL_KMEANS_BLOCKS_H
#define MODEL_KMEANS_BLOCKS_H

#include "kmeans.h"
#include "kmeans_kernel.h"

/** This rank's rows as the kernel reads them. */
struct block_rows {
    size_t count;
    int pairs;
    int32_t *blocks;  // [⌈count/16⌉][pairs][BLOCK_ROWS], rows behind the last are 0
    int32_t *norms;  // [count, as whole blocks] |x|²
};

/** Centres in the kernel's form, with room for some number of them. */
struct block_centres {
    int32_t *doubled;  // [k][pairs]
    int32_t *minus_norm;  // [k]
};

/** Returns how many pairs hold the columns: 4, 8, 12 or 16; 0 columns stand for all. Local. */
int blocks_pairs(int columns);

/** Turns rows round; end them with blocks_clear, also after a failure. Local. */
MUST_CHECK enum status blocks_make(const struct grid_rows *rows, struct block_rows *blocks,
                                   struct error *err);

/** Frees what they hold and makes them empty. Local. */
void blocks_clear(struct block_rows *blocks);

/** Makes room for k centres; end it with block_centres_clear, also after a failure. Local. */
MUST_CHECK enum status block_centres_make(int k, struct block_centres *centres, struct error *err);

/** Frees what they hold and makes them empty. Local. */
void block_centres_clear(struct block_centres *centres);

/** Turns a lattice [k][GRID_COLUMNS] into what the kernel reads; it borrows `room`. Local. */
struct kernel_centres block_centres_set(const struct block_centres *room, const int16_t *lattice, int k,
                                        int pairs);

/** Returns the blocks with the rows [from, to); `from` is a multiple of BLOCK_ROWS. Borrowed. Local. */
struct kernel_rows blocks_run(const struct block_rows *blocks, size_t from, size_t to);

/**
 * Finds the labels and D² of all rows. Local.
 *
 * @param labels     filled unless NULL, [count]
 * @param distances  filled, [count]; with `least` only lowered
 */
void blocks_nearest(const struct kmeans_kernel *kernel, const struct block_rows *blocks,
                    const struct kernel_centres *centres, bool least, int32_t *labels, int32_t *distances);

#endif
