/* Spectral lines against a slow transform with the mathematical library's functions. */
#include "../feature/asking.h"

#include "spectrum.h"

#include <math.h>

#define MOST 1500

static double uniform(uint64_t *seed)
{
    return (double)(dice(seed) >> 11) * 0x1p-53;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The strongest line, as docs/rules.md says it: behind the first 8, over the median of the 32 nearest. */
static struct spectral_line slow_line(const double *series, size_t count)
{
    double power[MOST] = {0}, ratios[MOST] = {0}, mean = 0;
    struct spectral_line line = {0, 0};
    const size_t half = (count + 1) / 2;
    for (size_t i = 0; i < count; i++)
        mean += series[i] / (double)count;
    for (size_t k = 1; k < half; k++) {
        double re = 0, im = 0;
        for (size_t i = 0; i < count; i++) {
            const double turn = 6.283185307179586477 * (double)(k * i % count) / (double)count;
            re += (series[i] - mean) * cos(turn);
            im -= (series[i] - mean) * sin(turn);
        }
        power[k] = re * re + im * im;
    }
    for (size_t k = 9; k < half; k++) {
        double others[32];
        size_t used = 0, from = k > 17 ? k - 16 : 1;
        if (from + 33 > half)
            from = half - 33;
        for (size_t other = from; other < from + 33; other++)
            if (other != k)
                others[used++] = power[other];
        assert_int_equal(used, 32);
        qsort(others, used, sizeof *others, compare_doubles);
        ratios[k] = power[k] / ((others[15] + others[16]) / 2);
        line.ratio = ratios[k] > line.ratio ? ratios[k] : line.ratio;
    }
    for (size_t k = half; k-- > 9;)
        line.cycles = ratios[k] >= line.ratio / 4 ? k : line.cycles;
    return line;
}

/* Days of 23, 24 and 25 hours in minutes, a month and a week in hours, a prime, and the least there may be.
 */
static void test_lines_are_those_of_a_slow_transform(void **state)
{
    (void)state;
    static const size_t COUNTS[] = {96, 97, 168, 288, 720, 1380, 1440, 1500};
    uint64_t seed = 5;
    for (size_t c = 0; c < sizeof COUNTS / sizeof *COUNTS; c++)
        for (int with = 0; with < 2; with++) {
            double series[MOST];
            struct error err = {0};
            struct spectral_line line;
            for (size_t i = 0; i < COUNTS[c]; i++)
                series[i] = uniform(&seed) +
                            with * 0.5 * cos(6.283185307179586477 * 20 * (double)i / (double)COUNTS[c]);
            asking_check(spectrum_line(series, COUNTS[c], NULL, NULL, &line, &err), &err);
            const struct spectral_line expected = slow_line(series, COUNTS[c]);
            assert_int_equal(line.cycles, expected.cycles);
            assert_true(fabs(line.ratio - expected.ratio) < 1e-6 * expected.ratio);
            if (with)
                assert_int_equal(line.cycles, 20);
        }
}

/* Of random days few have a line of 30: the 99.9 % point of a day's largest is 29 (ALGORITHMS, simulated). */
static void test_random_days_have_no_line(void **state)
{
    (void)state;
    uint64_t seed = 9;
    int found = 0;
    for (int day = 0; day < 400; day++) {
        double series[MOST];
        struct error err = {0};
        struct spectral_line line;
        for (size_t i = 0; i < 1440; i++)
            series[i] = uniform(&seed) < 0.1 ? 1 : 0;
        asking_check(spectrum_line(series, 1440, NULL, NULL, &line, &err), &err);
        found += line.ratio > 30;
    }
    assert_true(found <= 4);
}

static bool is_twenty(size_t cycles, const void *context)
{
    return cycles == *(const size_t *)context;
}

static void test_a_series_that_says_nothing_has_none_and_a_comb_has_the_most(void **state)
{
    (void)state;
    struct error err = {0};
    struct spectral_line line = {1, 1};
    double series[MOST] = {0};
    asking_check(spectrum_line(series, 95, NULL, NULL, &line, &err), &err);
    assert_true(line.ratio == 0);
    for (size_t i = 0; i < 1440; i++)
        series[i] = 0.1;
    asking_check(spectrum_line(series, 1440, NULL, NULL, &line, &err), &err);
    assert_true(line.ratio == 0);
    for (size_t i = 0; i < 1440; i++)
        series[i] = i % 72 == 0;
    asking_check(spectrum_line(series, 1440, NULL, NULL, &line, &err), &err);
    assert_true(line.ratio == SPECTRUM_RATIO_MOST && line.cycles == 20);
    const size_t twenty = 20;
    asking_check(spectrum_line(series, 1440, is_twenty, &twenty, &line, &err), &err);
    assert_int_equal(line.cycles, 40);
}

/* cos² over whole turns is a half: a wave of amplitude 2 has the power (2/2)². */
static void test_the_power_of_one_wave(void **state)
{
    (void)state;
    double series[MOST];
    for (size_t i = 0; i < 1000; i++)
        series[i] = 7 + 2 * sin(6.283185307179586477 * 13 * (double)i / 1000);
    assert_true(fabs(spectrum_power(series, 1000, 13, 1000) - 1) < 1e-9);
    assert_true(spectrum_power(series, 1000, 14, 1000) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_those_of_a_slow_transform),
        cmocka_unit_test(test_random_days_have_no_line),
        cmocka_unit_test(test_a_series_that_says_nothing_has_none_and_a_comb_has_the_most),
        cmocka_unit_test(test_the_power_of_one_wave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
