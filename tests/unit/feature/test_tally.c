/* What one query adds to a day's tables, with numbers that can be checked by hand. */
#include "asking.h"

#include "base/hash.h"

/* 2022-02-01 00:00:00 UTC, a Tuesday, is day 19024. */
#define DAY 19024
#define DAY_S ((int64_t)DAY * 86400)
#define AT(hour, minute, second) ((DAY_S + (hour)*3600 + (minute)*60 + (second)) * 1000)

static void test_a_row_counts_types_flags_and_times(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "UTC");
    const struct ask asks[] = {
        {AT(9, 0, 0) + 84, "10.80.0.1", "google.com", "A", "+E(0)", "10.80.1.88"},
        {AT(9, 0, 1), "10.80.0.1", "www.google.com", "AAAA", "+E(0)DK", "10.80.1.88"},
        {AT(9, 59, 59) + 999, "10.80.0.1", "x.y.google.com", "TXT", "-", "10.80.1.89"},
        {AT(9, 30, 0), "10.80.0.1", "google.com", "NULL", "+SE(0)", NULL},
        {AT(9, 30, 0), "10.80.0.1", "google.com", "TYPE65399", "+E(0)T", NULL},
        {AT(9, 30, 0), "10.80.0.1", "google.com", "ANY", "+E(0)C", NULL},
        {AT(9, 30, 0), "10.80.0.1", "google.com", "SVCB", "+E(0)V", NULL},
        {AT(9, 30, 0), "10.80.0.1", "gOOgle.com", "HTTPS", NULL, NULL},
        {AT(9, 30, 0), "10.80.0.1", "1.0.0.127.in-addr.arpa", "PTR", NULL, NULL},
        {AT(10, 0, 0), "10.80.0.1", "google.com", "MX", NULL, NULL},
    };
    asking_table(&asking, asks, sizeof asks / sizeof asks[0], DAY, &table);
    assert_int_equal(table.size[DAY_row], 2);
    size_t row = asking_row(&table, DAY_S + 9 * 3600, "10.80.0.1");
    assert_int_equal(table.row_queries[row], 9);
    assert_int_equal(table.row_units[row], 60);
    assert_int_equal(table.row_type_a[row], 1);
    assert_int_equal(table.row_type_aaaa[row], 1);
    assert_int_equal(table.row_type_ptr[row], 1);
    assert_int_equal(table.row_type_txt[row], 1);
    assert_int_equal(table.row_type_null[row], 2);
    assert_int_equal(table.row_type_private[row], 1);
    assert_int_equal(table.row_type_mx[row], 0);
    assert_int_equal(table.row_type_https[row], 2);
    assert_int_equal(table.row_type_other[row], 1);
    assert_int_equal(table.row_type_any[row], 1);
    assert_int_equal(table.row_mixed[row], 1);
    assert_int_equal(table.row_no_edns[row], 1);
    assert_int_equal(table.row_odd_flags[row], 4);  // without RD, S, T, C
    assert_int_equal(table.row_do[row], 1);
    assert_int_equal(table.row_cookie[row], 2);  // K and V
    assert_int_equal(table.row_resolvers[row], 3);
    assert_int_equal(table.row_first_ms[row], AT(9, 0, 0) + 84);
    assert_int_equal(table.row_last_ms[row], AT(9, 59, 59) + 999);
    assert_int_equal(table.row_unit_queries[row * 60 + 0], 2);
    assert_int_equal(table.row_unit_queries[row * 60 + 30], 6);
    assert_int_equal(table.row_unit_queries[row * 60 + 59], 1);
    // google.com, www.google.com, x.y.google.com, 1.0.0.127.in-addr.arpa
    assert_int_equal(table.row_names[row], 4);
    assert_int_equal(table.row_domains[row], 2);
    assert_int_equal(table.row_domain_top[row], 8);
    assert_int_equal(table.row_sub_bytes[row], 3 + 3 + 9);  // www, x.y, 1.0.0.127
    assert_int_equal(table.row_sub_max[row], 9);
    assert_int_equal(table.row_label_max[row], 7);  // in-addr
    assert_int_equal(table.row_info_bytes[row], 9);
    assert_int_equal(table.row_domain_clog[row], INT64_C(8) * 3 << 32);  // 8·log2 8 + 1·log2 1
    day_table_clear(&table);
    asking_end(&asking);
}

static void test_the_least_time_and_ip_in_300_s_is_the_miss_and_all_else_is_repeated(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "UTC");
    const struct ask asks[] = {
        {AT(9, 4, 59), "10.0.0.2", "a.com", "A", NULL, NULL},  // repeated: .1 asked at 9:00
        {AT(9, 0, 0), "10.0.0.1", "a.com", "A", NULL, NULL},  // miss
        {AT(9, 5, 0), "10.0.0.2", "a.com", "A", NULL, NULL},  // miss: another slot
        {AT(9, 5, 0), "10.0.0.10", "A.com", "A", NULL, NULL},  // the same time, a larger IP: repeated
        {AT(9, 0, 0), "10.0.0.1", "a.com", "AAAA", NULL, NULL},  // miss: another type
        {AT(9, 0, 1), "10.0.0.1", "a.com", "A", NULL, "10.0.0.54"},  // miss: another resolver
        {AT(9, 1, 0), "10.0.0.1", "2.0.0.10.in-addr.arpa", "PTR", NULL, NULL},  // miss
        {AT(9, 2, 0), "10.0.0.1", "2.0.0.10.in-addr.arpa", "PTR", NULL, NULL},  // repeated
    };
    asking_table(&asking, asks, sizeof asks / sizeof asks[0], DAY, &table);
    size_t one = asking_row(&table, DAY_S + 9 * 3600, "10.0.0.1");
    size_t two = asking_row(&table, DAY_S + 9 * 3600, "10.0.0.2");
    size_t ten = asking_row(&table, DAY_S + 9 * 3600, "10.0.0.10");
    assert_int_equal(table.row_repeated[one], 1);
    assert_int_equal(table.row_repeated_ptr[one], 1);
    assert_int_equal(table.row_repeated[two], 1);
    assert_int_equal(table.row_repeated_ptr[two], 0);
    assert_int_equal(table.row_repeated[ten], 1);
    day_table_clear(&table);
    asking_end(&asking);
}

static void test_a_name_that_is_asked_for_by_hundreds_of_types_has_a_miss_each(void **state)
{
    (void)state;
    enum { TYPES = 300 };
    struct asking asking;
    struct day_table table;
    char types[TYPES][16];
    struct ask asks[2 * TYPES + 1];
    asking_begin(&asking, "UTC");
    for (int i = 0; i < TYPES; i++) {
        (void)snprintf(types[i], sizeof types[i], "TYPE%d", 1000 + i);
        asks[i] = (struct ask){AT(9, 0, i % 60), "10.0.0.1", "a.com", types[i], NULL, NULL};
        asks[TYPES + i] = (struct ask){AT(9, 2, i % 60), "10.0.0.2", "a.com", types[i], NULL, NULL};
    }
    asks[2 * TYPES] =
        (struct ask){AT(9, 5, 0), "10.0.0.2", "a.com", types[0], NULL, NULL};  // in the next slot
    asking_table(&asking, asks, sizeof asks / sizeof asks[0], DAY, &table);
    assert_int_equal(table.row_repeated[asking_row(&table, DAY_S + 9 * 3600, "10.0.0.1")], 0);
    assert_int_equal(table.row_repeated[asking_row(&table, DAY_S + 9 * 3600, "10.0.0.2")], TYPES);
    day_table_clear(&table);
    asking_end(&asking);
}

static void test_who_is_not_watched_has_no_row_but_is_seen_in_domains_and_cache(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table = {0};
    struct ip_range watched;
    asking_begin(&asking, "UTC");
    assert_true(ip_range_read("10.0.0.0/8", &watched));
    asking.plan.clients = &watched;
    asking.plan.client_count = 1;
    struct tallies *tallies = tallies_new(&asking.plan);
    assert_int_equal(
        ask_count(&asking, tallies, &(struct ask){AT(9, 0, 0), "192.168.0.9", "a.com", "A", NULL, NULL}),
        LINES_UNWATCHED);
    assert_int_equal(
        ask_count(&asking, tallies, &(struct ask){AT(9, 1, 0), "10.0.0.1", "a.com", "A", NULL, NULL}),
        LINES_QUERY);
    asking_settle(tallies);
    asking_finish(tallies, DAY, 0, &table);
    assert_int_equal(table.size[DAY_row], 1);
    assert_int_equal(table.size[DAY_pair], 1);
    assert_int_equal(table.size[DAY_asked], 1);
    assert_int_equal(table.row_repeated[0], 1);  // the other one had asked first
    assert_int_equal(table.size[DAY_domain], 1);
    assert_int_equal(table.domain_queries[0], 2);
    assert_int_equal(table.domain_client_end[0], 2);
    assert_int_equal(table.domain_first_ms[0], AT(9, 0, 0));
    day_table_clear(&table);
    tallies_free(tallies);
    asking_end(&asking);
}

static void test_a_prefix_makes_one_client_of_many_ipv6_addresses_and_leaves_ipv4_alone(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "UTC");
    asking.plan.ipv6_prefix = 64;
    const struct ask asks[] = {
        {AT(1, 0, 0), "2001:db8:1:2:aaaa::1", "a.com", "A", NULL, NULL},
        {AT(1, 0, 1), "2001:db8:1:2:bbbb::2", "a.com", "A", NULL, NULL},
        {AT(1, 0, 2), "2001:db8:1:3::1", "a.com", "A", NULL, NULL},
        {AT(1, 0, 3), "10.0.0.1", "a.com", "A", NULL, NULL},
        {AT(1, 0, 4), "10.0.0.2", "a.com", "A", NULL, NULL},
    };
    asking_table(&asking, asks, sizeof asks / sizeof asks[0], DAY, &table);
    assert_int_equal(table.size[DAY_row], 4);
    assert_int_equal(table.row_queries[asking_row(&table, DAY_S + 3600, "2001:db8:1:2::")], 2);
    assert_int_equal(table.row_queries[asking_row(&table, DAY_S + 3600, "2001:db8:1:3::")], 1);
    assert_int_equal(table.row_queries[asking_row(&table, DAY_S + 3600, "10.0.0.1")], 1);
    assert_int_equal(table.domain_client_end[0], 4);
    day_table_clear(&table);
    asking_end(&asking);
}

static void test_days_are_local_and_windows_count_elapsed_time(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    // Berlin, 2022-10-30: 25 hours. Midnight is 2022-10-29 22:00 UTC, the clock goes back at 01:00 UTC.
    asking_begin(&asking, "Europe/Berlin");
    const int64_t midnight_s = INT64_C(1666994400) + 86400;
    const int64_t day = 19295;
    asking.plan.window_s = 7200;
    const struct ask asks[] = {
        {midnight_s * 1000 - 1, "10.0.0.1", "a.com", "A", NULL, NULL},  // the day before
        {midnight_s * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},
        {(midnight_s + 2 * 3600 + 1800) * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},  // 02:30, first pass
        {(midnight_s + 3 * 3600 + 1800) * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},  // 02:30, second pass
        {(midnight_s + 25 * 3600) * 1000 - 1, "10.0.0.1", "a.com", "A", NULL, NULL},
        {(midnight_s + 25 * 3600) * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},  // the day after
    };
    assert_int_equal(zone_day_start(asking.zone, day), midnight_s);
    assert_int_equal(zone_day_start(asking.zone, day + 1), midnight_s + 25 * 3600);
    asking_table(&asking, asks, sizeof asks / sizeof asks[0], day, &table);
    assert_int_equal(table.size[DAY_row], 3);
    assert_int_equal(table.row_window[0], midnight_s);
    assert_int_equal(table.row_queries[0], 1);
    assert_int_equal(table.row_window[1], midnight_s + 7200);
    assert_int_equal(table.row_queries[1], 2);  // both passes of 02:30 lie in one window of two hours
    assert_int_equal(table.row_units[1], 120);
    assert_int_equal(table.row_names[1], 1);  // one name in two slots
    assert_int_equal(table.size[DAY_asked], 4);
    assert_int_equal(table.row_window[2], midnight_s + 24 * 3600);
    assert_int_equal(table.row_units[2], 60);  // the thirteenth window has but one hour
    // Seconds of a pair count from midnight too, through the repeated hour.
    assert_int_equal(table.size[DAY_second], 4);
    assert_int_equal(table.second_of_day[1], 2 * 3600 + 1800);
    assert_int_equal(table.second_of_day[3], 25 * 3600 - 1);
    day_table_clear(&table);
    asking_end(&asking);
}

static void test_a_zone_with_half_an_hour_cuts_days_there_and_slots_of_300_s_stay_utc(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "Asia/Kolkata");  // +05:30
    const int64_t midnight_s = DAY_S - 19800;
    const struct ask asks[] = {
        {midnight_s * 1000 - 1, "10.0.0.1", "a.com", "A", NULL, NULL},
        {midnight_s * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},
        {(midnight_s + 299) * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},
        {(midnight_s + 3600) * 1000, "10.0.0.1", "a.com", "A", NULL, NULL},
    };
    asking_table(&asking, asks, sizeof asks / sizeof asks[0], DAY, &table);
    assert_int_equal(table.size[DAY_row], 2);
    assert_int_equal(table.row_window[0], midnight_s);
    assert_int_equal(table.row_queries[0], 2);
    assert_int_equal(table.row_repeated[0], 1);  // the query a millisecond before midnight is in another slot
    assert_int_equal(table.row_window[1], midnight_s + 3600);
    day_table_clear(&table);
    asking_end(&asking);
}

static void test_windows_below_an_hour_have_slots_of_their_own_length(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "UTC");
    asking.plan.window_s = 600;
    const struct ask asks[] = {
        {AT(0, 9, 59), "10.0.0.1", "a.com", "A", NULL, NULL},
        {AT(0, 10, 0), "10.0.0.1", "a.com", "A", NULL, NULL},
        {AT(0, 19, 0), "10.0.0.1", "b.com", "A", NULL, NULL},
    };
    asking_table(&asking, asks, sizeof asks / sizeof asks[0], DAY, &table);
    assert_int_equal(table.unit_count, 10);
    assert_int_equal(table.size[DAY_row], 2);
    assert_int_equal(table.row_names[0], 1);
    assert_int_equal(table.row_names[1], 2);
    assert_int_equal(table.size[DAY_asked], 3);
    assert_int_equal(table.asked_slot[1], DAY_S + 600);
    assert_int_equal(table.row_unit_queries[1 * 10 + 9], 1);
    day_table_clear(&table);
    asking_end(&asking);
}

static void test_days_outside_the_span_are_told_so_and_leave_nothing(void **state)
{
    (void)state;
    struct asking asking;
    asking_begin(&asking, "UTC");
    asking.plan.first_day = DAY;
    asking.plan.end_day = DAY + 1;
    struct tallies *tallies = tallies_new(&asking.plan);
    struct ask ask = {AT(0, 0, 0) - 1, "10.0.0.1", "a.com", "A", NULL, NULL};
    assert_int_equal(ask_count(&asking, tallies, &ask), LINES_OUTSIDE);
    ask.ms = AT(24, 0, 0);
    assert_int_equal(ask_count(&asking, tallies, &ask), LINES_OUTSIDE);
    assert_int_equal(tallies_count(tallies), 0);
    ask.ms = AT(24, 0, 0) - 1;
    assert_int_equal(ask_count(&asking, tallies, &ask), LINES_QUERY);
    assert_int_equal(tallies_count(tallies), 1);
    tallies_free(tallies);
    asking_end(&asking);
}

static void test_the_day_at_hand_is_known_from_the_first_query_on(void **state)
{
    (void)state;
    struct asking asking;
    int64_t from_ms = 1, to_ms = 1;
    asking_begin(&asking, "Asia/Tokyo");
    asking.plan.end_day = DAY + 1;
    struct tallies *tallies = tallies_new(&asking.plan);
    assert_false(tallies_span(tallies, &from_ms, &to_ms));
    (void)tallies_day(tallies, AT(9, 0, 0));
    assert_true(tallies_span(tallies, &from_ms, &to_ms));
    assert_int_equal(from_ms, AT(-9, 0, 0));
    assert_int_equal(to_ms, AT(15, 0, 0));
    (void)tallies_day(tallies, AT(15, 0, 0));  // the next day in Tokyo, which is not asked for
    assert_false(tallies_span(tallies, &from_ms, &to_ms));
    tallies_free(tallies);
    asking_end(&asking);
}

static void test_spellings_in_both_cases_are_told_apart(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "UTC");
    const struct ask asks[] = {
        {AT(0, 0, 0), "10.0.0.1", "WWW.example", "A", NULL, NULL},
        {AT(0, 0, 1), "10.0.0.1", "WWW.example", "A", NULL, NULL},
        {AT(0, 0, 2), "10.0.0.1", "www.example", "A", NULL, NULL},
        {AT(0, 0, 3), "10.0.0.1", "WWW.EXAMPLE", "A", NULL, NULL},  // one case only
        {AT(0, 0, 0), "10.0.0.2", "WwW.example", "A", NULL, NULL},
        {AT(0, 0, 1), "10.0.0.2", "wWw.example", "A", NULL, NULL},
    };
    asking_table(&asking, asks, sizeof asks / sizeof asks[0], DAY, &table);
    assert_int_equal(table.size[DAY_asked], 2);
    assert_int_equal(table.size[DAY_name], 1);
    assert_int_equal(table.asked_queries[0], 4);
    assert_int_equal(table.asked_mixed[0], 2);
    assert_int_equal(table.asked_respelled[0], 0);
    assert_int_equal(table.asked_case_changes[0], 1);  // WWWexample
    assert_true(table.asked_spelling[0] != 0);
    assert_int_equal(table.asked_mixed[1], 2);
    assert_int_equal(table.asked_respelled[1], 1);
    assert_memory_equal(table.name_text, "www.example", 11);
    day_table_clear(&table);
    asking_end(&asking);
}

static void test_a_pair_with_more_than_4096_seconds_holds_units(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "UTC");
    for (int extra = 0; extra < 2; extra++) {
        struct tallies *tallies = tallies_new(&asking.plan);
        for (int i = 0; i < 4096 + extra; i++)  // every other second, from the last one to the first
            (void)ask_count(&asking, tallies,
                            &(struct ask){DAY_S * 1000 + INT64_C(2000) * (4095 + extra - i), "10.0.0.1",
                                          "a.com", "TXT", NULL, NULL});
        asking_settle(tallies);
        asking_finish(tallies, DAY, 0, &table);
        assert_int_equal(table.pair_second_step[0], extra ? 60 : 1);
        assert_int_equal(table.size[DAY_second], extra ? (2 * 4096 + 59) / 60 : 4096);
        for (size_t s = 0; s < table.size[DAY_second]; s++)
            assert_int_equal(table.second_of_day[s], extra ? s : 2 * s);
        assert_int_equal(table.type_number[0], 16);
        assert_int_equal(table.type_queries[0], 4096 + extra);
        day_table_clear(&table);
        tallies_free(tallies);
    }
    asking_end(&asking);
}

static void test_a_domain_keeps_the_64_least_hashes_of_its_clients(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "UTC");
    struct tallies *tallies = tallies_new(&asking.plan);
    for (int i = 0; i < 300; i++) {
        char ip[32];
        (void)snprintf(ip, sizeof ip, "10.0.%d.%d", i / 200, i % 200);
        (void)ask_count(&asking, tallies, &(struct ask){AT(0, 0, 0), ip, "a.com", "A", NULL, NULL});
    }
    asking_finish(tallies, DAY, 0, &table);
    assert_int_equal(table.domain_client_end[0], 64);
    for (int i = 1; i < 64; i++)
        assert_true(table.client_hash[i - 1] < table.client_hash[i]);
    // The estimate that the door gives, 63·2^64/h64, is within a third of 300.
    double clients = 63 / ((double)table.client_hash[63] * 0x1p-64);
    assert_true(clients > 200 && clients < 400);
    day_table_clear(&table);
    tallies_free(tallies);
    asking_end(&asking);
}

/* ---- limits ---- */

#define CROWD_NAMES 5000

/* The `rank`-th least hash, from 0, of the names n0.a.com …, or of the domains d0.com …, by a plain sort. */
static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t least_hash(bool many_domains, size_t rank)
{
    uint64_t hashes[CROWD_NAMES];
    for (int i = 0; i < CROWD_NAMES; i++) {
        char label[16], wire[64];
        int count = snprintf(label, sizeof label, "%c%d", many_domains ? 'd' : 'n', i);
        int bytes = snprintf(wire, sizeof wire, "%c%s%s", (char)count, label,
                             many_domains ? "\003com" : "\001a\003com");
        hashes[i] = content_hash(wire, (size_t)bytes + 1);
    }
    qsort(hashes, CROWD_NAMES, sizeof *hashes, compare_hashes);
    return hashes[rank];
}

/* One client asks for 5,000 names, each as often as its last digit says and once more, beside a calm one. */
static void crowd_table(struct asking *asking, bool many_domains, bool backwards, struct day_table *table)
{
    struct tallies *tallies = tallies_new(&asking->plan);
    for (int n = 0; n < CROWD_NAMES; n++) {
        char name[32];
        const int i = backwards ? CROWD_NAMES - 1 - n : n;
        (void)snprintf(name, sizeof name, many_domains ? "d%d.com" : "n%d.a.com", i);
        for (int again = 0; again <= i % 10; again++)
            (void)ask_count(asking, tallies,
                            &(struct ask){AT(0, i % 60, again), "10.0.0.1", name, "A", NULL, NULL});
    }
    (void)ask_count(asking, tallies, &(struct ask){AT(0, 0, 0), "10.0.0.2", "b.com", "A", NULL, NULL});
    asking_settle(tallies);
    asking_finish(tallies, DAY, 0, table);
    tallies_free(tallies);
}

static bool is_near(int64_t estimate, int64_t truth, int64_t percent)
{
    return 100 * llabs(estimate - truth) <= percent * truth;
}

static void test_of_more_names_than_the_limit_those_of_least_hash_are_kept(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table, other;
    asking_begin(&asking, "UTC");
    asking.plan.names_most = 400;
    crowd_table(&asking, false, false, &table);
    crowd_table(&asking, false, true, &other);
    tables_compare(&table, &other);
    size_t row = asking_row(&table, DAY_S, "10.0.0.1"), calm = asking_row(&table, DAY_S, "10.0.0.2");
    assert_int_equal(table.row_sampled[row], 1);
    assert_int_equal(table.row_sampled[calm], 0);
    assert_int_equal(table.row_names[calm], 1);
    // Totals are exact, and so is what one domain says; 400 names tell the rest within 5 % (one in 20
    // misses).
    assert_int_equal(table.row_queries[row], CROWD_NAMES * 11 / 2);
    assert_int_equal(table.row_domains[row], 1);
    assert_int_equal(table.row_domain_top[row], CROWD_NAMES * 11 / 2);
    assert_true(is_near(table.row_names[row], CROWD_NAMES, 10));
    assert_true(is_near(table.row_info_bytes[row], 23890, 10));
    assert_true(is_near(table.row_repeated[row], CROWD_NAMES * 9 / 2, 12));
    assert_true(is_near(table.pair_names[0] + table.pair_names[1] - 1, CROWD_NAMES, 10));
    assert_int_equal(table.size[DAY_asked], 401);
    assert_int_equal(table.size[DAY_name], 401);
    int64_t kept = 0;
    for (size_t i = 0; i < table.size[DAY_name]; i++)
        kept += table.name_hash[i] <= least_hash(false, 399);
    assert_true(kept == 400 || kept == 401);  // the calm client's name is there in any case
    for (size_t i = 0; i < table.size[DAY_asked]; i++)
        if (table.asked_ip[16 * i + 15] == 1) {
            size_t name = table.asked_name[i], end = (size_t)table.name_text_end[name] - strlen(".a.com");
            assert_int_equal(table.asked_queries[i], table.name_text[end - 1] - '0' + 1);
        }
    day_table_clear(&table);
    day_table_clear(&other);
    asking_end(&asking);
}

static void test_of_more_domains_than_the_limit_those_of_least_hash_are_kept(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table, other;
    asking_begin(&asking, "UTC");
    asking.plan.pairs_most = 300;
    crowd_table(&asking, true, false, &table);
    crowd_table(&asking, true, true, &other);
    tables_compare(&table, &other);
    size_t row = asking_row(&table, DAY_S, "10.0.0.1");
    // Names are all known, so only the entries are fewer.
    assert_int_equal(table.row_sampled[row], 1);
    assert_int_equal(table.row_names[row], CROWD_NAMES);
    assert_int_equal(table.row_domains[row], CROWD_NAMES);
    assert_int_equal(table.row_domain_top[row], 10);
    assert_int_equal(table.size[DAY_pair], 301);
    assert_int_equal(table.size[DAY_asked], 301);
    for (size_t i = 0; i < table.size[DAY_pair]; i++)
        assert_true(table.pair_ip[16 * i + 15] == 2 ||
                    table.domain_hash[table.pair_domain[i]] <= least_hash(true, 299));
    day_table_clear(&table);
    day_table_clear(&other);
    // With both limits the domains are an estimate, too: 400 tell them within 5 %.
    asking.plan.names_most = 400;
    crowd_table(&asking, true, false, &table);
    crowd_table(&asking, true, true, &other);
    tables_compare(&table, &other);
    row = asking_row(&table, DAY_S, "10.0.0.1");
    assert_true(is_near(table.row_names[row], CROWD_NAMES, 10));
    assert_true(is_near(table.row_domains[row], CROWD_NAMES, 10));
    assert_true(table.row_domain_top[row] == 10);
    assert_int_equal(table.row_queries[row], CROWD_NAMES * 11 / 2);
    day_table_clear(&table);
    day_table_clear(&other);
    asking_end(&asking);
}

static void test_names_of_a_whole_day_have_a_limit_of_their_own(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "UTC");
    asking.plan.ip_names_most = 50;
    struct tallies *tallies = tallies_new(&asking.plan);
    // 30 names an hour, 10 of them as in the hour before.
    for (int hour = 0; hour < 24; hour++)
        for (int i = 0; i < 30; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "n%d.a.com", 20 * hour + i);
            (void)ask_count(&asking, tallies,
                            &(struct ask){AT(hour, i, 0), "10.0.0.1", name, "A", NULL, NULL});
        }
    asking_settle(tallies);
    asking_finish(tallies, DAY, 0, &table);
    assert_int_equal(table.size[DAY_name], 50);
    assert_int_equal(table.row_sampled[0], 1);
    int64_t names = 0;
    for (size_t row = 0; row < table.size[DAY_row]; row++) {
        assert_int_equal(table.row_queries[row], 30);
        assert_true(table.row_names[row] <= 30);
        names += table.row_names[row];
    }
    assert_true(is_near(names, INT64_C(24) * 30, 40));
    assert_true(is_near(table.pair_names[0], 490, 40));
    day_table_clear(&table);
    tallies_free(tallies);
    asking_end(&asking);
}

static void test_ever_more_names_of_one_client_cost_little_memory(void **state)
{
    (void)state;
    struct asking asking;
    struct error err = {0};
    asking_begin(&asking, "UTC");
    asking.plan.names_most = 4096;
    asking.plan.pairs_most = 16384;
    struct tallies *tallies = tallies_new(&asking.plan);
    size_t most = 0;
    for (int i = 0; i < 400000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, i % 2 ? "n%d.a.com" : "d%d.com", i);
        (void)ask_count(&asking, tallies,
                        &(struct ask){AT(0, i / 8000, 0), "10.0.0.1", name, "A", NULL, NULL});
        if (i % 4096 == 0)
            asking_check(tallies_compact(tallies, &err), &err);
        most = tallies_bytes(tallies) > most ? tallies_bytes(tallies) : most;
    }
    // From here on it grows with the logarithm alone.
    assert_true(most < (size_t)20 << 20);
    tallies_free(tallies);
    asking_end(&asking);
}

static void test_memory_that_lists_take_is_counted(void **state)
{
    (void)state;
    struct asking asking;
    asking_begin(&asking, "UTC");
    struct tallies *tallies = tallies_new(&asking.plan);
    // One client, one name, one hour: all that grows is the list of the pair's seconds.
    (void)ask_count(&asking, tallies, &(struct ask){AT(0, 0, 0), "10.0.0.1", "a.com", "A", NULL, NULL});
    size_t before = tallies_bytes(tallies);
    for (int i = 1; i < 250; i++)
        (void)ask_count(&asking, tallies, &(struct ask){AT(0, 0, i), "10.0.0.1", "a.com", "A", NULL, NULL});
    assert_true(tallies_bytes(tallies) - before >= 240 * sizeof(uint32_t));
    tallies_free(tallies);
    asking_end(&asking);
}

static void plan_expect(int64_t window_s, int64_t unit_s, enum status expected, const char *what)
{
    struct error err = {0};
    const struct tally_plan plan = {.window_s = window_s, .unit_s = unit_s};
    assert_int_equal(tally_plan_check(&plan, &err), expected);
    assert_string_equal(err.what, what);
    if (expected != STATUS_OK)
        assert_string_equal(err.where, "features.unit");
}

static void test_a_unit_must_divide_the_window(void **state)
{
    (void)state;
    plan_expect(3600, 60, STATUS_OK, "");
    plan_expect(3600, 1, STATUS_OK, "");
    plan_expect(3600, 7, STATUS_USAGE, "a window of 3600 s is not a whole number of units of 7 s");
    plan_expect(7200, 1, STATUS_USAGE, "a window of 7200 units, expected at most 3600");
}

static void test_the_last_day_and_the_first_have_a_place(void **state)
{
    (void)state;
    struct asking asking;
    struct day_table table;
    asking_begin(&asking, "Asia/Tokyo");
    const struct ask asks[] = {
        {-INT64_C(32400000), "10.0.0.1", "a.com", "A", NULL, NULL},  // 1970-01-01 00:00 in Tokyo
        {-1, "10.0.0.1", "a.com", "A", NULL, NULL},
        {INT64_C(253402300799999), "10.0.0.1", "a.com", "A", NULL, NULL},  // the end of 9999, UTC
    };
    asking_table(&asking, asks, 3, 0, &table);
    assert_int_equal(table.size[DAY_row], 2);
    assert_int_equal(table.row_window[0], -32400);
    assert_int_equal(table.second_of_day[1], 32399);
    day_table_clear(&table);
    asking_table(&asking, asks, 3, 2932897, &table);
    assert_int_equal(table.size[DAY_row], 1);
    day_table_clear(&table);
    asking_end(&asking);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_counts_types_flags_and_times),
        cmocka_unit_test(test_the_least_time_and_ip_in_300_s_is_the_miss_and_all_else_is_repeated),
        cmocka_unit_test(test_a_name_that_is_asked_for_by_hundreds_of_types_has_a_miss_each),
        cmocka_unit_test(test_who_is_not_watched_has_no_row_but_is_seen_in_domains_and_cache),
        cmocka_unit_test(test_a_prefix_makes_one_client_of_many_ipv6_addresses_and_leaves_ipv4_alone),
        cmocka_unit_test(test_days_are_local_and_windows_count_elapsed_time),
        cmocka_unit_test(test_a_zone_with_half_an_hour_cuts_days_there_and_slots_of_300_s_stay_utc),
        cmocka_unit_test(test_windows_below_an_hour_have_slots_of_their_own_length),
        cmocka_unit_test(test_days_outside_the_span_are_told_so_and_leave_nothing),
        cmocka_unit_test(test_the_day_at_hand_is_known_from_the_first_query_on),
        cmocka_unit_test(test_spellings_in_both_cases_are_told_apart),
        cmocka_unit_test(test_a_pair_with_more_than_4096_seconds_holds_units),
        cmocka_unit_test(test_a_domain_keeps_the_64_least_hashes_of_its_clients),
        cmocka_unit_test(test_of_more_names_than_the_limit_those_of_least_hash_are_kept),
        cmocka_unit_test(test_of_more_domains_than_the_limit_those_of_least_hash_are_kept),
        cmocka_unit_test(test_names_of_a_whole_day_have_a_limit_of_their_own),
        cmocka_unit_test(test_ever_more_names_of_one_client_cost_little_memory),
        cmocka_unit_test(test_memory_that_lists_take_is_counted),
        cmocka_unit_test(test_a_unit_must_divide_the_window),
        cmocka_unit_test(test_the_last_day_and_the_first_have_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
