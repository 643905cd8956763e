#include "job/calendar.h"

#include "civil.h"
#include "job/job.h"

#include "scratch.h"

/** 2022-01-01, a Saturday: 52 years after 1970 with 13 leap days. */
#define YEAR_2022 (INT64_C(52) * 365 + 13)

static struct calendar *read_or_fail(const char *const *paths, size_t count)
{
    struct calendar *calendar = NULL;
    struct error err = {0};
    char *copies[2] = {NULL, NULL};
    for (size_t at = 0; at < count; at++)
        copies[at] = strdup(paths[at]);
    enum status status = calendar_read(copies, count, &calendar, &err);
    for (size_t at = 0; at < count; at++)
        free(copies[at]);
    if (status != STATUS_OK)
        fail_msg("%s: %s", err.where, err.what);
    return calendar;
}

static void test_without_files_only_weekends_are_holidays(void **state)
{
    (void)state;
    struct calendar *calendar = read_or_fail(NULL, 0);
    assert_int_equal(calendar->count, 0);
    assert_int_equal(calendar_kind(calendar, 0), DAY_WORKING);  // Thursday
    assert_int_equal(calendar_kind(calendar, 1), DAY_WORKING);
    assert_int_equal(calendar_kind(calendar, 2), DAY_HOLIDAY);
    assert_int_equal(calendar_kind(calendar, 3), DAY_HOLIDAY);
    assert_int_equal(calendar_kind(calendar, 4), DAY_WORKING);
    assert_int_equal(calendar_kind(calendar, -4), DAY_HOLIDAY);  // Sunday, 28 December 1969
    assert_int_equal(calendar_kind(calendar, -6), DAY_WORKING);
    assert_int_equal(calendar_kind(calendar, YEAR_2022), DAY_HOLIDAY);
    calendar_free(calendar);
}

static void test_listed_days_win_over_weekends_and_later_files_over_earlier(void **state)
{
    (void)state;
    scratch_write("a.csv",
                  "\xef\xbb\xbf# made by hand\r\n\r\ndate,kind,name\r\n"
                  "2022-01-10,holiday,\"Coming of \"\"Age\"\", Day\"\r\n"
                  "2022-01-08,workday,Saturday shift\r\n"
                  "2022-01-03,half,\r\n2022-01-02,half\r\n2022-01-04,holiday,a\r\n2022-01-04,holiday,b\r\n");
    scratch_write("b.csv", "2022-01-10,workday,open all the same");
    struct calendar *one = read_or_fail((const char *const[]){"a.csv"}, 1);
    assert_int_equal(one->count, 5);
    assert_int_equal(one->days[0].day, YEAR_2022 + 1);
    assert_int_equal(one->days[4].day, YEAR_2022 + 9);
    assert_int_equal(one->days[4].mark, MARK_HOLIDAY);
    assert_int_equal(calendar_kind(one, YEAR_2022 + 9), DAY_HOLIDAY);  // a Monday
    assert_int_equal(calendar_kind(one, YEAR_2022 + 7), DAY_WORKING);  // a Saturday that is listed
    assert_int_equal(calendar_kind(one, YEAR_2022 + 14), DAY_HOLIDAY);  // one that is not
    assert_int_equal(calendar_kind(one, YEAR_2022 + 2), DAY_WORKING);
    assert_int_equal(calendar_kind(one, YEAR_2022 + 1), DAY_WORKING);  // a Sunday with a half day of work
    calendar_free(one);
    struct calendar *both = read_or_fail((const char *const[]){"a.csv", "b.csv"}, 2);
    assert_int_equal(both->count, 5);
    assert_int_equal(calendar_kind(both, YEAR_2022 + 9), DAY_WORKING);
    calendar_free(both);
}

static void test_the_shipped_calendar_is_found_and_knows_the_second_monday_of_2022(void **state)
{
    (void)state;
    // A weekday that only the list makes a holiday: Monday, 10 January 2022.
    struct calendar *calendar = read_or_fail((const char *const[]){"datasets/calendar/jp.csv"}, 1);
    assert_true(calendar->count > 100);
    assert_int_equal(calendar_kind(calendar, YEAR_2022 + 9), DAY_HOLIDAY);
    assert_int_equal(calendar_kind(calendar, YEAR_2022 + 10), DAY_WORKING);
    calendar_free(calendar);
}

struct fault {
    const char *csv;
    const char *where;
    const char *what;
};

static void test_each_fault_is_told_word_for_word(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {"date,kind,name\n2022-02-29,holiday,x\n", "a.csv:2",
         "a calendar wants a date such as 2022-01-01, not \"2022-02-29\""},
        {"# c\n\n2022-1-1,holiday,x\n", "a.csv:3",
         "a calendar wants a date such as 2022-01-01, not \"2022-1-1\""},
        {"2022-01-01,feast,x\n", "a.csv:1",
         "a calendar wants one of the kinds holiday, workday, half, not \"feast\""},
        {"2022-01-01,holiday,a, b\n", "a.csv:1",
         "a calendar wants rows of date,kind,name, not \"2022-01-01,holiday,a, b\""},
        {"2022-01-01,holiday,\"a\n\"\n", "a.csv:1",
         "a calendar wants rows of date,kind,name, not \"2022-01-01,holiday,\"a\""},
        {"2022-01-01,holiday,\"a\"b\n", "a.csv:1",
         "a calendar wants rows of date,kind,name, not \"2022-01-01,holiday,\"a\"b\""},
        {"2022-01-01\n", "a.csv:1", "a calendar wants one of the kinds holiday, workday, half, not \"\""},
        {"2022-01-01,holiday,x\ndate,kind,name\n", "a.csv:2",
         "a calendar wants a date such as 2022-01-01, not \"date\""},
        {"2022-01-03,holiday,x\n2022-01-02,half,z\n2022-01-03,workday,y\n", "a.csv:3",
         "the day has another kind in line 1"},
    };
    for (size_t at = 0; at < sizeof faults / sizeof faults[0]; at++) {
        struct calendar *calendar = NULL;
        struct error err = {0};
        char path[] = "a.csv";
        char *paths[] = {path};
        scratch_write("a.csv", faults[at].csv);
        assert_int_equal(calendar_read(paths, 1, &calendar, &err), STATUS_USAGE);
        assert_null(calendar);
        assert_string_equal(err.where, faults[at].where);
        assert_string_equal(err.what, faults[at].what);
    }
}

static void test_a_missing_and_a_binary_calendar_are_io_errors(void **state)
{
    (void)state;
    struct calendar *calendar = NULL;
    struct error err = {0};
    char path[] = "b.csv";
    char *paths[] = {path};
    (void)remove("b.csv");  // of an earlier test
    assert_int_equal(calendar_read(paths, 1, &calendar, &err), STATUS_IO);
    assert_string_equal(err.where, "b.csv");
    assert_string_equal(err.what, "cannot be read: No such file or directory");
    scratch_write_bytes("b.csv", "2022-01-01,half,\n\0", 18);
    assert_int_equal(calendar_read(paths, 1, &calendar, &err), STATUS_IO);
    assert_string_equal(err.where, "b.csv:2");
    assert_string_equal(err.what, "a NUL byte, where text was expected");
}

static void test_days_and_dates_turn_into_each_other_for_ten_thousand_years(void **state)
{
    (void)state;
    struct civil_date date = {.year = -1, .month = 12, .day = 31};
    // By counting: month lengths are the independent knowledge here.
    static const int64_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = civil_day(date);
    assert_int_equal(civil_day((struct civil_date){1970, 1, 1}), 0);
    assert_int_equal(civil_day((struct civil_date){2022, 1, 1}), YEAR_2022);
    for (; date.year < 10000; day++) {
        struct civil_date got = civil_date(day);
        if (civil_day(date) != day || got.year != date.year || got.month != date.month || got.day != date.day)
            fail_msg("day %lld", (long long)day);
        bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
        if (date.day++ < lengths[date.month - 1] + (leap && date.month == 2))
            continue;
        date.day = 1;
        date.year += date.month == 12;
        date.month = date.month % 12 + 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_files_only_weekends_are_holidays),
        cmocka_unit_test(test_listed_days_win_over_weekends_and_later_files_over_earlier),
        cmocka_unit_test(test_the_shipped_calendar_is_found_and_knows_the_second_monday_of_2022),
        cmocka_unit_test(test_each_fault_is_told_word_for_word),
        cmocka_unit_test(test_a_missing_and_a_binary_calendar_are_io_errors),
        cmocka_unit_test(test_days_and_dates_turn_into_each_other_for_ten_thousand_years),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
