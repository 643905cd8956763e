/* What the files of this room share: the team's inside, and the comparison of places. */
#ifndef PARALLEL_INTERNAL_H
#define PARALLEL_INTERNAL_H

#include <mpi.h>

struct team {
    MPI_Comm comm;  // MPI_COMM_NULL for a team of one without MPI
    int rank;
    int size;
    int host_ranks;
};

/* Every collective of this room starts here. In debug builds ranks that are in different places abort with a
 * message that names each place; release builds do not look. */
void check_site(const struct team *team, const char *file, int line);

#endif
