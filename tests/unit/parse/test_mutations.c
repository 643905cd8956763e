/* Genuine lines, damaged in some 200,000 ways, always the same ones: whatever comes out keeps the rules. */
#include "invariants.h"

#include "mutate.h"

#define MUTATED_LINES 200000

static void test_no_damage_breaks_the_rules(void **state)
{
    (void)state;
    static char row[QUERY_TSV_BYTES], line[LINE_BYTES + 64];
    struct lines lines = lines_load(LINES_FOLDER);
    struct zone *zone = NULL;
    struct line_parser *parser = NULL;
    size_t kinds[4] = {0};
    uint64_t seed = 2026;
    assert_true(lines.at && lines.count > 2000);
    if (!lines.at)
        return;  // which the analyser does not see in the assertion
    assert_int_equal(zone_load("Europe/Berlin", &zone, NULL), STATUS_OK);
    for (size_t i = 0; i < MUTATED_LINES; i++) {
        if (i % 1000 == 0) {
            line_parser_free(parser);
            parser = line_parser_new(i % 2000 ? zone : NULL, i % 3000 ? 2026 : 0);
            assert_non_null(parser);
        }
        struct span genuine = lines.at[draw_below(&seed, lines.count)];
        size_t count = genuine.count;
        memcpy(line, genuine.at, count);
        for (size_t rounds = draw_below(&seed, 4); rounds > 0; rounds--)
            count = mutate(&lines, &seed, line, count);
        // A copy of exactly this size, so that the sanitizers see a read beyond the line.
        char *exact = malloc(count + !count);
        assert_non_null(exact);
        memcpy(exact, line, count);
        struct query query;
        (void)line_parse(parser, exact, count, &query);
        const char *broken = broken_rule(&query, exact, count, parser, row);
        if (broken)
            fail_msg("mutation %zu: %s: %.*s", i, broken, (int)count, exact);
        kinds[query.kind]++;
        free(exact);
    }
    // The mutations are gentle enough to leave lines of each kind, and rough enough to damage some.
    for (size_t kind = 0; kind < 4; kind++)
        assert_true(kinds[kind] > MUTATED_LINES / 2000);
    line_parser_free(parser);
    zone_free(zone);
    free(lines.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_damage_breaks_the_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
