/**
 * The team of ranks: who we are, and the few things that all of us do together.
 *
 * Only this room and store/ include mpi.h. A function marked Collective is called by every rank of the team,
 * in the same order. In a build with NDEBUG off each collective first compares the caller's file and line
 * over the ranks, so a forgotten branch is a message that names both places, not a hang.
 *
 * MPI itself fails by ending the whole job (MPI_ERRORS_ARE_FATAL, its default): a rank cannot go on alone,
 * and what is finished is on disk. So most collectives here return nothing to check.
 *
 * Commands that need no MPI use team_alone: one rank, whose collectives are local and never touch MPI.
 */
#ifndef PARALLEL_PARALLEL_H
#define PARALLEL_PARALLEL_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct team;

/** Starts MPI and returns the new team of all ranks, never NULL; end both with team_free. Collective. */
struct team *team_new(int *argc, char ***argv);

/** Returns a new team of one that does not use MPI, or NULL without memory; end it with team_free. Local. */
struct team *team_alone(void);

/** Takes the team (or NULL) and ends MPI if it began it: the last place that is compared. Collective. */
#define team_free(team) team_free_at((team), __FILE__, __LINE__)

/** As team_free, for a given place in the source. Collective. */
void team_free_at(struct team *team, const char *file, int line);

/**
 * Makes a team of the first `count` ranks of a team, to measure with fewer. Collective.
 *
 * @param part  returns new on these ranks, to be ended with team_free by all of them; NULL on the others
 */
MUST_CHECK enum status team_part(const struct team *team, int count, struct team **part, struct error *err);

/** Returns the most bytes that should go in one call of MPI or HDF5: their counts have 31 bits in places.
 * Local. */
size_t team_piece_bytes(const struct team *team);

/** What a team asks MPI for. */
enum team_call {
    TEAM_AGREE,
    TEAM_REDUCE,
    TEAM_BROADCAST,
    TEAM_EXCHANGE,
    TEAM_GATHER,
    TEAM_ONE_SIDED,
    TEAM_CALLS
};

/** How often this rank called MPI, and how many bytes it handed over: to a reduction its numbers, to a
 * broadcast as its root, to an exchange what goes to other ranks. What HDF5 sends is not in it. */
struct team_traffic {
    int64_t calls[TEAM_CALLS], bytes[TEAM_CALLS];
};

/** Returns the name of a call, such as "reduce". Borrowed, static. Local. */
const char *team_call_name(enum team_call call);

/** Returns what was counted since the last time. Local. */
struct team_traffic team_traffic_take(const struct team *team);

/** As team_traffic_take, but returns the bytes of all calls and all ranks. Collective. */
int64_t team_traffic_bytes(const struct team *team);

/** Returns this rank's number, 0 … team_size - 1. Local. */
int team_rank(const struct team *team);

/** Returns how many ranks there are. Local. */
int team_size(const struct team *team);

/** Returns how many ranks run on this rank's host. Local. */
int team_host_ranks(const struct team *team);

/**
 * Tells whether the launcher started more processes than MPI sees: another MPI's mpirun starts lone processes
 * that all believe to be rank 0, and would do the work N times over. Local.
 *
 * @return STATUS_USAGE when it did
 */
MUST_CHECK enum status team_check_launcher(const struct team *team, struct error *err);

/**
 * Makes all ranks agree on whether the local work before it went well. Collective.
 *
 * Stands between local work that can fail and the next collective, with the local call inside it:
 *
 *     TRY(team_agree(team, rows_read_local(shard, rows, err), err));
 *
 * @param mine  this rank's outcome
 * @param err   this rank's error when `mine` is not STATUS_OK, else untouched on success. On failure it holds
 * the error of the lowest rank that failed, with its rank filled in: the same 512 bytes on every rank.
 * @return      STATUS_OK when every rank had it, else the lowest failing rank's status; the same on every
 * rank
 */
#define team_agree(team, mine, err) team_agree_at((team), (mine), (err), __FILE__, __LINE__)

/** As team_agree, for a given place in the source. Collective. */
MUST_CHECK enum status team_agree_at(const struct team *team, enum status mine, struct error *err,
                                     const char *file, int line);

#ifdef __clang_analyzer__
/* What the analyser cannot see across the ranks: where this rank failed, all of them go to `done`. */
#    define team_agree_at(team, mine, err, file, line) ((void)(team), (void)(err), (mine))
#endif

/**
 * Adds `count` integers over the ranks, in place; every rank gets the sums. Collective.
 *
 * Integers, because their sum is the same in any order: results do not depend on the number of ranks.
 *
 * @param values  borrowed, `count` numbers, the same count on every rank; the caller has bounded them so that
 * the sums fit
 */
#define team_sum_i64(team, values, count) team_sum_i64_at((team), (values), (count), __FILE__, __LINE__)

/** As team_sum_i64, for a given place in the source. Collective. */
void team_sum_i64_at(const struct team *team, int64_t *values, size_t count, const char *file, int line);

/** Replaces each of `count` integers by the largest over the ranks. Collective. */
#define team_max_i64(team, values, count) team_max_i64_at((team), (values), (count), __FILE__, __LINE__)

/** As team_max_i64, for a given place in the source. Collective. */
void team_max_i64_at(const struct team *team, int64_t *values, size_t count, const char *file, int line);

/** Returns the sum of `value` over the ranks below this one, modulo 2^64; 0 on rank 0. Collective. */
#define team_sum_before(team, value) team_sum_before_at((team), (value), __FILE__, __LINE__)

/** As team_sum_before, for a given place in the source. Collective. */
uint64_t team_sum_before_at(const struct team *team, uint64_t value, const char *file, int line);

/** Copies `count` bytes of rank `root` to every rank; the same count on every rank. Collective. */
#define team_broadcast(team, bytes, count, root)                                                             \
    team_broadcast_at((team), (bytes), (count), (root), __FILE__, __LINE__)

/** As team_broadcast, for a given place in the source. Collective. */
void team_broadcast_at(const struct team *team, void *bytes, size_t count, int root, const char *file,
                       int line);

/**
 * Sends every rank the bytes meant for it. Collective.
 *
 * Counts may differ by rank and pass 2 GiB: they go in pieces.
 *
 * @param out         borrowed, the bytes for rank 0, then those for rank 1, …
 * @param out_counts  borrowed, [team_size] bytes for each rank
 * @param in          returns new: the bytes of rank 0, then those of rank 1, …; free() it. NULL when there
 * are none
 * @param in_counts   filled, [team_size] bytes from each rank
 * @return            STATUS_NO_MEMORY, agreed on
 */
#define team_exchange(team, out, out_counts, in, in_counts, err)                                             \
    team_exchange_at((team), (out), (out_counts), (in), (in_counts), (err), __FILE__, __LINE__)

/** As team_exchange, for a given place in the source. Collective. */
MUST_CHECK enum status team_exchange_at(const struct team *team, const void *out, const size_t *out_counts,
                                        void **in, size_t *in_counts, struct error *err, const char *file,
                                        int line);

/**
 * Gives every rank the bytes of all ranks, in the order of ranks. Collective.
 *
 * @param mine   borrowed, [count]; the count may differ by rank
 * @param all    returns new; free() it. NULL when there are none
 * @param total  returns how many bytes they are together
 * @return       STATUS_NO_MEMORY, agreed on
 */
#define team_gather(team, mine, count, all, total, err)                                                      \
    team_gather_at((team), (mine), (count), (all), (total), (err), __FILE__, __LINE__)

/** As team_gather, for a given place in the source. Collective. */
MUST_CHECK enum status team_gather_at(const struct team *team, const void *mine, size_t count, void **all,
                                      size_t *total, struct error *err, const char *file, int line);

/** Names the rank, below `ranks`, that an item is for. */
typedef int team_owner(const void *item, int ranks, const void *context);

/**
 * Sends each item to the rank that owns it. Collective.
 *
 * @param items     borrowed, [count] of item_bytes
 * @param owner     the same on every rank; called with `context`
 * @param in        returns new, [in_count], by sending rank and in the order sent; free() it
 * @return          STATUS_NO_MEMORY, agreed on
 */
#define team_deal(team, items, count, item_bytes, owner, context, in, in_count, err)                         \
    team_deal_at((team), &(const struct team_items){(items), (count), (item_bytes), (owner), (context)},     \
                 (in), (in_count), (err), __FILE__, __LINE__)

/** What is dealt. Everything is borrowed. */
struct team_items {
    const void *items;  // [count] of item_bytes
    size_t count, item_bytes;
    team_owner *owner;
    const void *context;
};

/** As team_deal, for a given place in the source. Collective. */
MUST_CHECK enum status team_deal_at(const struct team *team, const struct team_items *dealt, void **in,
                                    size_t *in_count, struct error *err, const char *file, int line);

#endif
