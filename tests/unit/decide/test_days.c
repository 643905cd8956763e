/* p of an IP's day against a slow count, on any number of ranks. */
#include "decide/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IPS 12
#define DAYS 10
#define ROWS_MOST (IPS * DAYS * 24)

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): cmocka gives tests no argument
static struct team *everybody;

static int windows_of(int ip, int day)
{
    return 1 + (ip * 7 + day * 3) % 14;
}

static double score_of(int ip, int day, int window)
{
    return (ip * 31 + day * 17 + window * 5) % 40 / 8.0;
}

/* The mean of the three largest, by sorting. */
static double day_score(int ip, int day)
{
    double top[3] = {0};
    for (int w = 0; w < windows_of(ip, day); w++)
        for (int i = 0; i < 3; i++)
            if (score_of(ip, day, w) > top[i]) {
                for (int k = 2; k > i; k--)
                    top[k] = top[k - 1];
                top[i] = score_of(ip, day, w);
                break;
            }
    return (top[0] + top[1] + top[2]) / 3;
}

static int bin_of(int windows)
{
    return windows == 1 ? 0 : windows == 2 ? 1 : windows <= 5 ? 2 : windows <= 11 ? 3 : 4;
}

/* The fit saw the first six days; IP 3 has evidence on day 8, over one day. */
static bool is_normal(int ip, int day)
{
    return day >= 6 && !(ip == 3 && day == 8);
}

static double slow_p(int ip, int day)
{
    int all = 0, larger = 0;
    for (int i = 0; i < IPS; i++)
        for (int d = 0; d < DAYS; d++)
            if (is_normal(i, d) && bin_of(windows_of(i, d)) == bin_of(windows_of(ip, day))) {
                all++;
                larger += day_score(i, d) >= day_score(ip, day);
            }
    return (1.0 + larger) / (1.0 + all);
}

/* The largest i with p_(i) <= i·alpha/m rejects all of rank i and better; q is the least alpha that rejects:
 * one of m·p/i over the ranks. Tried one by one. */
static double slow_q(int ip, int day)
{
    double least = 1;
    for (int k = 0; k < IPS; k++) {
        int rank = 0;
        for (int i = 0; i < IPS; i++)
            rank += slow_p(i, day) <= slow_p(k, day);
        const double alpha = IPS * slow_p(k, day) / rank;
        if (slow_p(ip, day) <= slow_p(k, day) && alpha < least)
            least = alpha;
    }
    return least;
}

static struct ip ip_of(int number)
{
    struct ip ip = {.bytes = {[10] = 0xff, 0xff, 10, 0, 0, (uint8_t)(number + 1)}};
    return ip;
}

static void test_p_is_that_of_a_slow_count(void **state)
{
    (void)state;
    struct error err = {0};
    size_t count = 0, rank = (size_t)team_rank(everybody), ranks = (size_t)team_size(everybody);
    struct row_data *all = calloc(ROWS_MOST, sizeof *all);
    double *scores = calloc(ROWS_MOST, sizeof *scores);
    uint8_t *seen = calloc(ROWS_MOST, 1);
    int8_t *groups = calloc(ROWS_MOST, 1);
    assert_true(all && scores && seen && groups);
    for (int day = 0; day < DAYS; day++)
        for (int window = 0; window < 24; window++)
            for (int ip = 0; ip < IPS; ip++) {
                if (window >= windows_of(ip, day))
                    continue;
                all[count] =
                    (struct row_data){.window_s = day * 86400 + window * 3600, .ip = ip_of(ip), .day = day};
                seen[count] = day < 6;
                groups[count] = (int8_t)(ip == 5 && window == 0 ? 1 : 0);
                scores[count++] = score_of(ip, day, window);
            }
    const size_t from = count * rank / ranks, to = count * (rank + 1) / ranks;
    struct rows rows = {.items = all + from, .count = to - from};
    struct model_scores models = {.score = scores + from,
                                  .kmeans2_group = groups + from,
                                  .kmeans_group = groups + from,
                                  .autoencoder_group = groups + from};
    const struct scored scored = {.rows = &rows, .scores = &models, .seen = seen + from};
    struct evidence item = {.ip = ip_of(3), .day = 8, .window_days = 1};
    const struct evidence_list evidence = {.items = &item, .count = 1};
    struct day_list days;
    assert_int_equal(ip_days_make(everybody, &scored, &days, &err), STATUS_OK);
    assert_int_equal(ip_days_calibrate(everybody, &evidence, &days, &err), STATUS_OK);
    assert_int_equal(days.total, IPS * DAYS);
    int64_t below_one = 0;
    for (size_t i = 0; i < days.count; i++) {
        const struct day_judged *day = &days.items[i];
        const int ip = day->ip.bytes[15] - 1, number = (int)day->day;
        // By day, then IP, over all ranks.
        assert_int_equal(days.first + (int64_t)i, number * IPS + ip);
        assert_int_equal(day->windows, windows_of(ip, number));
        assert_true(day->score == day_score(ip, number));
        assert_true(day->p == slow_p(ip, number));
        assert_true(fabs(day->q - slow_q(ip, number)) < 1e-14);
        below_one += day->q < 1;
        assert_int_equal(day->both[GROUP_KMEANS], ip == 5 && windows_of(ip, number) > 1);
    }
    team_sum_i64(everybody, &below_one, 1);
    assert_true(below_one > 0 && below_one < IPS * DAYS);
    free(days.items);
    free(all);
    free(scores);
    free(seen);
    free(groups);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_p_is_that_of_a_slow_count)};
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
