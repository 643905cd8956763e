/**
 * k-means on the int16 grid: exact distances, exact sums, the same clusters for any number of ranks.
 *
 * A row x and a centre c are whole numbers, |x| ≤ 4095, at most 32 of them: D² ≤ 32·8190² = 2,146,435,200 <
 * 2^31. Its sum over less than 2^32 rows is below 2^63. The nearest centre is the one with the largest s = Σ
 * x·2c − |c|² = |x|² − D², in int32; ties go to the lowest number.
 *
 * The new centre is Σx/n rounded to whole numbers, halves away from 0: the best whole centre, since Σ|x − c|²
 * = Σ|x − mean|² + n·|mean − c|². So the inertia falls or the assignments stand still, without a tolerance.
 */
#ifndef MODEL_KMEANS_H
#define MODEL_KMEANS_H

#include "internal.h"

struct checkpoint;

#define KMEANS_SEEDINGS 8
#define KMEANS_PASSES_MOST 100

/** This rank's training rows on the grid. */
struct grid_rows {
    const int16_t *values;  // [count][GRID_COLUMNS]
    size_t count;
    int columns;  // those behind are 0; 0 stands for all of GRID_COLUMNS
    uint64_t first;  // number of the first one among the training rows of all ranks
    int64_t total;  // training rows of all ranks, below 2^32
};

/**
 * Finds the nearest centre of each row. Local.
 *
 * @param lattice    borrowed, [k][GRID_COLUMNS]
 * @param labels     filled, [rows->count]
 * @param distances  filled, [rows->count] D² to it
 * @return           STATUS_NO_MEMORY
 */
MUST_CHECK enum status kmeans_assign(const struct grid_rows *rows, const int16_t *lattice, int k,
                                     int32_t *labels, int32_t *distances, struct error *err);

/**
 * Runs Lloyd's iterations from given centres to their end, and orders the clusters by size, then coordinates.
 * Collective.
 *
 * The end: no centre changed, or at most rows/2^17 rows changed their cluster, or 100 passes. An empty
 * cluster takes the row with the largest D², the lowest number among equals, out of a cluster that has
 * others.
 *
 * @param start  borrowed, [k][GRID_COLUMNS], the same on every rank
 * @param out    returns new arrays; free them with kmeans_clear. Sums and counts are those of the rows that
 * the stored lattice assigns. Untouched on failure.
 */
MUST_CHECK enum status kmeans_run(const struct team *team, const struct grid_rows *rows, const int16_t *start,
                                  int k, struct kmeans *out, struct error *err);

/**
 * Fits k clusters: 8 seedings (kmeans_seed.h), each run to its end; the least (inertia, seeding) stays.
 * Collective.
 *
 * @param checkpoint  where it goes on and saves its state; NULL: from the start, in one go
 * @return STATUS_USAGE when the rows have fewer than k distinct values; as checkpoint_look
 */
MUST_CHECK enum status kmeans_fit(const struct team *team, const struct grid_rows *rows, int k, uint64_t seed,
                                  struct checkpoint *checkpoint, struct kmeans *out, struct error *err);

/** Frees what it holds and makes it empty. Local. */
void kmeans_clear(struct kmeans *kmeans);

/** Returns D² of a row on the grid to a centre. Local. */
int32_t kmeans_distance(const int16_t *row, const int16_t *centre);

#endif
