/**
 * Logarithm and exponential with the same bits on every machine: additions, multiplications and divisions of
 * doubles in one fixed order, since log and exp of libm differ by version and CPU. Right only with
 * -ffp-contract=off.
 */
#ifndef BASE_EXACT_H
#define BASE_EXACT_H

#include <stdint.h>

/**
 * Returns log2(x). Local.
 *
 * x = 2^e·m with m in [√½, √2); log2 m by the series of artanh((m − 1)/(m + 1)) to the 17th power. Error at
 * most 4.1e-15, and llrint(exact_log2(n)·2^40) grows strictly for whole n below 2^22.
 *
 * @param x  normal and more than 0
 */
double exact_log2(double x);

/**
 * Returns 2^x. Local.
 *
 * n = rint(x), the rest by Taylor's series to the 13th power; relative error at most 1.9e-16.
 *
 * @param x  |x| <= 1000
 */
double exact_exp2(double x);

/** Returns round(log2(n)·2^32), and 0 for n = 0: a logarithm to be summed as integers. Local. */
int64_t fixed_log2(uint64_t n);

#endif
