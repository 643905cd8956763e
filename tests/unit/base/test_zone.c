/* Dates by rule, and zone files that nobody should trust. What real zones say is compared with Python's
 * zoneinfo in tests/reference/test_zones.py. */
#include "base/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BERLIN "/usr/share/zoneinfo/Europe/Berlin"
#define FILE_ROOM 65600

static int folder_enter(void **state)
{
    char folder[] = "/tmp/quern_zone_XXXXXX";
    *state = mkdtemp(folder) ? strdup(folder) : NULL;
    return *state && chdir(*state) == 0 && setenv("TZDIR", *state, 1) == 0 ? 0 : -1;
}

static int folder_leave(void **state)
{
    (void)unlink("Hostile");
    (void)rmdir("Folder");
    bool is_gone = chdir("/") == 0 && unsetenv("TZDIR") == 0 && rmdir(*state) == 0;
    free(*state);
    return is_gone ? 0 : -1;
}

static size_t berlin_read(unsigned char bytes[FILE_ROOM])
{
    FILE *file = fopen(BERLIN, "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, FILE_ROOM, file);
    (void)fclose(file);
    assert_true(count > 400);
    return count;
}

static enum status load_bytes(const void *bytes, size_t count, struct zone **zone, struct error *err)
{
    FILE *file = fopen("Hostile", "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
    *zone = NULL;
    return zone_load("Hostile", zone, err);
}

/* A zone that loads, whatever is in it, answers for any instant and keeps its days in order. */
static void probe(const struct zone *zone)
{
    static const int64_t AT[] = {-1, 0, 1, 1792886400, 4102444800, 253402300799, -2208988800};
    for (size_t i = 0; i < sizeof AT / sizeof AT[0]; i++) {
        int64_t utc[2];
        int64_t offset_s = zone_offset_s(zone, AT[i]);
        assert_true(offset_s >= -INT64_C(604800) && offset_s <= INT64_C(604800));
        int count = zone_to_utc(zone, AT[i], utc);
        assert_in_range(count, 0, 2);
        assert_true(utc[0] <= utc[1] && (count == 2) == (utc[0] != utc[1]));
        (void)zone_day_start(zone, zone_day_of(zone, AT[i]));
        (void)zone_has_fold_between(zone, AT[i], AT[i] + 864000);
    }
}

static void test_a_truncated_file_is_no_zone(void **state)
{
    (void)state;
    static unsigned char bytes[FILE_ROOM];
    size_t whole = berlin_read(bytes);
    struct zone *zone = NULL;
    struct error err = {0};
    for (size_t count = 0; count < whole; count++) {
        enum status status = load_bytes(bytes, count, &zone, &err);
        assert_int_equal(status, count == 0 ? STATUS_USAGE : STATUS_CORRUPT);
        assert_null(zone);
    }
    assert_string_equal(err.where, "Hostile");
    assert_string_equal(err.what, "its file is not TZif of version 2 or later");
    assert_string_equal(err.hint, "install tzdata again");
    assert_int_equal(load_bytes(bytes, whole, &zone, &err), STATUS_OK);
    assert_int_equal(zone_offset_s(zone, 1792886400), 7200);
    zone_free(zone);
}

static void test_counts_that_lead_out_of_the_file_are_refused(void **state)
{
    (void)state;
    static unsigned char bytes[FILE_ROOM];
    static const uint32_t COUNTS[] = {0xffffffffu, 0x80000000u, 0x7fffffffu, 65537, 65536, 32768, 10000, 0};
    size_t whole = berlin_read(bytes), second = 44;
    while (memcmp(bytes + second, "TZif", 4) != 0)
        second++;
    const size_t headers[] = {0, second};
    for (size_t h = 0; h < 2; h++)
        for (size_t field = 0; field < 6; field++)
            for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
                unsigned char *at = bytes + headers[h] + 20 + 4 * field;
                unsigned char kept[4];
                struct zone *zone = NULL;
                memcpy(kept, at, 4);
                for (size_t byte = 0; byte < 4; byte++)
                    at[byte] = (unsigned char)(COUNTS[i] >> (24 - 8 * byte));
                bool is_same = memcmp(kept, at, 4) == 0;
                enum status status = load_bytes(bytes, whole, &zone, NULL);
                assert_int_equal(status, is_same ? STATUS_OK : STATUS_CORRUPT);
                zone_free(zone);
                memcpy(at, kept, 4);
            }
}

static void test_no_damage_of_a_file_does_harm(void **state)
{
    (void)state;
    static unsigned char genuine[FILE_ROOM], bytes[FILE_ROOM];
    size_t whole = berlin_read(genuine), loaded = 0;
    uint64_t seed = 1;
    for (int i = 0; i < 3000; i++) {
        struct zone *zone = NULL;
        memcpy(bytes, genuine, whole);
        for (int change = 0; change < 1 + i % 3; change++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
            bytes[(seed >> 33) % whole] = (unsigned char)(seed >> 25);
        }
        if (load_bytes(bytes, whole, &zone, NULL) != STATUS_OK) {
            assert_null(zone);
            continue;
        }
        loaded++;
        probe(zone);
        zone_free(zone);
    }
    assert_in_range(loaded, 100, 2900);
}

/* A TZif file with no transitions, standard time of `offset_s`, and this footer. */
static size_t footer_file(const char *footer, unsigned char *bytes)
{
    unsigned char header[44] = "TZif2";
    size_t count = 0;
    header[20 + 4 * 4 + 3] = 1;  // typecnt
    header[20 + 5 * 4 + 3] = 4;  // charcnt
    for (int block = 0; block < 2; block++) {
        memcpy(bytes + count, header, sizeof header);
        memset(bytes + count + 44, 0, 6);
        for (size_t i = 0; i < 4; i++)
            bytes[count + 50 + i] = (unsigned char)"UTC"[i];
        count += 54;
    }
    return count + (size_t)sprintf((char *)bytes + count, "\n%s\n", footer);
}

static void test_rules_of_the_footer(void **state)
{
    (void)state;
    // 1 January 2100, 1 July 2100 at noon UTC.
    static const struct {
        const char *footer;
        int64_t winter_s, summer_s;
    } RULES[] = {
        {"", 0, 0},
        {"UTC0", 0, 0},
        {"<+0545>-5:45", 20700, 20700},
        {"<-03>3", -10800, -10800},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3600},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, -3600},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 39600, 36000},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 39600, 37800},
        {"EET-2EEST,J60/0,J300/24", 7200, 10800},
        {"EET-2EEST,59,299", 7200, 10800},
        {"EST5EDT,0/0,J365/25", -14400, -14400},
        {"EET-2EEST,M3.4.4/50,M10.4.4/167:59:59", -1, -1},
        {"EET-2EEST,M3.4.4/50,M10.4.4/167", 7200, 10800},
        {"CET", -1, -1},
        {"CE-1", -1, -1},
        {"CET-1CEST", -1, -1},
        {"CET-1CEST,M3.5.0", -1, -1},
        {"CET-1CEST,M13.5.0,M10.5.0", -1, -1},
        {"CET-1CEST,M3.6.0,M10.5.0", -1, -1},
        {"CET-1CEST,M3.0.0,M10.5.0", -1, -1},
        {"CET-1CEST,M3.5.7,M10.5.0", -1, -1},
        {"CET-1CEST,J0,J300", -1, -1},
        {"CET-1CEST,J366,J300", -1, -1},
        {"CET-1CEST,366,300", -1, -1},
        {"CET-1CEST,M3.5.0,M10.5.0/3x", -1, -1},
        {"CET-168", -1, -1},
        {"CET-1:60", -1, -1},
        {"<CET-1", -1, -1},
        {"<>-1", -1, -1},
        {"CET-1CEST,M99999999999.5.0,M10.5.0", -1, -1},
    };
    static unsigned char bytes[FILE_ROOM];
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        struct zone *zone = NULL;
        enum status status = load_bytes(bytes, footer_file(RULES[i].footer, bytes), &zone, NULL);
        if (status != (RULES[i].winter_s == -1 ? STATUS_CORRUPT : STATUS_OK))
            fail_msg("\"%s\": status %d", RULES[i].footer, (int)status);
        if (zone && (zone_offset_s(zone, 4102488000) != RULES[i].winter_s ||
                     zone_offset_s(zone, 4118126400) != RULES[i].summer_s))
            fail_msg("\"%s\": %d and %d", RULES[i].footer, (int)zone_offset_s(zone, 4102488000),
                     (int)zone_offset_s(zone, 4118126400));
        if (zone)
            probe(zone);
        zone_free(zone);
    }
}

static void test_names_that_lead_elsewhere_are_no_zones(void **state)
{
    (void)state;
    static char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    const char *const names[] = {"",
                                 "/etc/passwd",
                                 "../../etc/passwd",
                                 "Europe/../Europe/Berlin",
                                 "..",
                                 "Nowhere",
                                 "Folder",
                                 "Europe/Berlin\n",
                                 "Europe\\Berlin",
                                 "%s%n",
                                 "\x1b[31mUTC",
                                 longest,
                                 ":Europe/Berlin",
                                 "utc"};
    (void)mkdir("Folder", 0777);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct zone *zone = NULL;
        struct error err = {0};
        assert_int_equal(zone_load(names[i], &zone, &err), STATUS_USAGE);
        assert_null(zone);
        assert_string_equal(err.where, "time zone");
        assert_string_equal(err.hint, "use an IANA name such as Asia/Tokyo; is tzdata installed?");
    }
    struct zone *utc = NULL;
    assert_int_equal(zone_load("UTC", &utc, NULL), STATUS_OK);  // needs no file
    probe(utc);
    zone_free(utc);
    zone_free(NULL);
}

static void test_dates_count_days_without_a_gap(void **state)
{
    (void)state;
    int year = 0, month = 0, date = 0;
    assert_int_equal(day_from_civil(1970, 1, 1), 0);
    assert_int_equal(day_from_civil(1969, 12, 31), -1);
    assert_int_equal(day_from_civil(2000, 2, 29), 11016);
    assert_int_equal(day_from_civil(2026, 11, 24), 20781);
    assert_int_equal(day_from_civil(9999, 12, 31), 2932896);
    assert_int_equal(day_from_civil(1900, 3, 1) - day_from_civil(1900, 2, 28), 1);
    assert_int_equal(day_from_civil(2025, 14, 1), day_from_civil(2026, 2, 1));  // they carry over
    assert_int_equal(day_from_civil(2026, 0, 32), day_from_civil(2026, 1, 1));
    assert_int_equal(day_from_civil(2026, -11, 1), day_from_civil(2025, 1, 1));
    static const int LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = day_from_civil(1599, 1, 1);
    for (int y = 1599; y <= 2401; y++)
        for (int m = 1; m <= 12; m++) {
            bool is_leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
            for (int d = 1; d <= LENGTHS[m - 1] + (m == 2 && is_leap); d++, day++) {
                civil_from_day(day, &year, &month, &date);
                if (day_from_civil(y, m, d) != day || year != y || month != m || date != d)
                    fail_msg("%d-%d-%d is day %d, which is %d-%d-%d", y, m, d, (int)day, year, month, date);
            }
        }
}

static void test_folds_are_seen_between_two_instants(void **state)
{
    struct zone *zone = NULL;
    (void)unsetenv("TZDIR");
    assert_int_equal(zone_load("Europe/Berlin", &zone, NULL), STATUS_OK);
    const int64_t fold_s = 1792890000;  // 25 October 2026, 01:00 UTC
    assert_true(zone_has_fold_between(zone, fold_s - 1, fold_s));
    assert_false(zone_has_fold_between(zone, fold_s, fold_s + 86400));
    assert_false(zone_has_fold_between(zone, fold_s - 86400, fold_s - 1));
    assert_true(zone_has_fold_between(zone, fold_s - 200 * INT64_C(86400), fold_s + 100 * INT64_C(86400)));
    assert_false(zone_has_fold_between(zone, fold_s - 1, fold_s - 1));
    assert_false(zone_has_fold_between(zone, fold_s, fold_s - 1));
    assert_true(zone_has_fold_between(zone, 0, INT64_C(253402300799)));  // all of time, at once
    assert_int_equal(zone_fold_s(zone, fold_s + 3600), 3600);
    assert_int_equal(zone_fold_s(zone, fold_s + 7200), 0);
    zone_free(zone);
    assert_int_equal(setenv("TZDIR", *state, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_truncated_file_is_no_zone),
        cmocka_unit_test(test_counts_that_lead_out_of_the_file_are_refused),
        cmocka_unit_test(test_no_damage_of_a_file_does_harm),
        cmocka_unit_test(test_rules_of_the_footer),
        cmocka_unit_test(test_names_that_lead_elsewhere_are_no_zones),
        cmocka_unit_test(test_dates_count_days_without_a_gap),
        cmocka_unit_test(test_folds_are_seen_between_two_instants),
    };
    return cmocka_run_group_tests(tests, folder_enter, folder_leave);
}
