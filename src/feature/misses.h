/* Questions of a slot and who asked them first: what reading and settling share. */
#ifndef FEATURE_MISSES_H
#define FEATURE_MISSES_H

#include "tally.h"

#define MISS_SLOT_MS 300000

/** While a run is open askers are told apart; for the first of all they are not. */
enum apart { APART_BY_ASKER, APART_BY_QUESTION };

/** Notes a question in a run. Local. */
MUST_CHECK enum status run_put(const struct tallies *tallies, struct run *run, const struct first *first,
                               enum apart apart, struct error *err);

/** Frees what a run holds. Local. */
void run_free(struct run *run);

/** Frees the runs of a day, and takes them off the list. Local. */
void runs_free(struct tallies *tallies, size_t at);

/** By slot, for qsort. Local. */
int compare_runs(const void *a, const void *b);

#endif
