/* quern bench: one function a sub-command; each prints what it measured, on rank 0. */
#ifndef COMMAND_BENCH_H
#define COMMAND_BENCH_H

#include "session.h"

/** Times reading a log into tallies, by stage. Collective. */
MUST_CHECK enum status bench_extract_run(struct session *session, struct error *err);

/** Times a log becoming a store, by more and more of the ranks. Collective. */
MUST_CHECK enum status bench_store_run(struct session *session, struct error *err);

/** Times k-means on rows of a file, or on rows that it makes. Collective. */
MUST_CHECK enum status bench_kmeans_run(struct session *session, struct error *err);

/** Times the autoencoder's training on the same. Collective. */
MUST_CHECK enum status bench_autoencoder_run(struct session *session, struct error *err);

/** Times lines of a log, one by one. Collective. */
MUST_CHECK enum status bench_parse_run(struct session *session, struct error *err);

/** Times sums over the ranks. Collective. */
MUST_CHECK enum status bench_allreduce_run(struct session *session, struct error *err);

/** Times a file that all ranks write and read. Collective. */
MUST_CHECK enum status bench_io_run(struct session *session, struct error *err);

/* ---- ladders: the same by 1, 2, 4, … of the ranks ---- */

/** The same work for any number of ranks, and the same for each rank. */
enum ladder_side { LADDER_STRONG, LADDER_WEAK, LADDER_SIDES };

#define LADDER_MOST 20

/** One step's work, timed. Bytes are of all ranks. */
struct ladder_timed {
    double seconds;  // of the slowest rank
    int64_t bytes;  // worked through
    int64_t sent;  // handed to MPI; 0 where that is not counted
};

struct ladder_point {
    int ranks;
    struct ladder_timed timed[LADDER_SIDES];
};

struct ladder {
    const char *title, *rate;
    int from;  // the least ranks; 0: one
    struct ladder_point points[LADDER_MOST];  // [count]
    size_t count;
};

/** Does the work with the session's team, a part of all ranks. Collective. */
typedef enum status ladder_work(struct session *session, int side, void *context, struct ladder_timed *timed,
                                struct error *err);

/** Returns the slowest rank's seconds, in whole nanoseconds, so that all have the same. Collective. */
double ladder_slowest(const struct team *team, double seconds);

/** Climbs the ladder and prints times, rates and a fit of time against ranks. Collective.
 *
 * @param sides  1: strong only
 */
MUST_CHECK enum status ladder_run(struct session *session, struct ladder *ladder, int sides,
                                  ladder_work *work, void *context, struct error *err);

#endif
