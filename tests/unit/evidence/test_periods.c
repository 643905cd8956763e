/* Rule 2 of a host: its volume and the shares of its types, one step below each bound and at it. What is
 * expected comes from what the tests ask, by the slow transform. */
#include "scene.h"
#include "slow_line.h"

#define MINUTES 1440
#define LEAST 30  // decide.rules.period.line

/* ---- volume ---- */

/* A day's queries by minute. */
struct volume {
    int of[MINUTES];
};

static struct volume noise(uint64_t seed, int one_in)
{
    struct volume day = {{0}};
    for (int m = 0; m < MINUTES; m++)
        day.of[m] = dice(&seed) % (uint64_t)one_in == 0;
    return day;
}

/* Adds queries, one after the other, to the first minutes of so many cycles a day. */
static struct volume with_comb(struct volume day, int cycles, int queries)
{
    for (int i = 0; i < queries; i++)
        day.of[i * 11 % cycles * MINUTES / cycles]++;
    return day;
}

static void volume_ask(struct scene *scene, int day, const char *ip, struct volume volume)
{
    for (int m = 0; m < MINUTES; m++)
        for (int i = 0; i < volume.of[m]; i++)
            ask(scene, day, m * 60 + i, ip, "A", "www.a.com");
}

static struct spectral_line volume_line(struct volume volume)
{
    double series[MINUTES];
    for (int m = 0; m < MINUTES; m++)
        series[m] = volume.of[m];
    return slow_line(series, MINUTES, NULL, NULL);
}

/* One query more every half an hour, until the line is above 30: then it is told, on the second such day.
 * What does so since it was first seen is a device. */
static void test_a_line_of_the_volume_above_30_is_told(void **state)
{
    struct scene *scene = *state;
    const struct volume quiet = noise(2, 2);
    int below = 0, above = 48 * 8;
    assert_true(volume_line(quiet).ratio <= LEAST);
    assert_true(volume_line(with_comb(quiet, 48, above)).ratio > LEAST);
    while (above - below > 1) {
        const int middle = (below + above) / 2;
        const bool is_above = volume_line(with_comb(quiet, 48, middle)).ratio > LEAST;
        above = is_above ? middle : above;
        below = is_above ? below : middle;
    }
    for (int day = 0; day < 5; day++) {
        volume_ask(scene, day, "10.0.0.1", day < 3 ? quiet : with_comb(quiet, 48, above));
        volume_ask(scene, day, "10.0.0.2", day < 3 ? quiet : with_comb(quiet, 48, below));
        volume_ask(scene, day, "10.0.0.3", with_comb(quiet, 48, above));
    }
    find(scene, 0, 5, 1, NULL);
    TOLD("10.0.0.1", VOLUME_PERIOD, 3, 0);
    TOLD("10.0.0.1", VOLUME_PERIOD, 4, (int64_t)volume_line(with_comb(quiet, 48, above)).ratio);
    for (int day = 0; day < 5; day++) {
        TOLD("10.0.0.2", VOLUME_PERIOD, day, 0);
        TOLD("10.0.0.3", VOLUME_PERIOD, day, 0);
    }
}

/* The same line, give or take a cycle, within 5 days, and on none of the host's first 3. */
static void test_a_line_of_the_volume_is_seen_again_and_began_later(void **state)
{
    static const struct {
        const char *ip;
        int days[2], cycles[2];
        bool is_told;
    } HOSTS[] = {{"10.0.0.1", {3, 7}, {48, 48}, true},  {"10.0.0.2", {3, 8}, {48, 48}, false},
                 {"10.0.0.3", {3, 4}, {48, 49}, true},  {"10.0.0.4", {3, 4}, {48, 50}, false},
                 {"10.0.0.5", {2, 4}, {48, 48}, false}, {"10.0.0.6", {4, 3}, {48, 49}, true},
                 {"10.0.0.7", {3, 4}, {50, 48}, false}};
    struct scene *scene = *state;
    for (size_t h = 0; h < sizeof HOSTS / sizeof *HOSTS; h++) {
        volume_ask(scene, 0, HOSTS[h].ip, noise(h, 4));
        for (size_t i = 0; i < 2; i++) {
            const struct volume day = with_comb(noise(10 * h + i, 4), HOSTS[h].cycles[i], 300);
            const struct spectral_line line = volume_line(day);
            assert_true(line.ratio > LEAST);
            assert_int_equal(line.cycles, HOSTS[h].cycles[i]);
            volume_ask(scene, HOSTS[h].days[i], HOSTS[h].ip, day);
        }
    }
    find(scene, 0, 9, 1, NULL);
    for (size_t h = 0; h < sizeof HOSTS / sizeof *HOSTS; h++) {
        int told = 0;
        for (int day = 0; day < 9; day++)
            told += found_of(scene, HOSTS[h].ip, MECHANISM_VOLUME_PERIOD, day) != NULL;
        if (told != HOSTS[h].is_told)
            fail_msg("%s", HOSTS[h].ip);
    }
}

/* Queries that come and go in a wave of so many cycles a day. */
static struct volume wave(uint64_t seed, int cycles)
{
    struct volume day = {{0}};
    for (int m = 0; m < MINUTES; m++) {
        const double chance = 0.3 * (1 + 0.9 * cos(6.283185307179586477 * cycles * m / MINUTES));
        day.of[m] = (double)(dice(&seed) >> 11) * 0x1p-53 < chance;
    }
    return day;
}

/* Eight waves a day or fewer are everybody's: meals, meetings, shifts. And a line needs 24 minutes of a day.
 */
static void test_slow_waves_and_too_few_minutes_are_no_line(void **state)
{
    struct scene *scene = *state;
    const struct volume eight = wave(3, 8), nine = wave(3, 9), comb = with_comb((struct volume){{0}}, 24, 24),
                        less = with_comb((struct volume){{0}}, 24, 23);
    assert_true(volume_line(eight).ratio <= LEAST && volume_line(nine).ratio > LEAST);
    assert_true(volume_line(comb).ratio > LEAST && volume_line(less).ratio > LEAST);
    for (int i = 1; i <= 4; i++) {
        char ip[16];
        (void)snprintf(ip, sizeof ip, "10.0.0.%d", i);
        ask(scene, 0, 36000, ip, "A", "www.a.com");
        for (int day = 3; day < 5; day++)
            volume_ask(scene, day, ip, i == 1 ? eight : i == 2 ? nine : i == 3 ? less : comb);
    }
    find(scene, 0, 5, 1, NULL);
    TOLD("10.0.0.1", VOLUME_PERIOD, 4, 0);
    TOLD("10.0.0.2", VOLUME_PERIOD, 4, (int64_t)volume_line(nine).ratio);
    TOLD("10.0.0.3", VOLUME_PERIOD, 4, 0);
    TOLD("10.0.0.4", VOLUME_PERIOD, 4, (int64_t)volume_line(comb).ratio);
}

/* ---- a pair ---- */

/* A pair's queries: in some minutes by lot, and in so many of 48 minutes half an hour apart. */
static struct volume pair_day(int ticks)
{
    struct volume day = noise(9, 12);
    for (int i = 0; i < ticks; i++)
        day.of[i * 11 % 48 * 30] = 1;
    return day;
}

/* The percentage that the pair's line has of what is told. */
static int64_t pair_percent(int ticks)
{
    return (int64_t)(100 * volume_line(pair_day(ticks)).ratio / LEAST);
}

/* Gaps that are not alike, and a line in the pair's minutes: it is told from 30 on, which is 100 %. */
static void test_a_line_of_a_pair_is_told_from_30_on(void **state)
{
    struct scene *scene = *state;
    int below = 0, above = 48;
    assert_true(pair_percent(below) < 100 && pair_percent(above) >= 100);
    while (above - below > 1) {
        const int middle = (below + above) / 2;
        const bool is_above = pair_percent(middle) >= 100;
        above = is_above ? middle : above;
        below = is_above ? below : middle;
    }
    for (int host = 1; host <= 2; host++) {
        char ip[16];
        const struct volume day = pair_day(host == 1 ? above : below);
        uint64_t seed = 10;
        (void)snprintf(ip, sizeof ip, "10.0.0.%d", host);
        ask(scene, 0, 36000, ip, "A", "www.own.com");
        for (int m = 0; m < MINUTES; m++) {
            const int64_t second = 60 * m + (int64_t)(dice(&seed) % 60);
            if (day.of[m])
                ask(scene, 3, second, ip, "A", "x.line%d.com", host);
        }
    }
    find(scene, 0, 4, 1, NULL);
    TOLD("10.0.0.1", BY_CLOCK, 3, pair_percent(above));
    TOLD("10.0.0.2", BY_CLOCK, 3, 0);
}

/* ---- shares of types ---- */

#define DAYS_MOST 28
#define HOURS_MOST (DAYS_MOST * 24)
#define EACH 10  // queries of an hour

enum { A, AAAA, PTR, MX, USED };
static const char *const NAMES[USED] = {"A", "AAAA", "PTR", "MX"};

/* What a host asks, by type and hour. */
struct shares {
    int of[USED][HOURS_MOST];
};

/* So many MX of the queries of each hour, the others A. */
static struct shares *shares_new(const int *mx)
{
    struct shares *made = calloc(1, sizeof *made);
    assert_non_null(made);
    for (int hour = 0; hour < HOURS_MOST; hour++) {
        assert_in_range(mx[hour], 0, EACH);
        made->of[MX][hour] = mx[hour];
        made->of[A][hour] = EACH - mx[hour];
    }
    return made;
}

static void shares_ask(struct scene *scene, int days, const char *ip, const struct shares *shares)
{
    for (int hour = 0; hour < days * 24; hour++)
        for (int type = 0, at = 0; type < USED; type++)
            for (int i = 0; i < shares->of[type][hour]; i++, at++)
                ask(scene, hour / 24, hour % 24 * 3600 + 100 * at, ip, NAMES[type], "www.a.com");
}

/* Once to four times a day, or as near as a cycle a week and one: what people do. */
static bool is_daily(size_t cycles, const void *context)
{
    const size_t days = *(const size_t *)context;
    bool is = false;
    for (size_t a_day = 1; a_day <= 4; a_day++) {
        const size_t habit = a_day * days, away = cycles > habit ? cycles - habit : habit - cycles;
        is = is || away <= days / 7 + 1;
    }
    return is;
}

/* Of a type in an hour, in ten-thousandths. */
static double share_of(const struct shares *shares, int type, int hour)
{
    int all = 0;
    for (int other = 0; other < USED; other++)
        all += shares->of[other][hour];
    return floor(10000.0 * shares->of[type][hour] / all);
}

/* A type's shares to the end of a day, in series[], from the first day with 24 of its queries on; the mean on
 * days with fewer. Returns how many days. */
static size_t share_series(const struct shares *shares, int type, int day, double *series)
{
    bool counts[DAYS_MOST] = {false};
    int first = day + 1, hours = 0;
    double mean = 0;
    for (int d = day; d >= 0; d--) {
        int of_day = 0;
        for (int hour = 24 * d; hour < 24 * d + 24; hour++)
            of_day += shares->of[type][hour];
        counts[d] = of_day >= 24;
        first = counts[d] ? d : first;
    }
    if (first > day || !counts[day])
        return 0;
    for (int hour = 24 * first; hour < 24 * day + 24; hour++)
        if (counts[hour / 24]) {
            mean += share_of(shares, type, hour);
            hours++;
        }
    for (int hour = 24 * first; hour < 24 * day + 24; hour++)
        series[hour - 24 * first] = counts[hour / 24] ? share_of(shares, type, hour) : mean / hours;
    return (size_t)(day + 1 - first);
}

/* The line that a day is told with, 0 for none. */
static int64_t shares_line(const struct shares *shares, int day, size_t least_days)
{
    int64_t best = 0;
    for (int type = 0; type < USED; type++) {
        double series[HOURS_MOST];
        const size_t days = share_series(shares, type, day, series), values = 24 * days, early = values / 3;
        if (days < least_days)
            continue;
        const struct spectral_line line = slow_line(series, values, is_daily, &days);
        const struct slow_turns turns = slow_turns(values);
        const double power =
            slow_power(series, values, &turns, line.cycles, values) / (double)(values * values);
        const double before =
            slow_power(series, early, &turns, line.cycles, values) / (double)(early * early);
        if (line.ratio > LEAST && 2 * before < power && (int64_t)line.ratio > best)
            best = (int64_t)line.ratio;
    }
    return best;
}

/* Compares the days from `from` on with what is expected. */
static void shares_check(const struct scene *scene, const char *ip, const struct shares *shares, int from,
                         int to)
{
    for (int day = from; day < to; day++)
        TOLD(ip, TYPE_PERIOD, day, shares_line(shares, day, 7));
}

/* Some MX in each hour, and from the tenth day on so many more, one by one, in every fifth. */
static struct shares *ticking(int queries)
{
    uint64_t seed = 5;
    int mx[HOURS_MOST];
    for (int hour = 0; hour < HOURS_MOST; hour++)
        mx[hour] = 1 + (int)(dice(&seed) % 2);
    for (int round = 0; round < 8; round++)
        for (int hour = 240; hour < HOURS_MOST && queries > 0; hour += 5, queries--)
            mx[hour]++;
    return shares_new(mx);
}

/* Two that differ by one step, of which the first is told on a day and the other is not, somewhere between
 * `told` and `not_told` steps; both are asked, and what is found is what is expected. */
static void shares_bisect(struct scene *scene, struct shares *(*make)(int steps), int told, int not_told,
                          int day)
{
    struct shares *one = make(told), *other = make(not_told);
    assert_true(shares_line(one, day, 7) > 0 && shares_line(other, day, 7) == 0);
    while (abs(told - not_told) > 1) {
        const int middle = (told + not_told) / 2;
        struct shares *between = make(middle);
        const bool is = shares_line(between, day, 7) > 0;
        told = is ? middle : told;
        not_told = is ? not_told : middle;
        free(is ? one : other);
        one = is ? between : one;
        other = is ? other : between;
    }
    shares_ask(scene, day + 1, "10.0.0.1", one);
    shares_ask(scene, day + 1, "10.0.0.2", other);
    find(scene, day - 2, day + 1, 1, NULL);
    shares_check(scene, "10.0.0.1", one, day - 2, day + 1);
    shares_check(scene, "10.0.0.2", other, day - 2, day + 1);
    free(one);
    free(other);
}

/* Every fifth hour a query of type MX more, from the tenth day on, until the line is above 30. */
static void test_a_line_of_a_types_share_above_30_is_told(void **state)
{
    shares_bisect(*state, ticking, 8 * ((HOURS_MOST - 240) / 5), 0, 23);
}

/* Every fifth hour all along, but for some hours of the first days: with half of its power in the first third
 * of the days it is inventory. */
static struct shares *early(int ticks)
{
    uint64_t seed = 6;
    int mx[HOURS_MOST];
    for (int hour = 0; hour < HOURS_MOST; hour++) {
        mx[hour] = 1 + (int)(dice(&seed) % 2);
        if (hour % 5 == 0 && (hour >= 216 || hour / 5 < ticks))
            mx[hour] = 9;
    }
    return shares_new(mx);
}

static void test_a_types_line_that_was_there_early_is_inventory(void **state)
{
    shares_bisect(*state, early, 0, 44, 24);
}

/* A wave of so many cycles in 28 days, from the tenth day on. */
static struct shares *waving(int cycles)
{
    uint64_t seed = 7;
    int mx[HOURS_MOST];
    for (int hour = 0; hour < HOURS_MOST; hour++) {
        const double is_on = hour >= 240, turn = 6.283185307179586477 * cycles * hour / HOURS_MOST;
        mx[hour] = (int)lrint(5 + is_on * 1.1 * cos(turn) + (double)(dice(&seed) % 7) - 3);
    }
    return shares_new(mx);
}

/* Four times a day is what people do, and in 28 days 5 cycles more or fewer are as near to it as the week
 * moves it; 6 are a program. */
static void test_what_comes_back_by_the_day_is_a_habit(void **state)
{
    struct scene *scene = *state;
    enum { DAY = 27 };
    static const int CYCLES[] = {112, 117, 118};
    for (int i = 0; i < 3; i++) {
        char ip[16];
        (void)snprintf(ip, sizeof ip, "10.0.0.%d", i + 1);
        struct shares *shares = waving(CYCLES[i]);
        shares_ask(scene, DAY + 1, ip, shares);
        free(shares);
    }
    find(scene, DAY, DAY + 1, 1, NULL);
    TOLD("10.0.0.1", TYPE_PERIOD, DAY, 0);
    TOLD("10.0.0.2", TYPE_PERIOD, DAY, 0);
    struct shares *program = waving(118);
    assert_true(shares_line(program, DAY, 7) > 0);
    TOLD("10.0.0.3", TYPE_PERIOD, DAY, shares_line(program, DAY, 7));
    free(program);
}

/* MX five times a day from the third day on, so many in all, among A, AAAA and PTR by lot. */
static struct shares *five_a_day(int a_day)
{
    static const int TIMES[] = {0, 4, 9, 14, 19};
    uint64_t seed = 8;
    struct shares *made = calloc(1, sizeof *made);
    assert_non_null(made);
    for (int day = 0; day < 7; day++)
        for (int i = 0; i < a_day; i++) {
            const int hour = day < 3 ? (int)(dice(&seed) % 24) : TIMES[i % 5];
            made->of[MX][24 * day + hour]++;
        }
    for (int hour = 0; hour < 7 * 24; hour++)
        for (int i = 0; i < EACH - 2; i++)
            made->of[dice(&seed) % 3][hour]++;
    return made;
}

/* A week of a type is needed, and 24 of its queries a day. */
static void test_a_week_and_24_queries_a_day_are_needed(void **state)
{
    struct scene *scene = *state;
    struct shares *enough = five_a_day(24), *fewer = five_a_day(23);
    shares_ask(scene, 7, "10.0.0.1", enough);
    shares_ask(scene, 7, "10.0.0.2", fewer);
    find(scene, 0, 7, 1, NULL);
    assert_true(shares_line(enough, 5, 6) > 0 && shares_line(enough, 6, 7) > 0);
    TOLD("10.0.0.1", TYPE_PERIOD, 5, 0);
    TOLD("10.0.0.1", TYPE_PERIOD, 6, shares_line(enough, 6, 7));
    TOLD("10.0.0.2", TYPE_PERIOD, 6, 0);
    free(enough);
    free(fewer);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_a_line_of_the_volume_above_30_is_told),
        SCENE(test_a_line_of_the_volume_is_seen_again_and_began_later),
        SCENE(test_slow_waves_and_too_few_minutes_are_no_line),
        SCENE(test_a_line_of_a_pair_is_told_from_30_on),
        SCENE(test_a_line_of_a_types_share_above_30_is_told),
        SCENE(test_a_types_line_that_was_there_early_is_inventory),
        SCENE(test_what_comes_back_by_the_day_is_a_habit),
        SCENE(test_a_week_and_24_queries_a_day_are_needed),
    };
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
