/** One pass of k-means over this rank's rows, and the buffers that passes share. */
#ifndef MODEL_KMEANS_PASS_H
#define MODEL_KMEANS_PASS_H

#include "kmeans.h"

/** Buffers of a run; `totals` is what the ranks add up after a pass. */
struct pass {
    int k;
    const struct grid_rows *rows;
    int32_t *labels;  // [rows->count]; −1 before the first pass
    int32_t *distances;  // [rows->count]
    int16_t *doubled;  // [k][GRID_COLUMNS] twice the lattice
    int32_t *minus_norm;  // [k] −|c|²
    int64_t *totals;  // [pass_total_count(k)] sums, counts, inertia, moved rows
    int64_t *repaired;  // a copy of the totals, in which empty clusters have taken a row
};

/** Returns how many totals there are. Local. */
size_t pass_total_count(int k);

/** Returns the sums [k][GRID_COLUMNS] in totals. Local. */
int64_t *pass_sums(int64_t *totals);

/** Returns the counts [k] in totals. Local. */
int64_t *pass_counts(int64_t *totals, int k);

/** Makes the buffers; end them with pass_clear, also after a failure. Local. */
MUST_CHECK enum status pass_make(const struct grid_rows *rows, int k, struct pass *pass, struct error *err);

/** Frees the buffers. Local. */
void pass_clear(struct pass *pass);

/** Forgets the labels, so that in the next pass every row counts as moved. Local. */
void pass_forget(struct pass *pass);

/** Assigns the rows to the lattice [k][GRID_COLUMNS] and makes the totals of all ranks. Collective. */
void pass_go(const struct team *team, struct pass *pass, const int16_t *lattice);

/** Returns Σ D² of the last pass. Local. */
int64_t pass_inertia(const struct pass *pass);

/** Returns how many rows went to another cluster in the last pass. Local. */
int64_t pass_moved(const struct pass *pass);

#endif
