/* Bytes of an attacker, on a terminal and in JSON. */
#include "base/json.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define S(text) text, sizeof(text) - 1

static void test_a_terminal_gets_printable_ascii_only(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        const char *shown;
    } CASES[] = {
        {S(""), ""},
        {S("www.example"), "www.example"},
        {S("a\\b"), "a\\\\b"},
        {S("\x1b[31mred\x1b[0m"), "\\x1b[31mred\\x1b[0m"},
        {S("a\0b"), "a\\x00b"},
        {S("\r\n\t\b\x7f"), "\\x0d\\x0a\\x09\\x08\\x7f"},
        {S("b\xc3\xbc"), "b\\xc3\\xbc"},
        {S("\xc2\x9b\x9b\xff"), "\\xc2\\x9b\\x9b\\xff"},
        {S("\xe2\x80\xae"), "\\xe2\\x80\\xae"},
        {S(" ~"), " ~"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char out[128];
        size_t length = text_for_terminal(CASES[i].bytes, CASES[i].count, out, sizeof out);
        assert_string_equal(out, CASES[i].shown);
        assert_int_equal(length, strlen(out));
    }
}

static void test_what_does_not_fit_ends_in_dots(void **state)
{
    (void)state;
    static const char BYTES[] = "ab\x1b\\cdefgh";
    char whole[64], out[64];
    size_t full = text_for_terminal(BYTES, sizeof BYTES - 1, whole, sizeof whole);
    for (size_t room = 4; room < sizeof out; room++) {
        memset(out, '#', sizeof out);
        size_t length = text_for_terminal(BYTES, sizeof BYTES - 1, out, room);
        assert_true(length < room);
        assert_int_equal(out[length], '\0');
        assert_int_equal(out[room], '#');  // out has room + 1 at least
        if (room > full)
            assert_string_equal(out, whole);
        else
            assert_true(length >= 3 && strcmp(out + length - 3, "...") == 0 &&
                        strncmp(out, whole, length - 3) == 0);
        if (room == sizeof out - 1)
            break;
    }
}

static void test_json_is_ascii_whatever_came_in(void **state)
{
    (void)state;
    char bytes[256], out[6 * 256 + 1];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    size_t length = text_for_json(bytes, sizeof bytes, out, sizeof out);
    assert_int_equal(length, strlen(out));
    assert_int_equal(strncmp(out, "\\u0000\\u0001", 12), 0);
    assert_non_null(strstr(out, "\\u001f !\\\"#$"));
    assert_non_null(strstr(out, "[\\\\]"));
    assert_non_null(strstr(out, "~\\u007f\\u0080"));
    assert_string_equal(out + length - 6, "\\u00ff");
    for (size_t i = 0; i < length; i++)
        assert_in_range(out[i], 0x20, 0x7e);
    // Cut between characters, never inside an escape.
    for (size_t room = 1; room < 40; room++) {
        length = text_for_json("a\"\x01\\\xff", 5, out, room);
        static const size_t ENDS[] = {0, 1, 3, 9, 11, 17};
        size_t expected = 0;
        for (size_t i = 0; i < 6; i++)
            if (ENDS[i] < room)
                expected = ENDS[i];
        assert_int_equal(length, expected);
        assert_int_equal(out[length], '\0');
    }
}

static void test_a_document_is_what_it_was_told(void **state)
{
    (void)state;
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    assert_non_null(stream);
    struct json json = json_begin(stream);
    json_open(&json, NULL, '{');
    json_integer(&json, "least", INT64_MIN);
    json_integer(&json, "most", INT64_MAX);
    json_number(&json, "tenth", 0.1);
    json_number(&json, "nan", (double)NAN);
    json_number(&json, "infinite", -(double)INFINITY);
    json_bool(&json, "yes", true);
    json_bool(&json, "no", false);
    json_text(&json, "a\"\n", S("\x1b[2J\0\xff"));
    json_open(&json, "list", '[');
    json_integer(&json, NULL, 1);
    json_open(&json, NULL, '{');
    json_close(&json, '}');
    json_close(&json, ']');
    json_open(&json, "none", '[');
    json_close(&json, ']');
    json_close(&json, '}');
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, "{\n"
                              "  \"least\": -9223372036854775808,\n"
                              "  \"most\": 9223372036854775807,\n"
                              "  \"tenth\": 0.10000000000000001,\n"
                              "  \"nan\": null,\n"
                              "  \"infinite\": null,\n"
                              "  \"yes\": true,\n"
                              "  \"no\": false,\n"
                              "  \"a\\\"\\u000a\": \"\\u001b[2J\\u0000\\u00ff\",\n"
                              "  \"list\": [\n"
                              "    1,\n"
                              "    {}\n"
                              "  ],\n"
                              "  \"none\": []\n"
                              "}\n");
    free(text);
}

static void test_long_texts_are_whole(void **state)
{
    (void)state;
    for (size_t count = 60; count < 200; count++) {
        char bytes[200], *text = NULL;
        size_t written = 0;
        memset(bytes, '\x01', sizeof bytes);
        FILE *stream = open_memstream(&text, &written);
        assert_non_null(stream);
        struct json json = json_begin(stream);
        json_text(&json, NULL, bytes, count);
        assert_int_equal(fclose(stream), 0);
        assert_int_equal(written, 2 + 6 * count);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_terminal_gets_printable_ascii_only),
        cmocka_unit_test(test_what_does_not_fit_ends_in_dots),
        cmocka_unit_test(test_json_is_ascii_whatever_came_in),
        cmocka_unit_test(test_a_document_is_what_it_was_told),
        cmocka_unit_test(test_long_texts_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
