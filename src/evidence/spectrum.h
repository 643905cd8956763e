/* Lines in the spectrum of a series: what comes back at a fixed period. */
#ifndef EVIDENCE_SPECTRUM_H
#define EVIDENCE_SPECTRUM_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A line, as the ratio of its power to the median of the 32 beside it. */
struct spectral_line {
    double ratio;  // of the strongest; 0: none
    size_t cycles;  // in the series: the fewest of those with a quarter of it or more
};

/* Most that a ratio is: between the teeth of a comb there is nothing but rounding. */
#define SPECTRUM_RATIO_MOST 10000

/* Whether cycles[] of a series are to be left out; NULL: none. */
typedef bool spectrum_skip(size_t cycles, const void *context);

/* Finds the strongest line of series[count], behind the first 8 cycles, which everybody's days have. None in
 * a series of fewer than 96 values, or of one value. The same bits everywhere: of libm nothing is used.
 * Local. */
MUST_CHECK enum status spectrum_line(const double *series, size_t count, spectrum_skip *skip,
                                     const void *context, struct spectral_line *line, struct error *err);

/* Power of one frequency in a series, mean taken off, for each value of it: the slow sum. */
double spectrum_power(const double *series, size_t count, double cycles_per_value_num,
                      double cycles_per_value_den);

#endif
