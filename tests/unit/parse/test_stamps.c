/* Stamps to instants: each form, years that are not printed, and hours that the clock shows twice. The
 * instants come from Python: datetime(…, tzinfo=ZoneInfo(…), fold=…).timestamp(). */
#include "rendered.h"

#include <inttypes.h>

#define R " client 10.20.7.27#53995: query: a IN A +"
#define N "Nov 24 06:46:59"

struct stamped {
    const char *line;
    int64_t ms;  // -1: no time
    bool is_local, fold_guessed;
};

static struct zone *zone_of(const char *name)
{
    struct zone *zone = NULL;
    assert_int_equal(zone_load(name, &zone, NULL), STATUS_OK);
    return zone;
}

/* The lines of one file in order. */
static void check_file(const char *zone_name, int year, const struct stamped *lines, size_t count)
{
    struct zone *zone = zone_of(zone_name);
    struct line_parser *parser = line_parser_new(zone, year);
    assert_non_null(parser);
    for (size_t i = 0; i < count; i++) {
        struct query query;
        enum line_kind kind = line_parse(parser, lines[i].line, strlen(lines[i].line), &query);
        if (kind != LINE_QUERY || query.has_time != (lines[i].ms >= 0) ||
            (query.has_time && query.time_ms != lines[i].ms) || query.is_local_time != lines[i].is_local ||
            query.fold_guessed != lines[i].fold_guessed)
            fail_msg("line %zu, %s: kind %d, time %" PRId64 ", local %d, guessed %d", i, lines[i].line,
                     (int)kind, query.has_time ? query.time_ms : -1, query.is_local_time, query.fold_guessed);
    }
    line_parser_free(parser);
    zone_free(zone);
}

#define CHECK(zone, year, lines) check_file((zone), (year), (lines), sizeof(lines) / sizeof(lines)[0])

static void test_each_form_is_an_instant(void **state)
{
    (void)state;
    static const struct stamped TOKYO[] = {
        {"24-Nov-2026 06:48:44.122" R, 1795470524122, true, false},
        {"24-Nov-2026 06:48:44" R, 1795470524000, true, false},
        {"2026-11-24T06:48:44.122" R, 1795470524122, true, false},
        {"2026-11-23T21:48:44.122Z" R, 1795470524122, false, false},
        {"2026-11-24T06:48:44.122+09:00" R, 1795470524122, false, false},
        {"2026-11-23T16:48:44.122-0500" R, 1795470524122, false, false},
        {"2026-11-24T03:33:44.122+05:45" R, 1795470524122, false, false},
        {"Nov 24 06:48:44 ns1 named[1]:" R, 1795470524000, true, false},
        {"Nov 24 06:48:44.122999 ns1 named[1]:" R, 1795470524122, true, false},
        {"2026-11-24T06:48:44.122999+09:00 ns1 named[1]:" R, 1795470524122, false, false},
        {"Tue 2026-11-24 06:48:44 JST ns1 named[1]:" R, 1795470524000, true, false},
        {"Mon 2026-11-23 21:48:44 UTC ns1 named[1]:" R, 1795470524000, false, false},
        {"1795470524.122999 ns1 named[1]:" R, 1795470524122, false, false},
        // Two stamps: named's own one counts.
        {"Nov 24 06:48:45 ns1 named[1]: 24-Nov-2026 06:48:44.122" R, 1795470524122, true, false},
        {"2026-11-23T21:48:45.000000001Z 24-Nov-2026 06:48:44.122" R, 1795470524122, true, false},
        {"2026-11-23T21:48:45.000000001Z stderr F 24-Nov-2026 06:48:44.122" R, 1795470524122, true, false},
        {"{\"__REALTIME_TIMESTAMP\":\"1795470524122999\",\"MESSAGE\":\"client 1.1.1.1#5: query: a IN A +\"}",
         1795470524122, false, false},
        {"{\"log\":\"client 1.1.1.1#5: query: a IN A +\\n\",\"attrs\":{\"a\":[1,{}]},\"time\":"
         "\"2026-11-23T21:48:44.122999Z\"}",
         1795470524122, false, false},
        {"client 10.20.7.27#53995: query: a IN A +", -1, false, false},
        // A leap second, and the ends of what can be printed.
        {"2016-12-31T23:59:60.000Z" R, 1483228800000, false, false},
        {"1970-01-01T00:00:00.000Z" R, 0, false, false},
        {"9999-12-31T23:59:59.999Z" R, 253402300799999, false, false},
        {"2038-01-19T03:14:08.000Z" R, 2147483648000, false, false},
    };
    CHECK("Asia/Tokyo", 2026, TOKYO);
}

static void test_what_is_no_stamp(void **state)
{
    (void)state;
    static const char *const LINES[] = {
        "31-Feb-2026 06:48:44.122" R,  "29-Feb-2025 06:48:44.122" R,         "24-Nov-2026 24:00:00.000" R,
        "24-Nov-2026 06:60:44.122" R,  "24-Nov-2026 06:48:61.122" R,         "24-nov-2026 06:48:44.122" R,
        "4-Nov-2026 06:48:44.122" R,   "24-Nov-1969 06:48:44.122" R,         "2026-13-24T06:48:44.122" R,
        "2026-00-24T06:48:44.122" R,   "2026-11-31T06:48:44.122" R,          "2026-11-24T06:48:44.122+9:00" R,
        "24-Nov-2026  06:48:44.122" R, "831795471198.684037 ns1 named[1]:" R};
    char found[RENDERED_BYTES];
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        render_line(LINES[i], strlen(LINES[i]), found);
        if (strncmp(found, "reject", 6) != 0)
            fail_msg("%s: %s", LINES[i], found);
    }
}

static void test_years_follow_from_the_order_of_lines(void **state)
{
    (void)state;
    static const struct stamped NEW_YEAR[] = {
        {"Dec 31 23:59:59 ns1 named[1]:" R, 1798761599000, true, false},
        {"Jan  1 00:00:00 ns1 named[1]:" R, 1798761600000, true, false},
        {"Dec 31 23:59:59 ns1 named[1]:" R, 1798761599000, true, false},  // two writers: back again
        {"Jan  1 00:00:01 ns1 named[1]:" R, 1798761601000, true, false},
        {"Feb 28 00:00:00 ns1 named[1]:" R, 1803772800000, true, false},
    };
    CHECK("UTC", 2026, NEW_YEAR);
    static const struct stamped LEAP_DAY[] = {
        {"Feb 29 12:00:00 ns1 named[1]:" R, 1709208000000, true, false},
    };
    CHECK("UTC", 2024, LEAP_DAY);
    static const struct stamped NO_LEAP_DAY[] = {
        {"Feb 29 12:00:00 ns1 named[1]:" R, -1, true, false},
        {"Mar  1 12:00:00 ns1 named[1]:" R, 1772366400000, true, false},
    };
    CHECK("UTC", 2026, NO_LEAP_DAY);
    static const struct stamped UNKNOWN[] = {
        {N " ns1 named[1]:" R, -1, true, false},
        {N " ns1 named[1]: 24-Nov-2026 06:46:59.254" R, 1795502819254, true, false},
    };
    CHECK("UTC", 0, UNKNOWN);
}

static void test_a_repeated_hour_is_told_by_the_order_of_lines(void **state)
{
    (void)state;
    // 25 October 2026, Europe/Berlin: 03:00 CEST is 02:00 CET, at 01:00 UTC = 1792890000.
    static const struct stamped WITH_EVIDENCE[] = {
        {"25-Oct-2026 01:59:59.999" R, 1792886399999, true, false},
        {"25-Oct-2026 02:00:00.000" R, 1792886400000, true, false},
        {"25-Oct-2026 02:59:59.000" R, 1792889999000, true, false},
        {"25-Oct-2026 02:00:00.000" R, 1792890000000, true, false},
        {"25-Oct-2026 02:30:00.000" R, 1792891800000, true, false},
        {"25-Oct-2026 02:29:59.000" R, 1792891799000, true, false},  // a small step is no third pass
        {"25-Oct-2026 03:00:00.000" R, 1792893600000, true, false},
    };
    CHECK("Europe/Berlin", 2026, WITH_EVIDENCE);
    // A file that begins inside the hour has no evidence until the clock goes back.
    static const struct stamped WITHOUT[] = {
        {"25-Oct-2026 02:10:00.000" R, 1792887000000, true, true},
        {"25-Oct-2026 02:50:00.000" R, 1792889400000, true, true},
        {"25-Oct-2026 02:10:00.000" R, 1792890600000, true, false},
    };
    CHECK("Europe/Berlin", 2026, WITHOUT);
    // Left through a minute that is known already, and entered again: the first pass anew.
    static const struct stamped AGAIN[] = {
        {"25-Oct-2026 01:59:00.000" R, 1792886340000, true, false},
        {"25-Oct-2026 02:59:00.000" R, 1792889940000, true, false},
        {"25-Oct-2026 02:00:00.000" R, 1792890000000, true, false},
        {"25-Oct-2026 01:59:30.000" R, 1792886370000, true, false},
        {"25-Oct-2026 02:10:00.000" R, 1792887000000, true, false},
    };
    CHECK("Europe/Berlin", 2026, AGAIN);
    // Half an hour, Australia/Lord_Howe, 5 April 2026 at 15:00 UTC of the 4th.
    static const struct stamped HALF[] = {
        {"05-Apr-2026 01:20:00.000" R, 1775312400000, true, false},
        {"05-Apr-2026 01:45:00.000" R, 1775313900000, true, false},
        {"05-Apr-2026 01:31:00.000" R, 1775313060000, true, false},  // 14 minutes back: a step
        {"05-Apr-2026 01:59:00.000" R, 1775314740000, true, false},
        {"05-Apr-2026 01:31:00.000" R, 1775314860000, true, false},
    };
    CHECK("Australia/Lord_Howe", 2026, HALF);
    // With an offset nothing is to be told.
    static const struct stamped PLAIN[] = {
        {"2026-10-25T02:10:00.000+02:00" R, 1792887000000, false, false},
        {"2026-10-25T02:10:00.000+01:00" R, 1792890600000, false, false},
    };
    CHECK("Europe/Berlin", 2026, PLAIN);
}

static void test_a_hostile_file_cannot_carry_years_away(void **state)
{
    (void)state;
    static const char *const MONTHS[] = {"Dec 31", "May 31", "Nov 30"};
    struct line_parser *parser = line_parser_new(NULL, 2026);
    struct query query;
    bool is_lost = false;
    for (int i = 0; i < 30000; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "%s 12:00:00 ns1 named[1]:" R, MONTHS[i % 3]);
        (void)line_parse(parser, line, strlen(line), &query);
        is_lost |= !query.has_time;
        assert_true(query.time_ms < INT64_C(253402300800000));
    }
    assert_true(is_lost);
    line_parser_free(parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_form_is_an_instant),
        cmocka_unit_test(test_what_is_no_stamp),
        cmocka_unit_test(test_years_follow_from_the_order_of_lines),
        cmocka_unit_test(test_a_repeated_hour_is_told_by_the_order_of_lines),
        cmocka_unit_test(test_a_hostile_file_cannot_carry_years_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
