/* The both-groups rule, scores and ranks of IPs, from rows whose groups and scores are written down by hand.
 */
#include "decide/decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY 19024
#define ROWS_MOST 600

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): cmocka gives tests no argument
static struct team *everybody;

/* A row: its IP, hour from the first day on, queries, score, and groups by kmeans2, kmeans, autoencoder. */
struct given {
    const char *ip;
    int hour;
    int64_t queries;
    double score;
    const char *groups;  // a digit a model, '1' is the minority
};

struct scene {
    struct rows rows;
    struct model_scores scores;
    struct ip_table table;
};

static void check(enum status status, const struct error *err)
{
    if (status != STATUS_OK)
        fail_msg("%s: %s", err->where, err->what);
}

/* Gives every rank its run of the rows, which are in (window, IP) order, and judges them. */
static void scene_judge_as(struct scene *scene, const struct given *given, size_t count,
                           const struct ip_role *roles, size_t role_count)
{
    struct error err = {0};
    size_t rank = (size_t)team_rank(everybody), ranks = (size_t)team_size(everybody);
    size_t from = count * rank / ranks, to = count * (rank + 1) / ranks, mine = to - from;
    *scene = (struct scene){0};
    scene->rows = (struct rows){.items = calloc(mine + 1, sizeof *scene->rows.items),
                                .count = mine,
                                .first = (int64_t)from,
                                .total = (int64_t)count};
    int8_t *groups[3];
    scene->scores = (struct model_scores){.row_count = mine, .score = calloc(mine + 1, sizeof(double))};
    for (int m = 0; m < 3; m++)
        groups[m] = calloc(mine + 1, 1);
    if (!scene->rows.items || !scene->scores.score || !groups[0] || !groups[1] || !groups[2])
        abort();
    scene->scores.kmeans2_group = groups[0];
    scene->scores.kmeans_group = groups[1];
    scene->scores.autoencoder_group = groups[2];
    for (size_t i = 0; i < mine; i++) {
        const struct given *row = &given[from + i];
        struct row_data *item = &scene->rows.items[i];
        *item = (struct row_data){.window_s = (int64_t)DAY * 86400 + row->hour * 3600,
                                  .day = DAY + row->hour / 24,
                                  .queries = row->queries};
        assert_true(ip_read(row->ip, strlen(row->ip), &item->ip));
        scene->scores.score[i] = row->score;
        for (int m = 0; m < 3; m++)
            groups[m][i] = (int8_t)(row->groups[m] - '0');
    }
    check(ips_judge(everybody, &scene->rows, &scene->scores, roles, role_count, &scene->table, &err), &err);
}

static void scene_judge(struct scene *scene, const struct given *given, size_t count)
{
    scene_judge_as(scene, given, count, NULL, 0);
}

static void scene_clear(struct scene *scene)
{
    rows_clear(&scene->rows);
    model_scores_free(&scene->scores);
    free(scene->table.items);
}

static const struct ip_judged *judged_of(const struct scene *scene, const char *ip)
{
    struct ip address;
    assert_true(ip_read(ip, strlen(ip), &address));
    for (size_t i = 0; i < scene->table.count; i++)
        if (ip_compare(&scene->table.items[i].ip, &address) == 0)
            return &scene->table.items[i];
    fail_msg("%s is not there", ip);
    return NULL;
}

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static void test_rows_in_both_groups_are_counted_by_day_and_over_the_span(void **state)
{
    (void)state;
    // .1 changes within each of two days, .2 only from one day to the next, .3 never, .4 is always in the
    // minority.
    static const struct given ROWS[] = {
        {"10.0.0.1", 1, 5, 0, "100"},  {"10.0.0.2", 1, 5, 0, "100"},  {"10.0.0.3", 1, 5, 0, "000"},
        {"10.0.0.4", 1, 5, 0, "111"},  {"10.0.0.1", 2, 5, 0, "000"},  {"10.0.0.2", 2, 5, 0, "100"},
        {"10.0.0.1", 24, 5, 0, "000"}, {"10.0.0.2", 24, 5, 0, "001"}, {"10.0.0.1", 47, 5, 0, "101"},
        {"10.0.0.2", 48, 5, 0, "000"}, {"10.0.0.4", 71, 7, 0, "111"},
    };
    struct scene scene;
    struct group_sizes sizes[GROUP_MODELS];
    scene_judge(&scene, ROWS, COUNT(ROWS));
    assert_int_equal(scene.table.count, 4);
    const struct ip_judged *one = judged_of(&scene, "10.0.0.1"), *two = judged_of(&scene, "10.0.0.2"),
                           *three = judged_of(&scene, "10.0.0.3"), *four = judged_of(&scene, "10.0.0.4");
    assert_int_equal(one->rows, 4);
    assert_int_equal(one->days, 2);
    assert_int_equal(one->queries, 20);
    assert_int_equal(one->minority_rows[GROUP_KMEANS2], 2);
    assert_int_equal(one->both_days[GROUP_KMEANS2], 2);
    assert_int_equal(one->both_days[GROUP_KMEANS], 0);
    assert_int_equal(one->both_days[GROUP_AUTOENCODER], 1);
    assert_true(ip_in_both(one, GROUP_KMEANS2) && !ip_in_both(one, GROUP_KMEANS));
    assert_int_equal(one->verdict, VERDICT_NOTICE);
    assert_int_equal(two->days, 3);
    assert_int_equal(two->both_days[GROUP_KMEANS2], 0);
    assert_true(ip_in_both(two, GROUP_KMEANS2) && ip_in_both(two, GROUP_AUTOENCODER));
    assert_int_equal(two->verdict, VERDICT_NOTICE);
    assert_int_equal(three->verdict, VERDICT_NONE);
    assert_false(ip_always_minority(three, GROUP_KMEANS2));
    // Always in the minority: it did not change. It is told apart, and is no notice.
    assert_true(ip_always_minority(four, GROUP_KMEANS2) && ip_always_minority(four, GROUP_AUTOENCODER));
    assert_false(ip_in_both(four, GROUP_KMEANS2));
    assert_int_equal(four->verdict, VERDICT_NONE);
    groups_sum(&scene.table, sizes);
    assert_int_equal(sizes[GROUP_KMEANS2].minority_rows, 2 + 2 + 2);
    assert_int_equal(sizes[GROUP_KMEANS2].majority_rows, 11 - 6);
    assert_int_equal(sizes[GROUP_KMEANS2].both_ips, 2);
    assert_int_equal(sizes[GROUP_KMEANS2].always_minority_ips, 1);
    assert_int_equal(sizes[GROUP_KMEANS].both_ips, 0);
    assert_int_equal(sizes[GROUP_AUTOENCODER].minority_rows, 1 + 1 + 2);
    scene_clear(&scene);
}

static void test_the_score_is_the_mean_of_the_three_largest_and_fewer_count_as_0(void **state)
{
    (void)state;
    static const struct given ROWS[] = {
        {"10.0.0.1", 0, 5, 1.5, "000"}, {"10.0.0.2", 0, 5, 6, "111"},   {"10.0.0.3", 0, 5, 3, "000"},
        {"10.0.0.1", 1, 5, 4.5, "000"}, {"10.0.0.3", 1, 5, 1.5, "000"}, {"10.0.0.1", 2, 5, 0.5, "000"},
        {"10.0.0.1", 3, 5, 3, "000"},   {"10.0.0.4", 30, 5, 0, "000"},
    };
    struct scene scene;
    scene_judge(&scene, ROWS, COUNT(ROWS));
    assert_true(judged_of(&scene, "10.0.0.1")->model_score == 3);  // (4.5 + 3 + 1.5)/3
    assert_true(judged_of(&scene, "10.0.0.2")->model_score == 2);  // 6/3: a single row is listed too
    assert_true(judged_of(&scene, "10.0.0.3")->model_score == 1.5);
    assert_true(judged_of(&scene, "10.0.0.4")->model_score == 0);
    assert_true(judged_of(&scene, "10.0.0.1")->score == 0.75);
    assert_true(judged_of(&scene, "10.0.0.4")->score == 0);
    assert_int_equal(judged_of(&scene, "10.0.0.2")->rows, 1);
    scene_clear(&scene);
}

/* Of those with evidence the strongest comes first, whatever models say; of as strong ones, and of those
 * without any, whom models find odder. */
static void test_evidence_comes_before_models_and_models_break_ties(void **state)
{
    (void)state;
    static const struct given ROWS[] = {
        {"10.0.0.1", 0, 5, 30, "000"}, {"10.0.0.2", 0, 5, 0, "000"}, {"10.0.0.3", 0, 5, 3, "000"},
        {"10.0.0.4", 0, 5, 0, "000"},  {"10.0.0.5", 0, 5, 0, "000"}, {"10.0.0.6", 0, 5, 0, "000"},
    };
    static const char *const ORDER[] = {"10.0.0.4", "10.0.0.3", "10.0.0.2", "10.0.0.1", "10.0.0.5"};
    static const double STRENGTH[] = {0, 2, 2, 4};
    struct scene scene;
    scene_judge(&scene, ROWS, COUNT(ROWS));
    for (size_t i = 1; i < COUNT(STRENGTH); i++) {
        scene.table.items[i].cause = CAUSE_TUNNEL;
        scene.table.items[i].strength = STRENGTH[i];
    }
    ips_rank(&scene.table);
    for (size_t i = 0; i < COUNT(ORDER); i++)
        assert_int_equal(judged_of(&scene, ORDER[i])->rank, i + 1);
    assert_true(judged_of(&scene, "10.0.0.1")->score < 1);
    // What just reaches a threshold has no bits, and is evidence all the same.
    scene.table.items[5].cause = CAUSE_FAULT;
    ips_rank(&scene.table);
    assert_true(judged_of(&scene, "10.0.0.6")->score == 1);
    assert_int_equal(judged_of(&scene, "10.0.0.6")->rank, 4);
    // What only supports other evidence is none.
    scene.table.items[5].strength = 9;
    scene.table.items[5].supports_only = 1;
    ips_rank(&scene.table);
    assert_true(judged_of(&scene, "10.0.0.6")->score == 0);
    scene_clear(&scene);
}

static void test_ranks_are_by_score_and_equal_ones_by_ip(void **state)
{
    (void)state;
    static const struct given ROWS[] = {
        {"10.0.0.2", 0, 5, 3, "000"}, {"10.0.0.10", 0, 5, 3, "000"}, {"10.0.1.1", 0, 5, 9, "000"},
        {"fd00::1", 0, 5, 3, "000"},  {"10.0.0.1", 1, 5, 0, "000"},  {"10.0.0.9", 1, 5, 3, "000"},
    };
    static const char *const ORDER[] = {"10.0.1.1",  "10.0.0.2", "10.0.0.9",
                                        "10.0.0.10", "fd00::1",  "10.0.0.1"};
    struct scene scene;
    scene_judge(&scene, ROWS, COUNT(ROWS));
    for (size_t i = 0; i < COUNT(ORDER); i++)
        assert_int_equal(judged_of(&scene, ORDER[i])->rank, i + 1);
    for (size_t i = 1; i < scene.table.count; i++)  // the table itself is by IP
        assert_true(ip_compare(&scene.table.items[i - 1].ip, &scene.table.items[i].ip) < 0);
    scene_clear(&scene);
}

/* What the rows of an IP come to, by the autoencoder's groups. */
struct plain {
    int64_t rows, queries, minority, both_days;
    double score;
};

static void top_add(double top[3], double score)
{
    for (int t = 0; t < 3; t++)
        if (score > top[t]) {
            double lower = top[t];
            top[t] = score;
            score = lower;
        }
}

static struct plain plain_count(const struct given *rows, size_t count, const char *ip, int days)
{
    struct plain plain = {0};
    double top[3] = {0};
    for (int day = 0; day < days; day++) {
        bool in[2] = {false, false};
        for (size_t i = 0; i < count; i++) {
            if (rows[i].ip != ip || rows[i].hour / 24 != day)
                continue;
            plain.rows++;
            plain.queries += rows[i].queries;
            plain.minority += rows[i].groups[2] == '1';
            in[rows[i].groups[2] == '1'] = true;
            top_add(top, rows[i].score);
        }
        plain.both_days += in[0] && in[1];
    }
    plain.score = (top[0] + top[1] + top[2]) / 3;
    return plain;
}

static int64_t rank_count(const struct ip_table *table, const struct ip_judged *judged)
{
    int64_t rank = 1;
    for (size_t i = 0; i < table->count; i++)
        rank += table->items[i].score > judged->score ||
                (table->items[i].score == judged->score && ip_compare(&table->items[i].ip, &judged->ip) < 0);
    return rank;
}

/* Many rows, counted slowly: any number of ranks has the same table. */
static void test_any_number_of_ranks_judges_as_a_plain_slow_count(void **state)
{
    (void)state;
    static const char *const GROUPS[] = {"000", "001", "010", "100", "111", "000", "000"};
    char ips[40][16];
    struct given rows[ROWS_MOST];
    size_t count = 0;
    struct scene scene;
    for (int ip = 0; ip < 40; ip++)
        (void)snprintf(ips[ip], sizeof ips[ip], "10.0.0.%d", ip + 1);
    for (int hour = 0; hour < 96; hour++)
        for (int ip = 0; ip < 40; ip++)
            if ((hour * 7 + ip * 13) % 8 == 0 && count < ROWS_MOST)
                rows[count++] = (struct given){ips[ip], hour, 1 + hour * ip % 17, hour * (ip + 3) % 23 / 4.0,
                                               GROUPS[(hour + ip * ip) % 7]};
    scene_judge(&scene, rows, count);
    for (int ip = 0; ip < 40; ip++) {
        const struct plain plain = plain_count(rows, count, ips[ip], 4);
        if (plain.rows == 0)
            continue;
        const struct ip_judged *judged = judged_of(&scene, ips[ip]);
        assert_int_equal(judged->rows, plain.rows);
        assert_int_equal(judged->queries, plain.queries);
        assert_int_equal(judged->minority_rows[GROUP_AUTOENCODER], plain.minority);
        assert_int_equal(judged->both_days[GROUP_AUTOENCODER], plain.both_days);
        assert_true(judged->model_score == plain.score);
        assert_int_equal(judged->rank, rank_count(&scene.table, judged));
    }
    scene_clear(&scene);
}

static void test_an_ip_has_the_role_of_its_days(void **state)
{
    (void)state;
    static const struct given ROWS[] = {{"10.0.0.1", 0, 5, 1, "000"}, {"10.0.0.2", 0, 5, 1, "000"}};
    struct scene scene;
    scene_judge(&scene, ROWS, COUNT(ROWS));
    assert_int_equal(judged_of(&scene, "10.0.0.2")->role, ROLE_CLIENT);
    scene_clear(&scene);
    // Each rank knows the roles of the IPs that it owns; 10.0.0.3 has no row.
    struct ip_role roles[2] = {{.role = ROLE_MANY_HOSTS}, {.role = ROLE_SERVER}};
    assert_true(ip_read("10.0.0.2", 8, &roles[0].ip) && ip_read("10.0.0.3", 8, &roles[1].ip));
    bool own = ip_owner(&roles[0].ip, team_size(everybody)) == team_rank(everybody);
    scene_judge_as(&scene, ROWS, COUNT(ROWS), own ? roles : roles + 1, own ? 2 : 1);
    assert_int_equal(judged_of(&scene, "10.0.0.1")->role, ROLE_CLIENT);
    assert_int_equal(judged_of(&scene, "10.0.0.2")->role, ROLE_MANY_HOSTS);
    scene_clear(&scene);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_in_both_groups_are_counted_by_day_and_over_the_span),
        cmocka_unit_test(test_the_score_is_the_mean_of_the_three_largest_and_fewer_count_as_0),
        cmocka_unit_test(test_evidence_comes_before_models_and_models_break_ties),
        cmocka_unit_test(test_ranks_are_by_score_and_equal_ones_by_ip),
        cmocka_unit_test(test_any_number_of_ranks_judges_as_a_plain_slow_count),
        cmocka_unit_test(test_an_ip_has_the_role_of_its_days),
    };
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
