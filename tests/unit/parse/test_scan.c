/* Scanned lines mean what the strict parser says they mean, on every level of instructions, and leave the
 * parser where it would be: genuine lines, damaged ones, and logs of the commonest form. */
#include "mutate.h"

#include "base/simd.h"

#define TEXT_BYTES ((size_t)8 << 20)

/* Whether two queries from one line are the same but for what is not printed in it. */
static bool is_same(const struct query *a, const struct query *b)
{
    static char rows[2][QUERY_TSV_BYTES];
    const size_t length = query_tsv(a, 1, rows[0]);
    if (length != query_tsv(b, 1, rows[1]) || memcmp(rows[0], rows[1], length) != 0)
        return false;
    if (a->kind != b->kind || a->has_time != b->has_time || a->is_local_time != b->is_local_time ||
        a->fold_guessed != b->fold_guessed || a->time_ms != b->time_ms || a->printed_ms != b->printed_ms)
        return false;
    if (a->kind != LINE_QUERY && a->kind != LINE_RESPONSE)
        return true;
    const struct span *x = &a->time_text, *y = &b->time_text;
    for (size_t i = 0; &x[i] <= &a->host; i++)
        if (x[i].count != y[i].count || (x[i].count > 0 && memcmp(x[i].at, y[i].at, x[i].count) != 0))
            return false;
    return ip_compare(&a->client, &b->client) == 0 && a->port == b->port && a->has_server == b->has_server &&
           (!a->has_server || ip_compare(&a->server, &b->server) == 0) && a->qtype == b->qtype &&
           a->qclass == b->qclass && a->flags == b->flags && a->qname.bytes == b->qname.bytes &&
           memcmp(a->qname.wire, b->qname.wire, a->qname.bytes) == 0 &&
           a->qname.label_count == b->qname.label_count &&
           memcmp(a->qname.label_at, b->qname.label_at, a->qname.label_count) == 0 &&
           memcmp(a->wire_as_sent, b->wire_as_sent, a->qname.bytes) == 0 && a->mixed_case == b->mixed_case &&
           a->case_changes == b->case_changes;
}

/* Two parsers on one text: one reads line by line, the other scans what it can. */
struct race {
    struct line_parser *strict, *scanning;
    const char *text;
    size_t bytes;
    size_t lines, scanned, refused;
};

static void scanned_compare(struct race *race, const struct scan *scan)
{
    struct query one, other = {0};
    (void)line_parse(race->strict, scan->line, scan->count, &one);
    assert_true(scan_query(scan, &other));
    if (!is_same(&one, &other))
        fail_msg("scanned otherwise: %.*s", (int)scan->count, scan->line);
    assert_int_equal(scan->mixed_case, one.mixed_case);
    assert_int_equal(ip_compare(scan_server(race->scanning, scan->server), &one.server), 0);
    race->lines++;
    race->scanned++;
}

/* One line by the strict parser on both sides: where scanning left the parser shows in its times. */
static size_t line_compare(struct race *race, size_t at)
{
    struct query one, other;
    const char *line = race->text + at;
    const char *end = memchr(line, '\n', race->bytes - at);
    const size_t count = end ? (size_t)(end - line) : race->bytes - at;
    (void)line_parse(race->strict, line, count, &one);
    (void)line_parse(race->scanning, line, count, &other);
    if (!is_same(&one, &other))
        fail_msg("the order of lines was lost: %.*s", (int)count, line);
    race->lines++;
    return count + 1;
}

static void race_run(struct race *race)
{
    struct scan scans[SCAN_LINES];
    const struct scan_bounds bounds = {.from_ms = 0, .to_ms = INT64_MAX};
    struct query query;
    for (size_t at = 0; at < race->bytes;) {
        const struct line_mark mark = line_parser_mark(race->scanning);
        const size_t left = race->bytes - at;
        const size_t found = scan_lines(race->scanning, race->text + at, left, SCAN_LINES, &bounds, scans);
        size_t good = 0;
        while (good < found && scan_query(&scans[good], &query))
            good++;
        if (good < found) {
            line_parser_return(race->scanning, &mark);
            assert_int_equal(scan_lines(race->scanning, race->text + at, left, good, &bounds, scans), good);
            race->refused++;
        }
        for (size_t i = 0; i < good; i++)
            scanned_compare(race, &scans[i]);
        if (good > 0)
            at = (size_t)(scans[good - 1].line - race->text) + scans[good - 1].count + 1;
        if (good < SCAN_LINES && at < race->bytes)
            at += line_compare(race, at);
    }
}

/* On each level that this machine has; the last one's counts stay. */
static void race_all_levels(struct race *race, const struct zone *zone, int year)
{
    for (int level = SIMD_PLAIN; level < SIMD_LEVELS; level++) {
        assert_int_equal(setenv("QUERN_SIMD", simd_name((enum simd_level)level), 1), 0);
        race->strict = line_parser_new(zone, year);
        race->scanning = line_parser_new(zone, year);
        race->lines = race->scanned = race->refused = 0;
        assert_non_null(race->strict);
        assert_non_null(race->scanning);
        race_run(race);
        line_parser_free(race->strict);
        line_parser_free(race->scanning);
    }
    assert_int_equal(unsetenv("QUERN_SIMD"), 0);
}

static struct zone *berlin(void)
{
    struct zone *zone = NULL;
    assert_int_equal(zone_load("Europe/Berlin", &zone, NULL), STATUS_OK);
    return zone;
}

static void test_genuine_lines_mean_the_same_when_scanned(void **state)
{
    (void)state;
    struct lines lines = lines_load(LINES_FOLDER);
    struct zone *zone = berlin();
    char *text = malloc(TEXT_BYTES);
    assert_non_null(text);
    struct race race = {.text = text};
    // Thrice: alternating forms, each form for itself as in its file, and lines that come twice.
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < lines.count; i++) {
            const struct span line = lines.at[round == 1 ? i * 7919 % lines.count : i];
            for (size_t times = round == 2 ? 2 : 1; times > 0; times--) {
                memcpy(text + race.bytes, line.at, line.count);
                text[race.bytes + line.count] = '\n';
                race.bytes += line.count + 1;
                assert_true(race.bytes < TEXT_BYTES - LINE_BYTES);
            }
        }
    race_all_levels(&race, zone, 2026);
    assert_true(race.scanned > race.lines / 10);
    race_all_levels(&race, NULL, 0);
    free(text);
    zone_free(zone);
    free(lines.at);
}

static void test_damaged_lines_mean_the_same_when_scanned(void **state)
{
    (void)state;
    static char line[LINE_BYTES + 64];
    struct lines lines = lines_load(LINES_FOLDER);
    struct zone *zone = berlin();
    char *text = malloc(TEXT_BYTES);
    assert_non_null(text);
    uint64_t seed = 4;
    struct race race = {.text = text};
    assert_true(lines.count > 0);
    for (size_t i = 0; race.bytes < TEXT_BYTES - LINE_BYTES; i++) {
        // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): it does not know that a failed assertion leaves
        const struct span genuine = lines.at[i % lines.count];
        size_t count = genuine.count;
        memcpy(line, genuine.at, count);
        for (size_t rounds = draw_below(&seed, 3); rounds > 0; rounds--)
            count = mutate(&lines, &seed, line, count);
        memcpy(text + race.bytes, line, count);
        text[race.bytes + count] = '\n';
        race.bytes += count + 1;
    }
    race_all_levels(&race, zone, 2026);
    assert_true(race.scanned > race.lines / 20);
    // Some look like queries until their client or name is read.
    assert_true(race.refused > 0);
    free(text);
    zone_free(zone);
    free(lines.at);
}

/* A line of a made log: names of all lengths, at any place to the borders of blocks, in both cases. */
static size_t made_line(uint64_t *seed, int64_t ms, char *line)
{
    static const char *const HEADS[] = {" queries: info: client @0x7f82f4347c70", " queries: info: client",
                                        " client @0x1", " info: client @0x7f0000000000001",
                                        " queries: client"};
    static const char *const CLIENTS[] = {"10.80.0.1", "2001:db8::1:2", "fe80::1%12", "255.255.255.255",
                                          "10.80.0.256"};
    static const char *const TYPES[] = {"A", "AAAA", "TYPE65399", "NSEC3PARAM", "HTTPS", "BOGUS"};
    static const char *const FLAGS[] = {"+", "-E(0)DC", "+SE(0)TDCV", "+E(0)K", "+EE"};
    static const char *const VIEWS[] = {"", "", "", "view inside: ", "view a b: ", "view : "};
    char name[300];
    size_t length = 1 + draw_below(seed, draw_below(seed, 8) ? 70 : 256);
    for (size_t i = 0, label = 0; i < length; i++, label++) {
        const bool dot = label > 0 && i + 1 < length && (label == 63 || draw_below(seed, 12) == 0);
        name[i] = '.';
        if (!dot)
            name[i] = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_"[draw_below(seed, 44)];
        label = dot ? (size_t)-1 : label;
    }
    name[length] = '\0';
    const int64_t second = ms / 1000;
    const int count = snprintf(
        line, LINE_BYTES,
        "30-Oct-2022 %02d:%02d:%02d.%03d%s %s#%u (%s): %squery: %s IN %s %s (10.80.1.%u%s)\n",
        (int)(second / 3600 % 24), (int)(second / 60 % 60), (int)(second % 60), (int)(ms % 1000),
        HEADS[draw_below(seed, 20) % 5 % (1 + draw_below(seed, 5))],
        CLIENTS[draw_below(seed, 30) ? draw_below(seed, 3) : draw_below(seed, 5)],
        (unsigned)draw_below(seed, 30) ? (unsigned)draw_below(seed, 65536) : 65536, name,
        VIEWS[draw_below(seed, 6)], name, TYPES[draw_below(seed, 30) % 6], FLAGS[draw_below(seed, 30) % 5],
        (unsigned)draw_below(seed, 260), draw_below(seed, 9) ? "" : "#53");
    return (size_t)count;
}

/* Half an hour before the clock is put back to three hours behind, twice over, as Berlin's named writes it.
 */
static void test_a_log_with_a_repeated_hour_means_the_same_when_scanned(void **state)
{
    (void)state;
    struct zone *zone = berlin();
    char *text = malloc(TEXT_BYTES);
    assert_non_null(text);
    uint64_t seed = 30;
    struct race race = {.text = text};
    int64_t elapsed = 0;
    for (size_t i = 0; i < 9000; i++) {
        elapsed += (int64_t)draw_below(&seed, 2600);
        const int64_t back = elapsed > INT64_C(5400000) ? 3600000 : 0;
        race.bytes += made_line(&seed, INT64_C(5400000) + elapsed - back, text + race.bytes);
    }
    race_all_levels(&race, zone, 0);
    assert_true(race.scanned > race.lines / 3);
    assert_true(race.refused > 0);
    race_all_levels(&race, NULL, 0);
    free(text);
    zone_free(zone);
}

/* Strictly read lines reach the second pass of the repeated hour; then the log jumps back to a scanned minute
 * before it, and the hour begins anew. */
static void test_a_jump_out_of_the_repeated_hour_ends_it(void **state)
{
    (void)state;
    static const struct {
        const char *time, *tail;
    } LINES[] = {{"01:59:30", ""},
                 {"02:59:50", " [ECS 10.0.0.0/8/0]"},
                 {"02:00:10", " [ECS 10.0.0.0/8/0]"},
                 {"01:59:40", ""},
                 {"02:30:00", ""},
                 {"02:30:01", " [ECS 10.0.0.0/8/0]"}};
    static char text[8192];
    struct zone *zone = berlin();
    struct race race = {.text = text};
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++)
        race.bytes += (size_t)snprintf(text + race.bytes, sizeof text - race.bytes,
                                       "30-Oct-2022 %s.000 queries: info: client @0x7f82f4347c70 10.80.0.1#1 "
                                       "(a.example): query: a.example IN A +E(0) (10.80.1.89)%s\n",
                                       LINES[i].time, LINES[i].tail);
    // Lines of another kind, so that those are whole for the scan.
    while (race.bytes < sizeof text - 64)
        race.bytes += (size_t)snprintf(text + race.bytes, 64, "no line of a log at all\n");
    race_all_levels(&race, zone, 0);
    assert_int_equal(race.scanned, 3);
    zone_free(zone);
}

static void test_scanning_stops_at_doubled_lines_and_at_its_bounds(void **state)
{
    (void)state;
    static const char LINE[] = "01-Feb-2022 00:00:0%d.500 queries: info: client @0x7f82f4347c70 10.80.0.1#1 "
                               "(a.example): query: a.example IN A +E(0) (10.80.1.89)\n";
    static char text[4096];
    struct scan scans[SCAN_LINES];
    struct line_parser *parser = line_parser_new(NULL, 0);
    size_t bytes = 0;
    const int64_t start = INT64_C(1643673600000);
    assert_non_null(parser);
    for (int i = 0; i < 6; i++)
        bytes += (size_t)snprintf(text + bytes, sizeof text - bytes, LINE, i == 4 ? 3 : i);
    bytes = sizeof text;  // what lies behind is no line
    struct scan_bounds bounds = {.from_ms = 0, .to_ms = INT64_MAX};
    assert_int_equal(scan_lines(parser, text, bytes, SCAN_LINES, &bounds, scans), 4);
    assert_int_equal(scans[3].time_ms, start + 3500);
    assert_int_equal(scan_lines(parser, text, bytes, 2, &bounds, scans), 2);
    bounds.to_ms = start + 1500;
    assert_int_equal(scan_lines(parser, text, bytes, SCAN_LINES, &bounds, scans), 1);
    bounds.from_ms = start + 501;
    assert_int_equal(scan_lines(parser, text, bytes, SCAN_LINES, &bounds, scans), 0);
    bounds = (struct scan_bounds){.to_ms = INT64_MAX, .last_line = text, .last_count = scans[0].count};
    assert_int_equal(scan_lines(parser, text, bytes, SCAN_LINES, &bounds, scans), 0);
    // So near to the end that a line might not be whole.
    bounds.last_line = NULL;
    assert_int_equal(scan_lines(parser, text, SCAN_REACH - 1, SCAN_LINES, &bounds, scans), 0);
    line_parser_free(parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genuine_lines_mean_the_same_when_scanned),
        cmocka_unit_test(test_damaged_lines_mean_the_same_when_scanned),
        cmocka_unit_test(test_a_log_with_a_repeated_hour_means_the_same_when_scanned),
        cmocka_unit_test(test_a_jump_out_of_the_repeated_hour_ends_it),
        cmocka_unit_test(test_scanning_stops_at_doubled_lines_and_at_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
