/* Roles by the days of an IP, with counts that lie on either side of each bound. */
#include "../feature/asking.h"
#include "rows/rows.h"

/* 2022-02-01, a Tuesday; so days 4, 5, 11, 12 … are a weekend. */
#define DAY 19024

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): cmocka gives tests no argument
static struct team *everybody;

/* What an IP does on a day of the span; hours 0: it is not there. */
struct habit {
    int64_t queries, names, domains, hours;
    bool mixes;
};

typedef struct habit habit_of(int day, bool is_holiday);

static void hosts_add(struct rows *rows, const char *ip, int days, habit_of *habit)
{
    struct ip address;
    int rank = team_rank(everybody), ranks = team_size(everybody);
    assert_true(ip_read(ip, strlen(ip), &address));
    for (int day = days * rank / ranks; day < days * (rank + 1) / ranks; day++) {
        bool is_holiday = day % 7 == 4 || day % 7 == 5;
        struct habit did = habit(day, is_holiday);
        if (did.hours == 0)
            continue;
        rows->hosts = realloc(rows->hosts, (rows->host_count + 1) * sizeof *rows->hosts);
        if (!rows->hosts)
            abort();
        rows->hosts[rows->host_count++] = (struct host_day){.ip = address,
                                                            .day = DAY + day,
                                                            .queries = did.queries,
                                                            .names = did.names,
                                                            .domains = did.domains,
                                                            .hours = did.hours,
                                                            .day_hours = day == 1 ? 25 : 24,
                                                            .mixes_case = did.mixes,
                                                            .is_holiday = is_holiday};
    }
}

static int compare_host_days(const void *a, const void *b)
{
    const struct host_day *x = a, *y = b;
    return x->day < y->day ? -1 : x->day > y->day;
}

/* Every rank gets the answer of the IP's owner. */
static int64_t role_of(const struct rows *rows, const char *ip)
{
    struct error err = {0};
    struct ip_role *roles = NULL;
    struct ip address;
    size_t count = 0;
    int64_t found = -1;
    // As rows_load leaves them: by day.
    if (rows->host_count > 0)
        qsort(rows->hosts, rows->host_count, sizeof *rows->hosts, compare_host_days);
    asking_check(roles_find(everybody, rows, &roles, &count, &err), &err);
    assert_true(ip_read(ip, strlen(ip), &address));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ip_owner(&roles[i].ip, team_size(everybody)), team_rank(everybody));
        assert_true(i == 0 || ip_compare(&roles[i - 1].ip, &roles[i].ip) < 0);
        if (ip_compare(&roles[i].ip, &address) == 0)
            found = roles[i].role;
    }
    free(roles);
    team_max_i64(everybody, &found, 1);
    return found;
}

static struct habit office(int day, bool is_holiday)
{
    (void)day;
    return (struct habit){100, 10, 5, is_holiday ? 0 : 9, false};
}

/* Three office workers set the medians: 10 names and 5 domains a day. */
static void office_add(struct rows *rows, int days)
{
    hosts_add(rows, "10.0.0.1", days, office);
    hosts_add(rows, "10.0.0.2", days, office);
    hosts_add(rows, "10.0.0.3", days, office);
}

static void role_expect(int days, habit_of *habit, enum role expected)
{
    struct rows rows = {0};
    office_add(&rows, days);
    hosts_add(&rows, "10.0.9.9", days, habit);
    assert_string_equal(role_name((enum role)role_of(&rows, "10.0.9.9")), role_name(expected));
    assert_int_equal(role_of(&rows, "10.0.0.2"), ROLE_CLIENT);
    rows_clear(&rows);
}

static struct habit always(int day, bool is_holiday)
{
    (void)is_holiday;
    return (struct habit){1000, 20, 10, day == 1 ? 25 : 24, false};
}

/* 152 of 169 hours in a week: 0.8994. */
static struct habit nearly_always(int day, bool is_holiday)
{
    (void)is_holiday;
    return (struct habit){1000, 20, 10, day == 0 ? 8 : 24, false};
}

static struct habit two_days(int day, bool is_holiday)
{
    (void)is_holiday;
    return (struct habit){1000, 20, 10, day == 4 || day == 5 ? 24 : 0, false};
}

/* There around the clock, but on three of seven days only. */
static struct habit mostly_silent(int day, bool is_holiday)
{
    (void)is_holiday;
    return (struct habit){1000, 20, 10, day == 0 || day == 4 || day == 6 ? 24 : 0, false};
}

static struct habit came_late(int day, bool is_holiday)
{
    (void)is_holiday;
    return (struct habit){1000, 20, 10, day >= 3 ? 24 : 0, false};
}

static struct habit half_on_holidays(int day, bool is_holiday)
{
    (void)day;
    return (struct habit){is_holiday ? 500 : 1000, 20, 10, 24, false};
}

static struct habit less_on_holidays(int day, bool is_holiday)
{
    (void)day;
    return (struct habit){is_holiday ? 499 : 1000, 20, 10, 24, false};
}

static void test_a_server_is_always_there_and_on_holidays_too(void **state)
{
    (void)state;
    role_expect(7, always, ROLE_SERVER);
    role_expect(7, nearly_always, ROLE_CLIENT);
    role_expect(7, two_days, ROLE_CLIENT);
    role_expect(7, mostly_silent, ROLE_CLIENT);
    role_expect(7, came_late, ROLE_SERVER);
    role_expect(7, half_on_holidays, ROLE_SERVER);
    role_expect(7, less_on_holidays, ROLE_CLIENT);
    role_expect(4, always, ROLE_CLIENT);  // no holiday yet
}

static struct habit eight_times(int day, bool is_holiday)
{
    (void)day;
    (void)is_holiday;
    return (struct habit){100, 80, 40, 9, false};
}

static struct habit fewer_domains(int day, bool is_holiday)
{
    (void)day;
    (void)is_holiday;
    return (struct habit){100, 800, 39, 9, false};
}

static struct habit mixes_half(int day, bool is_holiday)
{
    (void)is_holiday;
    return (struct habit){100, 10, 5, 24, day % 2 == 0};
}

static struct habit mixes_seldom(int day, bool is_holiday)
{
    (void)is_holiday;
    return (struct habit){100, 10, 5, 9, day % 3 == 0};
}

static void test_many_hosts_have_many_names_and_domains_or_mix_case(void **state)
{
    (void)state;
    role_expect(6, eight_times, ROLE_MANY_HOSTS);
    role_expect(6, fewer_domains, ROLE_CLIENT);
    role_expect(6, mixes_half, ROLE_MANY_HOSTS);
    role_expect(6, mixes_seldom, ROLE_CLIENT);
    role_expect(2, eight_times, ROLE_CLIENT);  // too few days to tell
}

static struct habit mixed_long_ago(int day, bool is_holiday)
{
    (void)is_holiday;
    return (struct habit){100, 10, 5, 9, day < 40};
}

static struct habit was_a_server_and_left(int day, bool is_holiday)
{
    return day < 40 ? always(day, is_holiday) : (struct habit){0};
}

static void test_a_role_is_by_the_30_days_up_to_the_last_one(void **state)
{
    (void)state;
    role_expect(70, mixed_long_ago, ROLE_CLIENT);
    role_expect(54, mixed_long_ago, ROLE_MANY_HOSTS);  // 16 of the last 30
    role_expect(70, was_a_server_and_left, ROLE_SERVER);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_server_is_always_there_and_on_holidays_too),
        cmocka_unit_test(test_many_hosts_have_many_names_and_domains_or_mix_case),
        cmocka_unit_test(test_a_role_is_by_the_30_days_up_to_the_last_one),
    };
    everybody = team_new(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    team_free(everybody);
    return failed;
}
