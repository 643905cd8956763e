/** The MPI communicator behind a team: lent to store/ for parallel HDF5, and to nobody else. */
#ifndef PARALLEL_HANDLE_H
#define PARALLEL_HANDLE_H

#include "parallel/parallel.h"

#include <mpi.h>

/** Returns the team's communicator, borrowed; MPI_COMM_NULL for a team of one that was made without MPI.
 * Local. */
MPI_Comm team_comm(const struct team *team);

#endif
