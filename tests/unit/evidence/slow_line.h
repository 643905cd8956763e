/** Spectral lines the slow way, by the definition and the mathematical library's functions. */
#ifndef SLOW_LINE_H
#define SLOW_LINE_H

#include "spectrum.h"

#include <math.h>
#include <stdlib.h>

#define SLOW_MOST 1500

static inline int slow_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/** cos and sin of the turns t/whole. */
struct slow_turns {
    double re[SLOW_MOST], im[SLOW_MOST];
};

static inline struct slow_turns slow_turns(size_t whole)
{
    struct slow_turns turns = {{0}, {0}};
    for (size_t t = 0; t < whole; t++) {
        turns.re[t] = cos(6.283185307179586477 * (double)t / (double)whole);
        turns.im[t] = sin(6.283185307179586477 * (double)t / (double)whole);
    }
    return turns;
}

/** |Σ (x − mean)·exp(−2πi·cycles·t/whole)|² over the first `count` values. */
static inline double slow_power(const double *series, size_t count, const struct slow_turns *turns,
                                size_t cycles, size_t whole)
{
    double mean = 0, re = 0, im = 0;
    for (size_t i = 0; i < count; i++)
        mean += series[i] / (double)count;
    for (size_t i = 0; i < count; i++) {
        re += (series[i] - mean) * turns->re[cycles * i % whole];
        im -= (series[i] - mean) * turns->im[cycles * i % whole];
    }
    return re * re + im * im;
}

/** The strongest line, as docs/rules.md says it: behind the first 8 and those that are skipped, over the
 * median of the 32 nearest. */
static inline struct spectral_line slow_line(const double *series, size_t count, spectrum_skip *leave_out,
                                             const void *context)
{
    double power[SLOW_MOST] = {0}, ratios[SLOW_MOST] = {0};
    struct spectral_line line = {0, 0};
    const size_t half = (count + 1) / 2;
    const struct slow_turns turns = slow_turns(count);
    for (size_t k = 1; k < half; k++)
        power[k] = slow_power(series, count, &turns, k, count);
    for (size_t k = 9; k < half; k++) {
        double others[32];
        size_t used = 0, from = k > 17 ? k - 16 : 1;
        if (leave_out && leave_out(k, context))
            continue;
        if (from + 33 > half)
            from = half - 33;
        for (size_t other = from; other < from + 33; other++)
            if (other != k)
                others[used++] = power[other];
        qsort(others, used, sizeof *others, slow_compare);
        ratios[k] = power[k] / ((others[15] + others[16]) / 2);
        ratios[k] = ratios[k] < SPECTRUM_RATIO_MOST ? ratios[k] : SPECTRUM_RATIO_MOST;
        line.ratio = ratios[k] > line.ratio ? ratios[k] : line.ratio;
    }
    for (size_t k = half; k-- > 9;)
        line.cycles = ratios[k] >= line.ratio / 4 ? k : line.cycles;
    return line;
}

#endif
