/* Genuine lines, damaged in some 200,000 ways, always the same ones: whatever comes out keeps the rules. */
#include "invariants.h"

#include "rendered.h"

#include <dirent.h>

#define MUTATED_LINES 200000
#define LINE_BYTES 6000

struct lines {
    struct span *at;
    size_t count, room;
};

static void lines_add(struct lines *lines, char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const char *end = memchr(text + at, '\n', bytes - at);
        size_t length = end ? (size_t)(end - text) - at : bytes - at;
        if (lines->count == lines->room) {
            lines->room = lines->room ? 2 * lines->room : 1024;
            lines->at = realloc(lines->at, lines->room * sizeof *lines->at);
            assert_non_null(lines->at);
        }
        if (length > 0 && length <= LINE_BYTES / 2)
            lines->at[lines->count++] = (struct span){text + at, length};
        at += length + 1;
    }
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All lines of the folder's logs, by the names of the files; they stay in memory till the program ends. */
static struct lines lines_load(const char *folder)
{
    struct lines lines = {0};
    char *names[256];
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (strlen(entry->d_name) > 4 && strcmp(entry->d_name + strlen(entry->d_name) - 4, ".log") == 0) {
            assert_true(count < sizeof names / sizeof names[0]);
            names[count++] = strdup(entry->d_name);
        }
    (void)closedir(dir);
    qsort(names, count, sizeof names[0], name_compare);
    static char text[4 << 20];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t got = fread(text + used, 1, sizeof text - used, file);
        assert_true(used + got < sizeof text);
        (void)fclose(file);
        lines_add(&lines, text + used, got);
        used += got;
        free(names[i]);
    }
    return lines;
}

static uint64_t draw(uint64_t *seed)  // splitmix64 (Steele, Lea, Flood 2014)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t draw_below(uint64_t *seed, size_t limit)
{
    return (size_t)((draw(seed) >> 32) * limit >> 32);  // limit < 2^32
}

/* What lines are made of, put in where it does not belong. */
static const char *const TOKENS[] = {
    ": query: ",
    ": response: ",
    ": view ",
    "client ",
    "client @0x1 ",
    " (",
    ")",
    " [ECS ",
    "]",
    "#",
    "/key ",
    "\\",
    "\\046",
    "\\032",
    "\\255",
    ".",
    "..",
    " ",
    ": ",
    "\r",
    "\x1b[31m",
    "{\"MESSAGE\":\"",
    "\"",
    "}",
    "[",
    "\\u0000",
    "24-Nov-2026 06:48:44.122 ",
    "2026-10-25T02:30:00.000 ",
    "Feb 29 00:00:00 h named[1]: ",
    "<13>1 - - - - - ",
    "+E(0)",
    "E(",
    "99999999999",
    "::ffff:1.2.3.4",
    "%7",
    "-",
    "queries: ",
    "info: ",
    "debug ",
    "\xff\xfe",
};

static size_t put_in(char *line, size_t count, size_t at, const char *text, size_t length)
{
    if (count + length > LINE_BYTES)
        return count;
    memmove(line + at + length, line + at, count - at);
    memcpy(line + at, text, length);
    return count + length;
}

static size_t mutate(const struct lines *lines, uint64_t *seed, char *line, size_t count)
{
    size_t at = draw_below(seed, count + 1), length = 0;
    const char *token = TOKENS[draw_below(seed, sizeof TOKENS / sizeof TOKENS[0])];
    const struct span other = lines->at[draw_below(seed, lines->count)];
    switch (draw_below(seed, 8)) {
    case 0:  // one bit
        if (at < count)
            line[at] = (char)(line[at] ^ (1 << draw_below(seed, 8)));
        return count;
    case 1:  // one octet, NUL and controls too
        if (at < count)
            line[at] = (char)draw_below(seed, 256);
        return count;
    case 2:  // cut
        return at;
    case 3:  // without a stretch
        length = draw_below(seed, count - at + 1);
        memmove(line + at, line + at + length, count - at - length);
        return count - length;
    case 4:  // a stretch twice
        length = draw_below(seed, (count - at < 64 ? count - at : 64) + 1);
        char copy[64];
        memcpy(copy, line + at, length);
        return put_in(line, count, at, copy, length);
    case 5:  // torn: another line's end behind this one's start
        length = draw_below(seed, other.count + 1);
        memcpy(line + at, other.at + other.count - length, at + length > LINE_BYTES ? 0 : length);
        return at + length > LINE_BYTES ? at : at + length;
    case 6:  // one octet many times
        length = draw_below(seed, 300);
        for (size_t i = 0; i < length && at < count; i++)
            count = put_in(line, count, at, line + at, 1);
        return count;
    default: return put_in(line, count, at, token, strlen(token));
    }
}

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
