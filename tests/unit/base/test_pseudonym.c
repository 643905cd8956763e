/* Crypto-PAn against the key and addresses that its authors published with their program, and against a plain
 * account of the paper for IPv6; and back again. */
#include "base/pseudonym.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the sample that is published with the program. */
static const uint8_t KEY[PSEUDONYM_KEY_BYTES] = {21,  34, 23,  141, 51, 164, 207, 128, 19,  10,  91,
                                                 22,  73, 144, 125, 16, 216, 152, 143, 131, 121, 121,
                                                 101, 39, 98,  87,  76, 45,  42,  132, 34,  2};

static const char *const PAIRS[][2] = {
    {"128.11.68.132", "135.242.180.132"},
    {"129.118.74.4", "134.136.186.123"},
    {"130.132.252.244", "133.68.164.234"},
    {"141.223.7.43", "141.167.8.160"},
    {"141.233.145.108", "141.129.237.235"},
    {"152.163.225.39", "151.140.114.167"},
    {"156.29.3.236", "147.225.12.42"},
    {"165.247.96.84", "162.9.99.234"},
    {"166.107.77.190", "160.132.178.185"},
    {"192.102.249.13", "252.138.62.131"},
    // IPv6: published with other programs of the same scheme.
    {"::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed"},
    {"::2", "78ff:f001:9fc0:20df:8380:b1f1:704:ef"},
    {"2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e"},
};

static struct pseudonyms *made(void)
{
    struct pseudonyms *pseudonyms = NULL;
    struct error err = {0};
    assert_int_equal(pseudonyms_new(KEY, &pseudonyms, &err), STATUS_OK);
    return pseudonyms;
}

static void test_published_addresses_have_their_published_pseudonyms(void **state)
{
    (void)state;
    struct pseudonyms *pseudonyms = made();
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        struct ip ip;
        char text[IP_TEXT_BYTES];
        assert_true(ip_read(PAIRS[i][0], strlen(PAIRS[i][0]), &ip));
        ip = pseudonym_of(pseudonyms, &ip);
        (void)ip_write(&ip, text);
        assert_string_equal(text, PAIRS[i][1]);
        ip = pseudonym_undo(pseudonyms, &ip);
        (void)ip_write(&ip, text);
        assert_string_equal(text, PAIRS[i][0]);
    }
    pseudonyms_free(pseudonyms);
}

static int common_bits(const struct ip *a, const struct ip *b)
{
    int bit = 0;
    while (bit < 128 && (((a->bytes[bit / 8] ^ b->bytes[bit / 8]) >> (7 - bit % 8)) & 1) == 0)
        bit++;
    return bit;
}

static void test_prefixes_are_kept_bit_for_bit(void **state)
{
    (void)state;
    struct pseudonyms *pseudonyms = made();
    for (int flip = 0; flip < 128; flip++) {
        struct ip a = {{0x20, 1, 0xd, 0xb8, 7, 7, 7, 7, 1, 2, 3, 4, 5, 6, 7, 8}}, b = a;
        b.bytes[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
        a = pseudonym_of(pseudonyms, &a);
        b = pseudonym_of(pseudonyms, &b);
        assert_int_equal(common_bits(&a, &b), flip);
    }
    pseudonyms_free(pseudonyms);
}

static enum status read_text(const char *text, size_t count, struct pseudonyms **out, struct error *err)
{
    char path[] = "/tmp/quern_key_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, count), (ssize_t)count);
    (void)close(file);
    enum status status = pseudonyms_read(path, out, err);
    (void)unlink(path);
    return status;
}

static void test_a_key_file_is_hex_or_bytes_and_nothing_else(void **state)
{
    (void)state;
    struct pseudonyms *pseudonyms = NULL;
    struct error err = {0};
    char hex[2 * PSEUDONYM_KEY_BYTES + 2];
    struct ip ip;
    for (size_t i = 0; i < PSEUDONYM_KEY_BYTES; i++)
        (void)snprintf(hex + 2 * i, 3, i % 2 ? "%02x" : "%02X", KEY[i]);
    hex[2 * PSEUDONYM_KEY_BYTES] = '\n';
    for (int way = 0; way < 2; way++) {
        assert_int_equal(way ? read_text((const char *)KEY, sizeof KEY, &pseudonyms, &err)
                             : read_text(hex, sizeof hex - 1, &pseudonyms, &err),
                         STATUS_OK);
        char text[IP_TEXT_BYTES];
        assert_true(ip_read(PAIRS[0][0], strlen(PAIRS[0][0]), &ip));
        ip = pseudonym_of(pseudonyms, &ip);
        (void)ip_write(&ip, text);
        assert_string_equal(text, PAIRS[0][1]);
        pseudonyms_free(pseudonyms);
    }
    assert_int_equal(read_text(hex, 62, &pseudonyms, &err), STATUS_USAGE);
    assert_int_equal(read_text("", 0, &pseudonyms, &err), STATUS_USAGE);
    hex[10] = 'g';
    assert_int_equal(read_text(hex, 64, &pseudonyms, &err), STATUS_USAGE);
    assert_int_equal(pseudonyms_read("/nowhere/key", &pseudonyms, &err), STATUS_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_addresses_have_their_published_pseudonyms),
        cmocka_unit_test(test_prefixes_are_kept_bit_for_bit),
        cmocka_unit_test(test_a_key_file_is_hex_or_bytes_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
