/* The line of progress, with a clock of our own. */
#include "meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MB INT64_C(1000000)

static void test_a_log_gets_a_line_every_30_s(void **state)
{
    (void)state;
    struct meter meter = meter_begin("reading logs", 100, false, true);
    int lines = 0;
    for (int quarter = 0; quarter <= 480; quarter++)
        lines += meter_is_due(&meter, 100 + quarter / 4.0);
    assert_int_equal(lines, 4);
    assert_false(meter_is_due(&meter, 225));
}

static void test_a_terminal_gets_five_lines_a_second(void **state)
{
    (void)state;
    struct meter meter = meter_begin("reading logs", 0, true, true);
    int lines = 0;
    for (int tick = 0; tick <= 1000; tick++)
        lines += meter_is_due(&meter, tick / 1000.0 + 0.0001);
    assert_in_range(lines, 5, 6);
}

static void test_the_line_of_a_log(void **state)
{
    (void)state;
    char line[METER_BYTES];
    const struct meter meter = meter_begin("reading logs", 1000, false, true);
    (void)meter_line(&meter, 1004, 1230 * MB, 3000 * MB, line);
    assert_string_equal(line, "reading logs: 41 %, 1.2 GB of 3.0 GB, 308 MB/s, 6 s left");
}

static void test_the_line_of_a_terminal(void **state)
{
    (void)state;
    char line[METER_BYTES];
    const struct meter plain = meter_begin("reading logs", 0, true, false);
    (void)meter_line(&plain, 2, 50 * MB, 200 * MB, line);
    assert_string_equal(line,
                        "reading logs [######------------------] 25 %, 50 MB of 200 MB, 25 MB/s, 6 s left");
    const struct meter color = meter_begin("reading logs", 0, true, true);
    (void)meter_line(&color, 2, 50 * MB, 200 * MB, line);
    assert_non_null(strstr(line, "\033[32m######\033[0m"));
}

static void test_nothing_is_foretold_of_nothing(void **state)
{
    (void)state;
    char line[METER_BYTES];
    const struct meter meter = meter_begin("reading logs", 0, false, false);
    (void)meter_line(&meter, 0, 0, 0, line);
    assert_string_equal(line, "reading logs: 0 %, 0 B of 0 B");
    (void)meter_line(&meter, 1, 9, 4, line);
    assert_string_equal(line, "reading logs: 100 %, 9 B of 4 B, 9 B/s, 0 s left");
}

/* A rate that swings by a quarter about its mean every seven seconds: from a tenth on the time left is within
 * a fifth of what it turns out to be, till there are so few seconds left that rounding counts. */
static void test_the_time_left_comes_true(void **state)
{
    (void)state;
    char line[METER_BYTES];
    const struct meter meter = meter_begin("reading logs", 0, false, false);
    const double whole_s = 700;
    double done = 0, sum = 0;
    for (int second = 0; second < 700; second++)
        sum += second / 7 % 2 ? 125.0 : 75.0;
    for (int second = 0; second < 700; second++) {
        done += second / 7 % 2 ? 125.0 : 75.0;
        double now_s = second + 1;
        (void)meter_line(&meter, now_s, (int64_t)done * MB, (int64_t)sum * MB, line);
        char *left = strstr(line, "/s, ");
        if (done < sum / 10 || whole_s - now_s < 30)
            continue;
        assert_non_null(left);
        double told_s = strtod(left + 4, &left);
        told_s *= strncmp(left, " min", 4) == 0 ? 60 : 1;
        assert_true(told_s > 0.8 * (whole_s - now_s) && told_s < 1.2 * (whole_s - now_s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_log_gets_a_line_every_30_s),
        cmocka_unit_test(test_a_terminal_gets_five_lines_a_second),
        cmocka_unit_test(test_the_line_of_a_log),
        cmocka_unit_test(test_the_line_of_a_terminal),
        cmocka_unit_test(test_nothing_is_foretold_of_nothing),
        cmocka_unit_test(test_the_time_left_comes_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
