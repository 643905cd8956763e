/* The small parts of evidence, each against sets and sums that are written down or made the slow way. */
#include "../feature/asking.h"

#include "internal.h"

static void test_windows_end_on_their_day(void **state)
{
    (void)state;
    int64_t values[WINDOWS] = {0};
    static const int64_t AGES[] = {-1, 0, 1, 4, 5, 29, 30};
    for (size_t i = 0; i < 7; i++)
        windows_add(values, INT64_C(1) << i, 100 - AGES[i], 100);
    assert_int_equal(values[0], 2);
    assert_int_equal(values[1], 2 + 4 + 8);
    assert_int_equal(values[2], 2 + 4 + 8 + 16 + 32);
}

/* Whatever the order and the repeats, the least hashes remain, ascending. */
static void test_the_least_names_are_kept(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 200; round++) {
        struct evidence about = {0};
        bool given[64] = {false};
        const int count = round % 40;
        for (int i = 0; i < count; i++) {
            const uint64_t name = dice(&seed) % 64;
            given[name] = true;
            evidence_add_name(&about, name);
        }
        int32_t kept = 0;
        for (uint64_t name = 0; name < 64 && kept < EVIDENCE_NAMES; name++)
            if (given[name])
                assert_int_equal(about.names[kept++], name);
        assert_int_equal(about.name_count, kept);
    }
}

static size_t information(const char *name, const char *domain)
{
    const size_t count = strlen(name), of_domain = strlen(domain);
    return name_information(name, count, of_domain, count > of_domain ? count - of_domain - 1 : 0);
}

static void test_services_numbers_and_reversed_addresses_carry_nothing(void **state)
{
    (void)state;
    assert_int_equal(information("data.evil.com", "evil.com"), 4);
    assert_int_equal(information("a1.b2.evil.com", "evil.com"), 5);
    assert_int_equal(information("evil.com", "evil.com"), 0);
    assert_int_equal(information("1.2.3.4.in-addr.arpa", "in-addr.arpa"), 0);
    assert_int_equal(information("x.ip6.arpa", "ip6.arpa"), 0);
    assert_int_equal(information("x.notarpa", "notarpa"), 1);
    assert_int_equal(information("_ldap.evil.com", "evil.com"), 0);
    assert_int_equal(information("_ldap._tcp.dc._msdcs.evil.com", "evil.com"), 2);
    assert_int_equal(information("_443._tcp.evil.com", "evil.com"), 0);
    assert_int_equal(information("_65535.evil.com", "evil.com"), 0);
    assert_int_equal(information("x_tcp.evil.com", "evil.com"), 5);
    assert_int_equal(information("10-0-0-1.evil.com", "evil.com"), 0);
    assert_int_equal(information("10.20_30.evil.com", "evil.com"), 0);
    assert_int_equal(information("10a.evil.com", "evil.com"), 3);
}

/* What hid in digits, and behind a label that begins with "_". */
static void test_data_in_digits_and_behind_services_counts(void **state)
{
    (void)state;
    assert_int_equal(information("1234567890123456789.evil.com", "evil.com"), 0);  // of 64 bits
    assert_int_equal(information("12345678901234567890.evil.com", "evil.com"), 20);
    assert_int_equal(information("1645000000123.1645000000123.1645000000123.evil.com", "evil.com"), 0);
    assert_int_equal(information("1234567890.1234567890.1234567890.1234567890.evil.com", "evil.com"), 43);
    assert_int_equal(
        information("1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.bl.com",
                    "bl.com"),
        0);  // an address of IPv6 has 32 of them
    assert_int_equal(information("mzxw6ytb._x.evil.com", "evil.com"), 10);
    assert_int_equal(information("_mzxw6ytb.evil.com", "evil.com"), 9);
    assert_int_equal(information("mzxw6ytb._tcp.evil.com", "evil.com"), 8);
    assert_int_equal(information("_123456.evil.com", "evil.com"), 0);  // a number still
}

static void test_private_suffixes_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *domain;
        bool is_private;
    } CASES[] = {{"d111.cloudfront.net", true},
                 {"cloudfront.net", false},
                 {"home.duckdns.org", true},
                 {"x.github.io", true},
                 {"example.com", false},
                 {"example.co.uk", false},
                 {"bbc.co.jp", false},
                 {"xcloudfront.net", false},
                 {"a.eu.compute.amazonaws.com", true},
                 {"0emm.com", false},
                 {"com", false},
                 {"", false},
                 {"x.0emm.com", true},
                 {"x.zapto.org", true}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        if (suffix_is_private(CASES[i].domain, strlen(CASES[i].domain)) != CASES[i].is_private)
            fail_msg("%s", CASES[i].domain);
}

static uint64_t shape(const char *name, const char *domain)
{
    return name_shape(name, strlen(name), strlen(domain));
}

static void test_counters_have_one_shape(void **state)
{
    (void)state;
    assert_true(shape("metric7.evil.com", "evil.com") == shape("metric1234.evil.com", "evil.com"));
    assert_true(shape("a11b22.evil.com", "evil.com") == shape("a333b4.evil.com", "evil.com"));
    assert_true(shape("a-1-b.evil.com", "evil.com") == shape("a-2-b.evil.com", "evil.com"));
    assert_true(shape("1a.b2.evil.com", "evil.com") == shape("3a.b4.evil.com", "evil.com"));
    // Of an alphabet: iodine's pings.
    assert_true(shape("paeaf3ca.t.evil.com", "evil.com") != shape("paeaf4ca.t.evil.com", "evil.com"));
    assert_true(shape("a1b.evil.com", "evil.com") != shape("a1c.evil.com", "evil.com"));
    assert_true(shape("1234567890123456789.evil.com", "evil.com") ==
                shape("1234567890123456780.evil.com", "evil.com"));
    assert_true(shape("12345678901234567890.evil.com", "evil.com") !=
                shape("12345678901234567891.evil.com", "evil.com"));
    assert_true(shape("ab.evil.com", "evil.com") != shape("a1b.evil.com", "evil.com"));
}

/* Gaps of a period with a jitter of so many percent. */
static bool jittered(uint32_t period, uint32_t percent, size_t count, uint64_t seed)
{
    uint32_t gaps[256];
    for (size_t i = 0; i < count; i++)
        gaps[i] =
            period - period * percent / 100 + (uint32_t)(dice(&seed) % (2 * period * percent / 100 + 1));
    return gaps_regular(gaps, count) > 0;
}

static void test_gaps_are_regular_from_a_number_and_a_likeness_on(void **state)
{
    (void)state;
    assert_int_equal(gaps_regular(NULL, 0), 0);
    assert_false(jittered(300, 0, 23, 1));
    assert_true(jittered(300, 0, 24, 1));
    assert_true(jittered(300, 20, 24, 1));
    // The boundary: deviations of 60 from 300 are a fifth, 61 are more; with 48 gaps 105 are 35 %, 106 are
    // more.
    static const struct {
        size_t count;
        uint32_t deviation;
        bool expected;
    } CASES[] = {{24, 60, true}, {24, 61, false}, {47, 61, false}, {48, 105, true}, {48, 106, false}};
    for (size_t c = 0; c < sizeof CASES / sizeof CASES[0]; c++) {
        uint32_t gaps[64];
        for (size_t i = 0; i < CASES[c].count; i++)
            gaps[i] = i % 3 == 0 ? 300 : i % 3 == 1 ? 300 + CASES[c].deviation : 300 - CASES[c].deviation;
        assert_int_equal(gaps_regular(gaps, CASES[c].count), CASES[c].expected ? 300 : 0);
    }
}

/* Exact below 64 clients; above, the 64th least hash tells their number with a relative error of
 * 1/sqrt(62), 12.7 %: here within three times of it, in every one of many draws, and without bias. */
static void test_the_reach_is_exact_below_64_and_an_estimate_above(void **state)
{
    (void)state;
    static const size_t COUNTS[] = {0, 1, 2, 63, 64, 100, 1000, 20000};
    uint64_t seed = 11, *hashes = calloc(40000, sizeof *hashes);
    assert_non_null(hashes);
    for (size_t c = 0; c < 8; c++) {
        double sum = 0;
        for (int draw = 0; draw < 100; draw++) {
            for (size_t i = 0; i < COUNTS[c]; i++)
                hashes[i] = hashes[COUNTS[c] + i] = dice(&seed);  // everybody comes twice
            const int64_t reach = reach_of(hashes, 2 * COUNTS[c]);
            if (COUNTS[c] < 64)
                assert_int_equal(reach, COUNTS[c]);
            else
                assert_true((double)reach > 0.62 * (double)COUNTS[c] &&
                            (double)reach < 1.62 * (double)COUNTS[c]);
            sum += (double)reach;
        }
        if (COUNTS[c] >= 64)
            assert_true(sum / 100 > 0.95 * (double)COUNTS[c] && sum / 100 < 1.05 * (double)COUNTS[c]);
    }
    // Least hashes that nobody draws by chance end in no division by nothing.
    for (size_t i = 0; i < 64; i++)
        hashes[i] = i;
    assert_true(reach_of(hashes, 64) > 1000000);
    free(hashes);
}

static void test_mechanisms_have_thresholds_and_causes(void **state)
{
    (void)state;
    for (int m = 0; m < MECHANISMS; m++) {
        const struct mechanism_info *info = mechanism_info((enum mechanism)m);
        for (int w = 0; w < WINDOWS; w++)
            assert_true(info->thresholds[w] > 0 && info->thresholds[w] >= info->thresholds[w ? w - 1 : 0]);
        assert_true(info->cause < CAUSES);
    }
    assert_false(cause_is_malice(CAUSE_FAULT));
    assert_true(cause_is_malice(CAUSE_TUNNEL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_end_on_their_day),
        cmocka_unit_test(test_the_least_names_are_kept),
        cmocka_unit_test(test_services_numbers_and_reversed_addresses_carry_nothing),
        cmocka_unit_test(test_data_in_digits_and_behind_services_counts),
        cmocka_unit_test(test_private_suffixes_are_known),
        cmocka_unit_test(test_counters_have_one_shape),
        cmocka_unit_test(test_gaps_are_regular_from_a_number_and_a_likeness_on),
        cmocka_unit_test(test_the_reach_is_exact_below_64_and_an_estimate_above),
        cmocka_unit_test(test_mechanisms_have_thresholds_and_causes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
