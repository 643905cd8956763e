/* Logarithms, hashes and random numbers: the same bits everywhere, and those of their papers. */
#include "base/exact.h"
#include "base/hash.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint64_t step(uint64_t *state)  // Knuth's MMIX generator
{
    return *state = *state * 6364136223846793005u + 1442695040888963407u;
}

/* A number in [2^-40, 2^54), any mantissa. */
static double number_of(uint64_t state)
{
    uint64_t bits = state >> 12 | (983 + (state & 63) + (state >> 6 & 31)) << 52;
    double x = 0;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t bits_of(double x)
{
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void test_log2_is_as_near_as_promised(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 1000000; i++) {
        double x = number_of(step(&seed));
        long double error = fabsl((long double)exact_log2(x) - log2l((long double)x));
        if (error > 4.1e-15L)
            fail_msg("log2(%a) is off by %Lg", x, error);
    }
    for (int e = -1022; e <= 1023; e++)
        assert_true(exact_log2(ldexp(1.0, e)) == e);
}

static void test_log2_of_whole_numbers_grows(void **state)
{
    (void)state;
    int64_t last = -1;
    for (uint32_t n = 1; n < 1u << 22; n++) {
        int64_t now = llrint(exact_log2(n) * 0x1p40);
        if (now <= last)
            fail_msg("log2(%u) is not above that of the number before it", n);
        last = now;
    }
    assert_int_equal(fixed_log2(0), 0);
    assert_int_equal(fixed_log2(1), 0);
    assert_int_equal(fixed_log2(2), INT64_C(1) << 32);
    assert_int_equal(fixed_log2(3), 6807362106);  // log2(3) = 1.58496250072115618…
    assert_int_equal(fixed_log2(UINT64_MAX), INT64_C(64) << 32);
}

static void test_exp2_is_as_near_as_promised(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int i = 0; i < 1000000; i++) {
        double x = ((double)(step(&seed) >> 11) * 0x1p-53 - 0.5) * 1000;
        long double truth = exp2l((long double)x);
        long double error = fabsl((long double)exact_exp2(x) - truth) / truth;
        if (error > 1.9e-16L)
            fail_msg("2^%a is off by %Lg", x, error);
    }
    for (int e = -1000; e <= 1000; e++)
        assert_true(exact_exp2(e) == ldexp(1.0, e));
}

/* From the same formulas in Python, whose floats are IEEE 754 doubles without contraction. A build that
 * contracts multiplications and additions, or reorders them, has other bits. */
static void test_bits_are_those_of_plain_doubles(void **state)
{
    (void)state;
    uint64_t log_hash = 14695981039346656037u, exp_hash = log_hash, seed = 1;
    for (int i = 0; i < 100000; i++) {
        uint64_t now = step(&seed);
        double y = ((double)(now >> 11) * 0x1p-53 - 0.5) * 1000;
        log_hash = (log_hash ^ bits_of(exact_log2(number_of(now)))) * 1099511628211u;
        exp_hash = (exp_hash ^ bits_of(exact_exp2(y))) * 1099511628211u;
    }
    assert_true(log_hash == 0xc28224afde6c786eu);
    assert_true(exp_hash == 0x2e177c2324b88d4au);
}

/* kat_vectors of Random123 1.09 (https://github.com/DEShawResearch/random123), philox4x32 10. */
static void test_philox_has_its_published_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } KNOWN[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        uint32_t out[4] = {0};
        philox4x32(KNOWN[i].counter, KNOWN[i].key, out);
        assert_memory_equal(out, KNOWN[i].answer, sizeof out);
    }
    // The counter is (index, round, purpose), the key is the seed.
    assert_true(random_u64(0, (enum random_purpose)0, 0, 0) == 0xe169c58d6627e8d5u);
    assert_true(random_u64(0x299f31d0a4093822u, (enum random_purpose)0x03707344, 0x13198a2e,
                           0x85a308d3243f6a88u) == 0x94fdccebd16cfe09u);
}

static void test_units_fill_their_interval_evenly(void **state)
{
    (void)state;
    size_t bins[16] = {0};
    for (uint64_t i = 0; i < 160000; i++) {
        double unit = random_unit(5, RANDOM_DEAL, 0, i);
        assert_true(unit >= 0 && unit < 1);
        bins[(size_t)(unit * 16)]++;
    }
    // 10,000 in each; a standard deviation is 97, and the numbers are always the same.
    for (size_t bin = 0; bin < 16; bin++)
        assert_in_range(bins[bin], 9600, 10400);
}

static void test_places_are_a_permutation(void **state)
{
    (void)state;
    static const uint64_t COUNTS[] = {1, 2, 3, 4, 5, 16, 17, 1000, 4096, 4097, 65537};
    static bool seen[65537];
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++)
        for (uint64_t key = 0; key < 3; key++) {
            memset(seen, 0, sizeof seen);
            for (uint64_t at = 0; at < COUNTS[i]; at++) {
                uint64_t place = random_place(key, at, COUNTS[i]);
                assert_true(place < COUNTS[i] && !seen[place]);
                seen[place] = true;
            }
        }
    uint64_t stays = 0;
    for (uint64_t at = 0; at < 4096; at++)
        stays += random_place(1, at, 4096) == at;
    assert_true(stays < 12);  // one is expected; 12 or more have a chance of 1e-9
    assert_true(random_place(1, UINT64_MAX - 1, UINT64_MAX) < UINT64_MAX);
}

/* XXH3's own values for no bytes and seed 0 (its sanity tests), and for a text by Python's xxhash. */
static void test_stored_hashes_are_xxh3(void **state)
{
    (void)state;
    char hex[33];
    assert_true(content_hash("", 0) == 0x2d06800538d394c2u);
    struct digest *digest = digest_new();
    assert_non_null(digest);
    digest_hex(digest, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
    digest_add(digest, "www.exa", 7);
    digest_add(digest, NULL, 0);
    digest_add(digest, "mple", 4);
    digest_hex(digest, hex);
    struct digest *whole = digest_new();
    char again[33];
    assert_non_null(whole);
    digest_add(whole, "www.example", 11);
    digest_hex(whole, again);
    assert_string_equal(hex, again);
    digest_add(whole, "", 1);
    digest_hex(whole, again);
    assert_string_not_equal(hex, again);
    digest_free(digest);
    digest_free(whole);
    digest_free(NULL);
    assert_true(memory_hash("a", 1) == memory_hash("a", 1));
    assert_true(memory_hash("a", 1) != content_hash("a", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log2_is_as_near_as_promised),
        cmocka_unit_test(test_log2_of_whole_numbers_grows),
        cmocka_unit_test(test_exp2_is_as_near_as_promised),
        cmocka_unit_test(test_bits_are_those_of_plain_doubles),
        cmocka_unit_test(test_philox_has_its_published_answers),
        cmocka_unit_test(test_units_fill_their_interval_evenly),
        cmocka_unit_test(test_places_are_a_permutation),
        cmocka_unit_test(test_stored_hashes_are_xxh3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
