/**
 * Work that is dealt to the ranks while they do it: who is done early takes what others have not begun.
 *
 *     runs of items ──work_begin──► work_take, work_take, … on every rank ──► work_end
 *
 * Each rank has a run of neighbouring items, and takes them in order. When it has none left it takes the last
 * items of others, one by one. Who does an item must not change what comes out. Between items every rank
 * looks at its stop word, so that a fault on one rank ends the work of all within an item.
 *
 * Counters and stop words lie in memory that other ranks reach by themselves (MPI's one-sided calls); a team
 * of one needs none.
 */
#ifndef PARALLEL_WORK_H
#define PARALLEL_WORK_H

#include "base/error.h"
#include "parallel/parallel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct work;

/**
 * Begins work on items that are numbered alike on every rank. Collective.
 *
 * @param first  this rank's run is [first, end); runs of different ranks share no item
 * @param work   returns new; end it with work_end
 * @return       STATUS_NO_MEMORY; STATUS_LIMIT for a run of 2^32 items or more
 */
#define work_begin(team, first, end, work, err)                                                              \
    work_begin_at((team), (first), (end), (work), (err), __FILE__, __LINE__)

/** As work_begin, for a given place in the source. Collective. */
MUST_CHECK enum status work_begin_at(const struct team *team, size_t first, size_t end, struct work **work,
                                     struct error *err, const char *file, int line);

/**
 * Takes the next item of this rank's run, or else the last of another's. Local.
 *
 * @return false when none is left anywhere, or the work was stopped
 */
bool work_take(struct work *work, size_t *item);

/** Stops the work of all ranks: each finishes its item and gets no other. Local. */
void work_stop(struct work *work);

/** Returns whether some rank stopped the work. Local. */
bool work_stopped(struct work *work);

/** Adds to the amount that is done, in whatever unit the caller counts. Local. */
void work_add_done(struct work *work, int64_t amount);

/** Returns what all ranks have done so far, on rank 0; on others something less. Local. */
int64_t work_done(struct work *work);

/** Takes the work, or NULL on every rank. Collective. */
#define work_end(work) work_end_at((work), __FILE__, __LINE__)

/** As work_end, for a given place in the source. Collective. */
void work_end_at(struct work *work, const char *file, int line);

#endif
