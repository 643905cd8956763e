/* Cells that a spreadsheet leaves alone, and lines cut into cells again. */
#include "base/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void cell_expect(const char *text, const char *hostile, const char *utf8)
{
    char *out = NULL;
    size_t count = 0;
    FILE *stream = open_memstream(&out, &count);
    assert_non_null(stream);
    csv_cell(stream, text);
    (void)fputc('|', stream);
    csv_cell_utf8(stream, text);
    (void)fclose(stream);
    char expected[200];
    (void)snprintf(expected, sizeof expected, "%s|%s", hostile, utf8);
    assert_string_equal(out, expected);
    free(out);
}

static void test_formulas_begin_with_an_apostrophe_and_controls_are_escaped(void **state)
{
    (void)state;
    cell_expect("plain.example", "\"plain.example\"", "\"plain.example\"");
    cell_expect("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\"", "\"'=cmd|' /C calc'!A0\"");
    cell_expect("+1", "\"'+1\"", "\"'+1\"");
    cell_expect("-1", "\"'-1\"", "\"'-1\"");
    cell_expect("@x", "\"'@x\"", "\"'@x\"");
    cell_expect("\t=1", "\"'\\x09=1\"", "\"'\\x09=1\"");
    cell_expect("a\"b", "\"a\"\"b\"", "\"a\"\"b\"");
    cell_expect("a\r\nb", "\"a\\x0d\\x0ab\"", "\"a\\x0d\\x0ab\"");
    cell_expect("\xe6\x9c\xac", "\"\\xe6\\x9c\\xac\"", "\"\xe6\x9c\xac\"");
    cell_expect("\xc2\x9b[2J", "\"\\xc2\\x9b[2J\"", "\"\\xc2\\x9b[2J\"");  // C1's CSI
    // Text that runs backwards, an overlong slash, half a sign.
    cell_expect("a\xe2\x80\xaegnp", "\"a\\xe2\\x80\\xaegnp\"", "\"a\\xe2\\x80\\xaegnp\"");
    cell_expect("\xc0\xaf\xe6\x9c", "\"\\xc0\\xaf\\xe6\\x9c\"", "\"\\xc0\\xaf\\xe6\\x9c\"");
    cell_expect("", "\"\"", "\"\"");
}

static void test_lines_are_cut_into_cells(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        size_t count;
        const char *cells[4];
    } CASES[] = {
        {"a,b,c", 3, {"a", "b", "c"}},
        {"\"a,b\",c", 2, {"a,b", "c"}},
        {"\"say \"\"x\"\"\",", 2, {"say \"x\"", ""}},
        {"", 1, {""}},
        {",,", 3, {"", "", ""}},
        {"\"open, end", 1, {"open, end"}},
        {"\"a\"junk,b", 2, {"a", "b"}},
        {"a,b,c,d,e", 4, {"a", "b", "c", "d"}},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char line[40], *cells[4];
        (void)snprintf(line, sizeof line, "%s", CASES[i].line);
        assert_int_equal(csv_split(line, cells, 4), CASES[i].count);
        for (size_t c = 0; c < CASES[i].count; c++)
            assert_string_equal(cells[c], CASES[i].cells[c]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas_begin_with_an_apostrophe_and_controls_are_escaped),
        cmocka_unit_test(test_lines_are_cut_into_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
