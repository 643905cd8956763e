/**
 * Passes of k-means over this rank's rows: what is kept between them, and the one sum over ranks of each.
 *
 * A rank keeps the sums and counts of its rows by cluster and changes them for rows that move. Σ D² needs no
 * look at a row: Σ D² = Σ|x|² − 2·Σ c·S + Σ n·|c|², with S and n the sum and count of a cluster; each term is
 * below 2^63 and unsigned arithmetic is exact modulo 2^64, so the difference is right.
 */
#ifndef MODEL_KMEANS_PASS_H
#define MODEL_KMEANS_PASS_H

#include "kmeans_blocks.h"

struct pass {
    int k;
    const struct grid_rows *rows;
    const struct kmeans_kernel *kernel;
    struct block_rows blocks;
    struct block_centres centres;
    uint16_t *labels;  // [rows->count, as whole blocks]; LABEL_NONE before the first pass
    int32_t *distances;  // [rows->count] D², filled by pass_distances; seeding keeps its weights here
    int32_t *delta;  // [k][DELTA_STRIDE] and [k]: what a run of the kernel changes
    int64_t *mine;  // [k·(GRID_COLUMNS + 1)] sums and counts of this rank's rows
    int64_t *totals;  // [pass_total_count(k)] sums, counts, moved rows, signals; of all ranks
    int64_t *repaired;  // a copy of the totals, in which empty clusters have taken a row
    int64_t signal;  // this rank's part of the signals (checkpoint.h)
    int64_t norm_total;  // Σ|x|² of all ranks
    int64_t inertia;  // Σ D² of the last pass
};

/** Returns how many totals there are. Local. */
size_t pass_total_count(int k);

/** Returns the sums [k][GRID_COLUMNS] in totals. Local. */
int64_t *pass_sums(int64_t *totals);

/** Returns the counts [k] in totals. Local. */
int64_t *pass_counts(int64_t *totals, int k);

/** Makes the buffers; end them with pass_clear, also after a failure. Collective. */
MUST_CHECK enum status pass_make(const struct team *team, const struct grid_rows *rows, int k,
                                 struct pass *pass, struct error *err);

/** Frees the buffers. Local. */
void pass_clear(struct pass *pass);

/** Forgets the labels, so that in the next pass every row counts as moved. Local. */
void pass_forget(struct pass *pass);

/** Assigns the rows to the lattice [k][GRID_COLUMNS] and makes the totals of all ranks. Collective. */
void pass_go(const struct team *team, struct pass *pass, const int16_t *lattice);

/** Fills the distances of the rows to the nearest centre of the lattice [k][GRID_COLUMNS]. Local. */
void pass_distances(struct pass *pass, const int16_t *lattice);

/** Puts one row of this rank into another cluster, as if a pass had. Local. */
void pass_put(struct pass *pass, size_t row, int64_t cluster);

/**
 * Moves the centres to the means of their rows after a pass; an empty cluster takes the row with the largest
 * D². Returns whether any centre went elsewhere. Collective.
 */
bool pass_move(const struct team *team, struct pass *pass, int16_t *lattice);

/**
 * Gives every rank the grid values of the one row that a single rank names, and a number that goes with it.
 * Collective.
 *
 * @param row     this rank's row, or DRAW_NONE
 * @param number  what the rank with the row sends, and what all get
 * @param values  filled, [GRID_COLUMNS]
 */
void pass_row(const struct team *team, const struct grid_rows *rows, size_t row, int64_t *number,
              int16_t *values);

/** Returns the sum of the ranks' signals in the last pass. Local. */
int64_t pass_signals(const struct pass *pass);

/** Returns how many rows went to another cluster in the last pass. Local. */
int64_t pass_moved(const struct pass *pass);

#endif
