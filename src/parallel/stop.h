/**
 * The wish to stop: SIGUSR1 or SIGTERM, as batch systems send them before the time limit.
 *
 * A handler only notes the signal. Who works in steps looks at the note between two of them, agrees on it
 * with the other ranks (it is one more integer of a sum that is due anyway), saves what was done and ends
 * with STATUS_STOPPED. A signal reaches ranks at different times, or only one of them.
 */
#ifndef PARALLEL_STOP_H
#define PARALLEL_STOP_H

#include <stdbool.h>

/** From now on SIGUSR1 and SIGTERM do not end the process but are noted. After MPI has begun, which may set
 * handlers of its own. Local. */
void stop_listen(void);

/** Returns whether this rank was asked to stop since stop_listen. Local. */
bool stop_asked(void);

#endif
