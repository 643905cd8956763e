/* quern bench: one function a sub-command; each prints what it measured, on rank 0. */
#ifndef COMMAND_BENCH_H
#define COMMAND_BENCH_H

#include "session.h"

/** Times reading a log into tallies, by stage. Collective. */
MUST_CHECK enum status bench_extract_run(struct session *session, struct error *err);

/** Times k-means on rows of a file, or on rows that it makes. Collective. */
MUST_CHECK enum status bench_kmeans_run(struct session *session, struct error *err);

/** Times the autoencoder's training on the same. Collective. */
MUST_CHECK enum status bench_autoencoder_run(struct session *session, struct error *err);

#endif
