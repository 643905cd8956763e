/* Rows made of shards: features by hand, days and nights, the span, new domains, forwarders that mix case,
 * and equal runs of the same rows for any number of ranks. */
#include "../table/stored.h"

#include "base/exact.h"
#include "rows/rows.h"

/* 2022-02-01, a Tuesday, in Tokyo. */
#define DAY 19024
#define DAY_S ((int64_t)DAY * 86400 - 32400)
#define LOCAL(day, hour, minute, second)                                                                     \
    ((DAY_S + (int64_t)(day)*86400 + (hour)*3600 + (minute)*60 + (second)) * 1000)

struct scene {
    struct team *team;  // borrowed
    struct asking asking;
    char dir[64];
    struct calendar *calendar;
    struct rows_plan plan;
    struct rows rows;
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): cmocka gives tests no argument
static struct team *everybody;

static struct calendar *calendar_make(const struct team *team, const char *dir)
{
    char path[100];
    char *paths[1] = {path};
    struct calendar *calendar = NULL;
    struct error err = {0};
    int64_t all = 1;
    (void)snprintf(path, sizeof path, "%s/days.csv", dir);
    if (team_rank(team) == 0) {
        FILE *file = fopen(path, "w");
        if (!file)
            abort();
        (void)fputs("date,kind,name\n2022-02-11,holiday,Foundation\n2022-02-12,workday,\n2022-02-14,half,\n",
                    file);
        (void)fclose(file);
    }
    team_sum_i64(team, &all, 1);
    asking_check(calendar_read(paths, 1, &calendar, &err), &err);
    return calendar;
}

static int scene_begin(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    *state = scene;
    if (!scene)
        return -1;
    scene->team = everybody;
    asking_begin(&scene->asking, "Asia/Tokyo");
    stored_begin(scene->team, scene->dir);
    scene->calendar = calendar_make(scene->team, scene->dir);
    scene->plan = (struct rows_plan){.dir = scene->dir,
                                     .set = FEATURE_SET_FULL,
                                     .from_s = INT64_MIN,
                                     .to_s = INT64_MAX,
                                     .zone = scene->asking.zone,
                                     .calendar = scene->calendar,
                                     .night = {20 * 60, 7 * 60}};
    return 0;
}

static int scene_end(void **state)
{
    struct scene *scene = *state;
    rows_clear(&scene->rows);
    stored_end(scene->team, scene->dir);
    calendar_free(scene->calendar);
    asking_end(&scene->asking);
    free(scene);
    return 0;
}

/* Rank 0 makes the store, in days of so many parts, and all load it. */
static void rows_make(struct scene *scene, const struct ask *asks, size_t count, int parts)
{
    int64_t all = 1;
    struct error err = {0};
    if (team_rank(scene->team) == 0)
        stored_days(&scene->asking, scene->dir, asks, count, parts);
    team_sum_i64(scene->team, &all, 1);
    rows_clear(&scene->rows);
    asking_check(rows_load(scene->team, &scene->plan, &scene->rows, &err), &err);
}

/* A row with all that the columns have of it. Plain bytes. */
struct whole_row {
    struct row_data data;
    float values[FEATURES_MOST], shown[FEATURES_MOST];
    uint32_t numerators[FEATURES_MOST];  // before rows_shrink, of SHARE features
    int64_t raw[TALK_FEATURES];
};

/* All rows of all ranks, in order; free() them. */
static struct whole_row *rows_gather(const struct team *team, const struct rows *rows, size_t *count)
{
    void *all = NULL;
    size_t bytes = 0;
    struct error err = {0};
    struct whole_row *mine = calloc(rows->count + 1, sizeof *mine);
    if (!mine)
        abort();
    for (size_t i = 0; i < rows->count; i++) {
        mine[i].data = rows->items[i];
        for (size_t f = 0; f < rows->columns; f++) {
            mine[i].values[f] = rows->values[i * rows->columns + f].value;
            mine[i].numerators[f] = rows->values[i * rows->columns + f].numerator;
            mine[i].shown[f] = rows->shown[i * rows->columns + f];
        }
        memcpy(mine[i].raw, rows->raw + i * TALK_FEATURES, sizeof mine[i].raw);
    }
    asking_check(team_gather(team, mine, rows->count * sizeof *mine, &all, &bytes, &err), &err);
    free(mine);
    *count = bytes / sizeof *mine;
    assert_int_equal(*count, rows->total);
    return all;
}

static struct whole_row *rows_all(const struct scene *scene, size_t *count)
{
    return rows_gather(scene->team, &scene->rows, count);
}

static void is_near(const char *name, float value, double expected)
{
    double far = (double)value - expected;
    if (far > 1e-6 || far < -1e-6)
        fail_msg("%s is %.9g, expected %.9g", name, (double)value, expected);
}

static const struct ask EIGHT[] = {
    {LOCAL(0, 12, 0, 0), "10.0.0.1", "www.a.com", "A", NULL, NULL},
    {LOCAL(0, 12, 0, 1), "10.0.0.1", "www.a.com", "A", NULL, NULL},
    {LOCAL(0, 12, 0, 2), "10.0.0.1", "www.a.com", "A", NULL, NULL},
    {LOCAL(0, 12, 0, 3), "10.0.0.1", "www.a.com", "A", NULL, NULL},
    {LOCAL(0, 12, 1, 0), "10.0.0.1", "b.com", "TXT", NULL, NULL},
    {LOCAL(0, 12, 2, 0), "10.0.0.1", "b.com", "TXT", NULL, NULL},
    {LOCAL(0, 12, 3, 0), "10.0.0.1", "x.y.c.com", "AAAA", NULL, NULL},
    {LOCAL(0, 12, 3, 30), "10.0.0.1", "wWw.d.com", "NULL", "-", NULL},
};

static void test_full_features_of_eight_queries_by_hand(void **state)
{
    struct scene *scene = *state;
    size_t count = 0;
    const double shown[FULL_FEATURES] = {
        [FULL_QUERIES] = 8,
        [FULL_ACTIVE_TIME] = 4. / 60,
        [FULL_PEAK_UNIT] = 0.5,
        [FULL_TYPE_A] = 0.5,
        [FULL_TYPE_AAAA] = 0.125,
        [FULL_TYPE_TXT] = 0.25,
        [FULL_TYPE_NULL] = 0.125,
        [FULL_NAMES] = 4,
        [FULL_DOMAINS] = 4,
        // (8·3 − 4·2 − 2·1)/8 bits of at most log2(1 + 4)
        [FULL_DOMAIN_ENTROPY] = 1.75 / exact_log2(5),
        [FULL_NEW_DOMAINS] = 1,
        [FULL_SUB_LENGTH_MEAN] = 2.25,
        [FULL_SUB_LENGTH_MAX] = 3,
        [FULL_LABEL_LENGTH_MAX] = 3,
        [FULL_MIXED_CASE] = 0.125,
        [FULL_INFO_BYTES] = 3,
        [FULL_REPEATED] = 0.5,
        [FULL_TOP_DOMAIN] = 0.5,
        [FULL_NO_EDNS] = 0.125,
        [FULL_ODD_FLAGS] = 0.125,
        [FULL_RESOLVERS] = 1,
    };
    rows_make(scene, EIGHT, 8, 1);
    struct whole_row *all = rows_all(scene, &count);
    assert_int_equal(count, 1);
    for (size_t f = 0; f < FULL_FEATURES; f++)
        if (f != FULL_BIGRAM_LLR)  // the table of letter pairs has its own reference
            is_near(feature_info(FEATURE_SET_FULL, f)->name, all->shown[f], shown[f]);
    is_near("log of queries", all->values[FULL_QUERIES], exact_log2(9));
    is_near("log of the mean length", all->values[FULL_SUB_LENGTH_MEAN], exact_log2(3.25));
    assert_int_equal(all->numerators[FULL_TYPE_A], 4);
    assert_int_equal(all->numerators[FULL_REPEATED], 4);
    free(all);
}

static void test_shares_are_drawn_to_the_mean_of_the_rows_in_use(void **state)
{
    struct scene *scene = *state;
    struct ask asks[12];
    double means[FEATURES_MOST];
    size_t count = 0;
    memcpy(asks, EIGHT, sizeof EIGHT);
    for (size_t i = 8; i < 12; i++)  // a second row: four queries of type A
        asks[i] = (struct ask){LOCAL(1, 9, 0, (int)i), "10.0.0.2", "www.a.com", "A", NULL, NULL};
    rows_make(scene, asks, 12, 1);
    uint8_t *use = calloc(scene->rows.count + 1, 1);
    for (size_t i = 0; i < scene->rows.count; i++)
        use[i] = 2;
    rows_means(scene->team, &scene->rows, use, 1, means);
    assert_true(means[FULL_TYPE_A] == 0);  // no row is in that use
    rows_means(scene->team, &scene->rows, use, 2, means);
    is_near("mean share of A", (float)means[FULL_TYPE_A], 8. / 12);
    is_near("mean share of TXT", (float)means[FULL_TYPE_TXT], 2. / 12);
    assert_true(means[FULL_QUERIES] == 0);  // a count has none
    rows_shrink(&scene->rows, means);
    struct whole_row *all = rows_all(scene, &count);
    assert_int_equal(count, 2);
    is_near("A of the first row", all[0].values[FULL_TYPE_A], (4 + 4 * 8. / 12) / 12);
    is_near("A of the second row", all[1].values[FULL_TYPE_A], (4 + 4 * 8. / 12) / 8);
    is_near("TXT of the second row, squared", all[1].values[FULL_TYPE_TXT] * all[1].values[FULL_TYPE_TXT],
            (0 + 4 * 2. / 12) / 8);
    is_near("what a person sees", all[1].shown[FULL_TYPE_A], 1);
    free(all);
    free(use);
}

static void test_talk_features_of_eight_queries_by_hand(void **state)
{
    struct scene *scene = *state;
    size_t count = 0;
    // In 2^-12: counts exact, 4/60 rounded to 273.
    const int64_t raw[TALK_FEATURES] = {8 * 4096, 2048, 512, 0, 1024, 512, 0, 0, 0, 0, 4096, 0, 4096, 0, 273};
    const double values[TALK_FEATURES] = {8, 0.5, 0.125, 0, 0.25, 0.125, 0, 0, 0, 0, 1, 0, 1, 0, 4. / 60};
    for (int set = 0; set < 2; set++) {
        scene->plan.set = set ? FEATURE_SET_TALK : FEATURE_SET_FULL;
        rows_make(scene, EIGHT, 8, 1);
        struct whole_row *all = rows_all(scene, &count);
        for (size_t f = 0; f < TALK_FEATURES; f++) {
            assert_int_equal(all->raw[f], raw[f]);  // kmeans2 has them whatever the set
            if (set)
                is_near(feature_info(FEATURE_SET_TALK, f)->name, all->values[f], values[f]);
        }
        free(all);
    }
}

static void test_night_and_holiday_are_by_the_local_clock_and_calendar(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    size_t count = 0;
    const struct {
        int day, hour;
        bool night, holiday;
    } cases[] = {
        {0, 0, true, false},    {0, 6, true, false},   {0, 7, false, false}, {0, 19, false, false},
        {0, 20, true, false},   {0, 23, true, false},  {4, 12, false, true},  // Saturday
        {5, 12, false, true},  // Sunday
        {10, 12, false, true},  // Friday the 11th, listed
        {11, 12, false, false},  // a Saturday on which people work
        {12, 12, false, true},  {13, 21, true, false},  // half a day is a working day
    };
    struct ask asks[sizeof cases / sizeof cases[0]];
    const size_t cases_count = sizeof cases / sizeof cases[0];
    for (size_t i = 0; i < cases_count; i++)
        asks[i] =
            (struct ask){LOCAL(cases[i].day, cases[i].hour, 59, 59), "10.0.0.1", "a.com", "A", NULL, NULL};
    rows_make(scene, asks, cases_count, 1);
    struct whole_row *all = rows_all(scene, &count);
    assert_int_equal(count, cases_count);
    for (size_t i = 0; i < cases_count; i++) {
        if (all[i].data.is_night != cases[i].night || all[i].data.is_holiday != cases[i].holiday)
            fail_msg("day %d, hour %d: night %d, holiday %d", cases[i].day, cases[i].hour,
                     all[i].data.is_night, all[i].data.is_holiday);
        assert_int_equal(all[i].data.day, DAY + cases[i].day);
        assert_int_equal(all[i].data.window_s, (LOCAL(cases[i].day, cases[i].hour, 0, 0)) / 1000);
        assert_true(all[i].shown[FULL_NIGHT] == cases[i].night &&
                    all[i].shown[FULL_HOLIDAY] == cases[i].holiday);
    }
    free(all);
    scene->plan.night = (struct job_night){9 * 60, 10 * 60};  // not over midnight
    rows_clear(&scene->rows);
    asking_check(rows_load(scene->team, &scene->plan, &scene->rows, &err), &err);
    all = rows_all(scene, &count);
    for (size_t i = 0; i < count; i++)
        assert_false(all[i].data.is_night);
    free(all);
}

static void test_the_span_cuts_rows_and_the_days_before_it_are_history(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    static const int DAYS[] = {0, 4, 5, 34, 35, 36, 37, 38, 39};
    struct ask asks[9 * 24];
    size_t count = 0, asked = 0;
    for (size_t day = 0; day < sizeof DAYS / sizeof DAYS[0]; day++)
        for (int hour = 0; hour < 24; hour++)
            asks[asked++] = (struct ask){LOCAL(DAYS[day], hour, 0, 0), "10.0.0.1", "a.com", "A", NULL, NULL};
    scene->plan.from_s = LOCAL(35, 22, 30, 0) / 1000;
    scene->plan.to_s = LOCAL(37, 1, 0, 0) / 1000;
    rows_make(scene, asks, asked, 1);
    struct whole_row *all = rows_all(scene, &count);
    assert_int_equal(count, 1 + 24 + 1);  // 23 h, a day, 0 h: a window belongs where it begins
    assert_int_equal(all[0].data.window_s, LOCAL(35, 23, 0, 0) / 1000);
    assert_int_equal(all[25].data.window_s, LOCAL(37, 0, 0, 0) / 1000);
    free(all);
    assert_int_equal(scene->rows.day_count, 3);
    assert_int_equal(scene->rows.history_days, 2);  // days 5 and 34: day 4 is 31 days before
    assert_int_equal(scene->rows.window_s, 3600);
    assert_int_equal(scene->rows.unit_s, 60);
    scene->plan.from_s = LOCAL(40, 0, 0, 0) / 1000;
    scene->plan.to_s = INT64_MAX;
    rows_clear(&scene->rows);
    assert_int_equal(rows_load(scene->team, &scene->plan, &scene->rows, &err), STATUS_NO_INPUT);
    assert_string_equal(err.what, "the store has no day in the span");
    scene->plan.from_s = LOCAL(39, 23, 1, 0) / 1000;
    assert_int_equal(rows_load(scene->team, &scene->plan, &scene->rows, &err), STATUS_NO_INPUT);
    assert_string_equal(err.what, "the store has no row in the span");
    assert_null(scene->rows.items);
}

static void test_a_domain_is_new_when_few_ask_and_nobody_did_for_30_days(void **state)
{
    struct scene *scene = *state;
    static const char *const IPS[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"};
    struct ask asks[64];
    size_t count = 0, asked = 0;
    const int days[] = {0, 5, 35, 66};  // 66 − 35 = 31 days later
    for (size_t i = 0; i < 4; i++)
        for (int n = 0; n < 3; n++)
            asks[asked++] = (struct ask){LOCAL(days[i], 9, n, 0), "10.0.0.1", "a.com", "A", NULL, NULL};
    // On day 5 six clients ask for pop.com and five for few.com.
    for (size_t i = 0; i < 6; i++)
        asks[asked++] = (struct ask){LOCAL(5, 10, 0, 0), IPS[i], "www.pop.com", "A", NULL, NULL};
    for (size_t i = 0; i < 5; i++)
        asks[asked++] = (struct ask){LOCAL(5, 11, 0, 0), IPS[i], "www.few.com", "A", NULL, NULL};
    for (int parts = 1; parts <= 2; parts++) {
        rows_make(scene, asks, asked, parts);
        struct whole_row *all = rows_all(scene, &count);
        assert_int_equal(count, 4 + 6 + 5);
        for (size_t i = 0; i < count; i++) {
            int64_t day = all[i].data.day - DAY, hour = (all[i].data.window_s - DAY_S) / 3600 % 24;
            uint32_t expected = day == 0 || day == 66 ? 3 : hour == 11 ? 1 : 0;
            if (all[i].numerators[FULL_NEW_DOMAINS] != expected)
                fail_msg("day %d, hour %d: %u new, expected %u", (int)day, (int)hour,
                         all[i].numerators[FULL_NEW_DOMAINS], expected);
        }
        free(all);
    }
}

/* ---- forwarders that mix the case of all names ---- */

/* Asks for `domains` domains in mixed case, and as often in lower case. */
static size_t mixed_asks(struct ask *asks, char names[][40], const char *ip, int domains)
{
    for (int i = 0; i < domains; i++) {
        (void)snprintf(names[i], 40, "wWw.site%d.com", i);
        asks[2 * i] = (struct ask){LOCAL(0, 8, i, 0), ip, names[i], "A", NULL, NULL};
        asks[2 * i + 1] = (struct ask){LOCAL(0, 9, i, 0), ip, "plain.com", "A", NULL, NULL};
    }
    return 2 * (size_t)domains;
}

static uint32_t mixed_queries(const struct scene *scene)
{
    size_t count = 0;
    uint32_t mixed = 0;
    struct whole_row *all = rows_all(scene, &count);
    for (size_t i = 0; i < count; i++)
        mixed += all[i].numerators[FULL_MIXED_CASE];
    free(all);
    return mixed;
}

static void test_who_mixes_the_case_of_twenty_domains_has_no_mixed_case(void **state)
{
    struct scene *scene = *state;
    struct ask asks[50];
    char names[25][40];
    rows_make(scene, asks, mixed_asks(asks, names, "10.0.0.1", 19), 1);
    assert_int_equal(mixed_queries(scene), 19);
    rows_make(scene, asks, mixed_asks(asks, names, "10.0.0.1", 20), 1);
    assert_int_equal(mixed_queries(scene), 0);
    for (size_t i = 0; i < scene->rows.host_count; i++)
        assert_int_equal(scene->rows.hosts[i].mixes_case, 1);
    // One more query in lower case, and less than half of them is mixed.
    size_t count = mixed_asks(asks, names, "10.0.0.1", 20);
    asks[count++] = (struct ask){LOCAL(0, 10, 0, 0), "10.0.0.1", "plain.com", "A", NULL, NULL};
    rows_make(scene, asks, count, 1);
    assert_int_equal(mixed_queries(scene), 20);
}

/* Twenty names that look like base64 by their case alone, and one that does by its digits as well. */
static void test_a_forwarder_that_mixes_case_carries_no_base64_by_chance(void **state)
{
    struct scene *scene = *state;
    struct ask asks[50];
    char names[25][64];
    size_t count = 0;
    uint64_t encoded = 0;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(names[i], sizeof names[i], "aNoRdInArYhOsTnAmEs%02d.dOmAiN%c.com", i + 10, 'a' + i);
        asks[count++] = (struct ask){LOCAL(0, 10, 0, i), "10.0.0.1", names[i], "A", NULL, NULL};
    }
    asks[count++] =
        (struct ask){LOCAL(0, 10, 1, 0), "10.0.0.1", "a1B2c3D4e5F6g7H8i9J0kL.dOmAiNa.com", "A", NULL, NULL};
    for (int few = 0; few < 2; few++) {
        rows_make(scene, asks + few, few ? 1 : count, 1);
        encoded = 0;
        size_t rows = 0;
        struct whole_row *all = rows_all(scene, &rows);
        for (size_t i = 0; i < rows; i++)
            encoded += all[i].numerators[FULL_ENCODED];
        free(all);
        assert_int_equal(encoded,
                         1);  // of the forwarder the one with digits; of a person whatever looks like it
    }
}

static void test_who_spells_three_of_ten_names_anew_has_no_mixed_case(void **state)
{
    struct scene *scene = *state;
    static const char *const SPELLINGS[] = {"a0.WWW.com", "a1.WWW.com", "a2.WWW.com", "a3.WWW.com",
                                            "a4.WWW.com", "a5.WWW.com", "a6.WWW.com", "a7.WWW.com",
                                            "a8.WWW.com", "a9.WWW.com"};
    static const char *const ANEW[] = {"a0.wWw.com", "a1.WwW.com", "a2.wWW.com"};
    struct ask asks[70];
    size_t count = 0;
    for (int i = 0; i < 50; i++)
        asks[count++] = (struct ask){LOCAL(0, 8, 0, i), "10.0.0.1", "plain.com", "A", NULL, NULL};
    for (int i = 0; i < 10; i++)
        asks[count++] = (struct ask){LOCAL(0, 9, 0, i), "10.0.0.1", SPELLINGS[i], "A", NULL, NULL};
    asks[count++] =
        (struct ask){LOCAL(0, 9, 1, 0), "10.0.0.1", ANEW[0], "A", NULL, NULL};  // in the same hour
    asks[count++] = (struct ask){LOCAL(0, 10, 1, 0), "10.0.0.1", ANEW[1], "A", NULL, NULL};  // in another
    rows_make(scene, asks, count, 1);
    assert_int_equal(mixed_queries(scene), 12);
    asks[count++] = (struct ask){LOCAL(0, 11, 1, 0), "10.0.0.1", ANEW[2], "A", NULL, NULL};
    rows_make(scene, asks, count, 1);
    assert_int_equal(mixed_queries(scene), 0);
}

/* ---- ranks ---- */

static void test_ranks_have_equal_runs_of_the_rows_that_one_rank_has(void **state)
{
    struct scene *scene = *state;
    static const char *const IPS[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::4", "fd00::5"};
    static const char *const NAMES[] = {"a.com", "wWw.a.com", "b.co.jp", "x.b.co.jp", "c.example"};
    static const char *const TYPES[] = {"A", "AAAA", "TXT", "PTR", "HTTPS"};
    const size_t asked = 700;
    struct ask *asks = calloc(asked, sizeof *asks);
    uint64_t dice_state = 11;
    struct error err = {0};
    size_t count = 0, alone_count = 0;
    struct rows alone = {0};
    struct team *one = team_alone();
    for (size_t i = 0; i < asked; i++)
        asks[i] = (struct ask){LOCAL(0, 0, 0, 0) + (int64_t)(dice(&dice_state) % (INT64_C(5) * 86400000)),
                               IPS[dice(&dice_state) % 5],
                               NAMES[dice(&dice_state) % 5],
                               TYPES[dice(&dice_state) % 5],
                               NULL,
                               NULL};
    scene->plan.from_s = LOCAL(2, 6, 0, 0) / 1000;
    rows_make(scene, asks, asked, 2);
    asking_check(rows_load(one, &scene->plan, &alone, &err), &err);
    struct whole_row *all = rows_all(scene, &count);
    assert_int_equal(count, alone.total);
    assert_true(count > 100);
    struct whole_row *expected = rows_gather(one, &alone, &alone_count);
    assert_memory_equal(all, expected, count * sizeof *all);
    free(expected);
    for (size_t i = 1; i < count; i++)
        assert_true(all[i - 1].data.window_s < all[i].data.window_s ||
                    (all[i - 1].data.window_s == all[i].data.window_s &&
                     ip_compare(&all[i - 1].data.ip, &all[i].data.ip) < 0));
    int64_t rank = team_rank(scene->team), ranks = team_size(scene->team);
    assert_int_equal(scene->rows.first, (int64_t)count * rank / ranks);
    assert_int_equal(scene->rows.count, (int64_t)count * (rank + 1) / ranks - (int64_t)count * rank / ranks);
    assert_int_equal(scene->rows.history_days, 2);
    free(all);
    free(asks);
    rows_clear(&alone);
    team_free(one);
}

static void test_a_damaged_day_fails_all_ranks_with_its_path(void **state)
{
    struct scene *scene = *state;
    struct error err = {0};
    char path[200];
    int64_t all = 1;
    rows_make(scene, EIGHT, 8, 1);
    (void)snprintf(path, sizeof path, "%s/2022-02-01.h5", scene->dir);
    if (team_rank(scene->team) == 0)
        assert_int_equal(truncate(path, 5000), 0);
    team_sum_i64(scene->team, &all, 1);
    rows_clear(&scene->rows);
    assert_int_equal(rows_load(scene->team, &scene->plan, &scene->rows, &err), STATUS_CORRUPT);
    assert_string_equal(err.where, path);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_begin, scene_end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_full_features_of_eight_queries_by_hand),
        SCENE(test_shares_are_drawn_to_the_mean_of_the_rows_in_use),
        SCENE(test_talk_features_of_eight_queries_by_hand),
        SCENE(test_night_and_holiday_are_by_the_local_clock_and_calendar),
        SCENE(test_the_span_cuts_rows_and_the_days_before_it_are_history),
        SCENE(test_a_domain_is_new_when_few_ask_and_nobody_did_for_30_days),
        SCENE(test_who_mixes_the_case_of_twenty_domains_has_no_mixed_case),
        SCENE(test_a_forwarder_that_mixes_case_carries_no_base64_by_chance),
        SCENE(test_who_spells_three_of_ten_names_anew_has_no_mixed_case),
        SCENE(test_ranks_have_equal_runs_of_the_rows_that_one_rank_has),
        SCENE(test_a_damaged_day_fails_all_ranks_with_its_path),
    };
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
