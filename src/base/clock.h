/** How long things take and how much they hold; never part of a result. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/** Returns seconds since some moment in the past; it never goes back. Local. */
double clock_seconds(void);

/** Returns the processor's seconds that this process has used, of all its threads. Local. */
double clock_cpu_seconds(void);

/** Returns the most memory this process has held so far, in bytes. Local. */
int64_t clock_peak_bytes(void);

#endif
