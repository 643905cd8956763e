/**
 * Whether new rows look like those that trained: the population stability index of each feature.
 *
 * PSI = Σ (a − e)·ln(a/e) over bins, e the share of training rows in a bin and a that of the new ones, each
 * raised to 10^-4 at least. 0.1 is a shift worth a look, 0.25 a large one by custom. Bins are of the scaled
 * value z: below −4, −2, −1, −½, −⅛, then up to ⅛, ½, 1, 2, 4, 8 and the end.
 */
#ifndef MODEL_DRIFT_H
#define MODEL_DRIFT_H

#include "internal.h"

#include "kmeans.h"

/** Counts rows on the grid by bin, over all ranks. Collective. */
void drift_count(const struct team *team, const struct grid_rows *rows,
                 int64_t bins[GRID_COLUMNS][DRIFT_BINS]);

/** Returns the index of two rows of counts; 0 where either has no row. Local. */
double drift_index(const int64_t trained[DRIFT_BINS], const int64_t found[DRIFT_BINS]);

#endif
