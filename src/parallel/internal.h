/* What the files of this room share: the team's inside, and the comparison of places. */
#ifndef PARALLEL_INTERNAL_H
#define PARALLEL_INTERNAL_H

#include "parallel/parallel.h"

#include <mpi.h>

#include <stdbool.h>

struct team {
    MPI_Comm comm;  // MPI_COMM_NULL for a team of one without MPI
    int rank;
    int size;
    int host_ranks;
    bool is_part;  // of another team, with a communicator of its own
    size_t piece_bytes;  // the most that goes in one call of MPI
    struct team_traffic *traffic;  // what this rank has called since it was last taken
};

/* Counts a call of MPI, and what this rank hands to it. */
static inline void traffic_add(const struct team *team, enum team_call call, size_t bytes)
{
    team->traffic->calls[call]++;
    team->traffic->bytes[call] += (int64_t)bytes;
}

/* Every collective of this room starts here. In debug builds ranks that are in different places abort with a
 * message that names each place; release builds do not look. */
void check_site(const struct team *team, const char *file, int line);

#endif
