#include "spectrum.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Ordinates to each side that a line is compared with, and the first ones, which are left out. */
#define SIDE 16
#define NEIGHBOURS (2 * SIDE)
#define FIRST 9
#define SERIES_LEAST 96
#define OVERTONES 4

struct complex {
    double re, im;
};

/* cos and sin of a quarter turn at most, by their series: the next term is below 2^-60. */
static struct complex series_of(double x)
{
    const double z = x * x;
    double c = 1.0 / 20922789888000.0, s = 1.0 / 355687428096000.0;
    c = 1.0 / -87178291200.0 + z * c;
    s = 1.0 / -1307674368000.0 + z * s;
    c = 1.0 / 479001600.0 + z * c;
    s = 1.0 / 6227020800.0 + z * s;
    c = 1.0 / -3628800.0 + z * c;
    s = 1.0 / -39916800.0 + z * s;
    c = 1.0 / 40320.0 + z * c;
    s = 1.0 / 362880.0 + z * s;
    c = 1.0 / -720.0 + z * c;
    s = 1.0 / -5040.0 + z * s;
    c = 1.0 / 24.0 + z * c;
    s = 1.0 / 120.0 + z * s;
    c = -0.5 + z * c;
    s = 1.0 / -6.0 + z * s;
    return (struct complex){1 + z * c, x * (1 + z * s)};
}

/* exp(−2πi·part/whole), part < whole. */
static struct complex turned(size_t part, size_t whole)
{
    const size_t quarter = (4 * part + whole / 2) / whole;
    const double rest = (double)(4 * part) - (double)(quarter * whole);
    const struct complex at = series_of(1.5707963267948966 * rest / (double)whole);
    switch (quarter % 4) {
    case 0: return (struct complex){at.re, -at.im};
    case 1: return (struct complex){-at.im, -at.re};
    case 2: return (struct complex){-at.re, at.im};
    default: return (struct complex){at.im, at.re};
    }
}

static struct complex times(struct complex a, struct complex b)
{
    return (struct complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static size_t least_factor(size_t count)
{
    for (size_t factor = 2; factor * factor <= count; factor++)
        if (count % factor == 0)
            return factor;
    return count;
}

/* The transform of in[0], in[step], … [count] into out[count], by factors of the count (Cooley and Tukey).
 * turns[whole] are the powers of the root; room[count] is overwritten. */
static void transform(const double *in, size_t step, size_t count, const struct complex *turns, size_t whole,
                      struct complex *out, struct complex *room)
{
    if (count == 1) {
        *out = (struct complex){*in, 0};
        return;
    }
    const size_t factor = least_factor(count), part = count / factor;
    for (size_t f = 0; f < factor; f++)
        transform(in + f * step, step * factor, part, turns, whole, room + f * part, out + f * part);
    for (size_t k = 0; k < count; k++) {
        struct complex sum = {0, 0};
        for (size_t f = 0; f < factor; f++) {
            const struct complex term = times(room[f * part + k % part], turns[f * k % count * step]);
            sum.re += term.re;
            sum.im += term.im;
        }
        out[k] = sum;
    }
}

/* ---- whitening ---- */

/* Values in order. */
struct window {
    double values[NEIGHBOURS + 1];
    size_t count;
};

static void window_put(struct window *window, double value)
{
    size_t at = window->count++;
    for (; at > 0 && window->values[at - 1] > value; at--)
        window->values[at] = window->values[at - 1];
    window->values[at] = value;
}

static void window_drop(struct window *window, double value)
{
    size_t at = 0;
    while (window->values[at] != value)
        at++;
    window->count--;
    memmove(window->values + at, window->values + at + 1, (window->count - at) * sizeof value);
}

/* The ratio of power[k] to the median of the others in the window, of which it is one. */
static double ratio_of(const struct window *window, double power)
{
    double others[NEIGHBOURS] = {0};
    size_t count = 0;
    bool is_out = false;
    for (size_t i = 0; i < window->count; i++) {
        if (!is_out && window->values[i] == power)
            is_out = true;
        else
            others[count++] = window->values[i];
    }
    const double median = (others[(count - 1) / 2] + others[count / 2]) / 2;
    return power < SPECTRUM_RATIO_MOST * median ? power / median : SPECTRUM_RATIO_MOST;
}

/* The strongest line among power[1 … end), which has room for a window; ratios[end] are all 0. */
static void strongest(const double *power, size_t end, double least, spectrum_skip *skip, const void *context,
                      double *ratios, struct spectral_line *line)
{
    struct window window = {.count = 0};
    size_t from = 1, to = 1;
    for (size_t k = FIRST; k < end; k++) {
        const size_t wanted = k > SIDE + 1 ? k - SIDE : 1;
        const size_t begin = wanted + NEIGHBOURS + 1 <= end ? wanted : end - NEIGHBOURS - 1;
        for (; to < begin + NEIGHBOURS + 1; to++) {
            if (to - from > NEIGHBOURS)
                window_drop(&window, power[from++]);
            window_put(&window, power[to]);
        }
        if (power[k] <= least || (skip && skip(k, context)))
            continue;
        const double ratio = ratio_of(&window, power[k]);
        ratios[k] = ratio;
        line->ratio = ratio > line->ratio ? ratio : line->ratio;
    }
    // Of a tone and its overtones the tone: they are about as strong, and chance says which is strongest.
    for (size_t k = FIRST; k < end && line->cycles == 0 && line->ratio > 0; k++)
        if (OVERTONES * ratios[k] >= line->ratio)
            line->cycles = k;
}

enum status spectrum_line(const double *series, size_t count, spectrum_skip *skip, const void *context,
                          struct spectral_line *line, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t half = (count + 1) / 2;  // what comes every second value is left out: it has no phase
    double mean = 0, all = 0;
    *line = (struct spectral_line){0, 0};
    if (count < SERIES_LEAST)
        return STATUS_OK;
    struct complex *turns = malloc(3 * count * sizeof *turns);
    double *power = calloc(2 * count, sizeof *power);
    if (!turns || !power) {
        status = error_set(err, STATUS_NO_MEMORY, "evidence", "", "no room for a spectrum");
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        turns[i] = turned(i, count);
        mean += series[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++)
        power[count + i] = series[i] - mean;
    transform(power + count, 1, count, turns, count, turns + count, turns + 2 * count);
    for (size_t k = 1; k < half; k++) {
        const struct complex at = turns[count + k];
        power[k] = at.re * at.re + at.im * at.im;
        all += power[k];
    }
    // Of a series of one value nothing is left but rounding; a line is a thousandth of the whole, or none.
    memset(power + count, 0, count * sizeof *power);
    strongest(power, half, all > 1e-9 ? all / 1000 : 1e-9, skip, context, power + count, line);
done:
    free(turns);
    free(power);
    return status;
}

double spectrum_power(const double *series, size_t count, double num, double den)
{
    double re = 0, im = 0, mean = 0;
    for (size_t i = 0; i < count; i++)
        mean += series[i] / (double)count;
    for (size_t i = 0; i < count; i++) {
        const double turns = num * (double)i / den, rest = turns - (double)(int64_t)turns;
        const struct complex at = turned((size_t)(rest * 0x1p40), (size_t)1 << 40);
        re += (series[i] - mean) * at.re;
        im += (series[i] - mean) * at.im;
    }
    return (re * re + im * im) / ((double)count * (double)count);
}
