#include "job/host_spans.h"

#include "civil.h"

#include "scratch.h"

/** 2022-02-01: 52 years after 1970 with 13 leap days, and January. */
#define FEBRUARY_S ((INT64_C(52) * 365 + 13 + 31) * DAY_S)

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_true(ip_read(text, strlen(text), &ip));
    return ip;
}

static enum status read_one(const char *text, struct host_spans *spans, struct error *err)
{
    char path[] = "a.csv";
    char *paths[] = {path};
    scratch_write("a.csv", text);
    return host_spans_read(paths, 1, spans, err);
}

static void test_a_row_is_covered_from_the_start_of_a_span_to_before_its_end(void **state)
{
    (void)state;
    struct host_spans spans = {0};
    const struct ip seven = ip_of("10.0.0.7"), eight = ip_of("10.0.0.8"), six = ip_of("2001:db8::6");
    assert_int_equal(read_one("ip,start,end,family,parameters,queries\r\n"
                              "10.0.0.7,2022-02-02,2022-02-03,dga,rate=5,40\r\n\n# acked\n"
                              "10.0.0.7,2022-02-05 12:00,2022-02-05T12:30:30\n"
                              "\"2001:db8::6\",2022-02-01,2022-02-02\n",
                              &spans, NULL),
                     STATUS_OK);
    host_spans_settle(&spans);
    assert_int_equal(spans.count, 3);
    assert_false(host_spans_cover(&spans, &seven, FEBRUARY_S + DAY_S - 1));
    assert_true(host_spans_cover(&spans, &seven, FEBRUARY_S + DAY_S));
    assert_true(host_spans_cover(&spans, &seven, FEBRUARY_S + 2 * DAY_S - 1));
    assert_false(host_spans_cover(&spans, &seven, FEBRUARY_S + 2 * DAY_S));
    const int64_t noon_s = FEBRUARY_S + 4 * DAY_S + DAY_S / 2;
    assert_false(host_spans_cover(&spans, &seven, noon_s - 1));
    assert_true(host_spans_cover(&spans, &seven, noon_s + 1829));
    assert_false(host_spans_cover(&spans, &seven, noon_s + 1830));
    assert_false(host_spans_cover(&spans, &eight, FEBRUARY_S + DAY_S));
    assert_true(host_spans_cover(&spans, &six, FEBRUARY_S));
    host_spans_clear(&spans);
    host_spans_settle(&spans);
    assert_false(host_spans_cover(&spans, &seven, FEBRUARY_S));
}

/* Spans of two hosts in any order and overlap, against a look at every one of them. */
static void test_settled_spans_cover_what_any_of_them_covers(void **state)
{
    (void)state;
    const struct ip hosts[] = {ip_of("10.0.0.1"), ip_of("10.0.0.2")};
    struct host_spans spans = {0};
    struct host_span every[40];
    unsigned random = 1;
    for (size_t i = 0; i < 40; i++) {
        random = random * 1103515245u + 12345u;
        const int64_t from_s = random >> 16 & 255;
        every[i] = (struct host_span){hosts[random >> 24 & 1], from_s, from_s + 1 + (random >> 8 & 7)};
        assert_int_equal(host_spans_add(&spans, &every[i], NULL), STATUS_OK);
    }
    host_spans_settle(&spans);
    assert_true(spans.count < 40);
    for (int64_t at_s = 0; at_s < 270; at_s++)
        for (size_t host = 0; host < 2; host++) {
            bool covered = false;
            for (size_t i = 0; i < 40; i++)
                covered = covered || (ip_compare(&every[i].ip, &hosts[host]) == 0 &&
                                      every[i].from_s <= at_s && at_s < every[i].to_s);
            assert_int_equal(host_spans_cover(&spans, &hosts[host], at_s), covered);
        }
    host_spans_clear(&spans);
}

static void test_each_fault_is_told_with_its_line(void **state)
{
    (void)state;
    static const char *const faults[][3] = {
        {"ip,from,to\n10.0.0.7,2022-02-02\n", "a.csv:2",
         "a line of ip,from,to was expected, and it has 2 of these"},
        {"10.0.0.777,2022-02-02,2022-02-03\n", "a.csv:1", "\"10.0.0.777\" is no address"},
        {"10.0.0.7,2022-02-30,2022-03-01\n", "a.csv:1", "\"2022-02-30\" is no time"},
        {"\n10.0.0.7,2022-02-02,2022-02-02 24:00\n", "a.csv:2", "\"2022-02-02 24:00\" is no time"},
        {"10.0.0.7,2022-02-02,2022-02-02 12-30\n", "a.csv:1", "\"2022-02-02 12-30\" is no time"},
        {"10.0.0.7,2022-02-02,2022-02-02\n", "a.csv:1", "the span ends where it begins, or before"},
        {"10.0.0.7,2022-02-02,2022-02-03\nip,from,to\n", "a.csv:2", "\"ip\" is no address"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct host_spans spans = {0};
        struct error err = {0};
        assert_int_equal(read_one(faults[i][0], &spans, &err), STATUS_USAGE);
        assert_string_equal(err.where, faults[i][1]);
        assert_string_equal(err.what, faults[i][2]);
        host_spans_clear(&spans);
    }
    struct host_spans spans = {0};
    struct error err = {0};
    char path[] = "b.csv";
    char *paths[] = {path};
    assert_int_equal(host_spans_read(paths, 1, &spans, &err), STATUS_IO);
    assert_string_equal(err.where, "b.csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_is_covered_from_the_start_of_a_span_to_before_its_end),
        cmocka_unit_test(test_settled_spans_cover_what_any_of_them_covers),
        cmocka_unit_test(test_each_fault_is_told_with_its_line),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
