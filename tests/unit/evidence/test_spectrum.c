/* Spectral lines against a slow transform with the mathematical library's functions. */
#include "../feature/asking.h"

#include "slow_line.h"

#define MOST SLOW_MOST

static double uniform(uint64_t *seed)
{
    return (double)(dice(seed) >> 11) * 0x1p-53;
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
            const struct spectral_line expected = slow_line(series, COUNTS[c], NULL, NULL);
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
