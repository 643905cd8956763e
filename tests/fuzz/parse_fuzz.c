/* libFuzzer's entry to the parser: the input is a file of lines, read in order by one parser, as a log is.
 *
 *     tests/fuzz/parse.sh [SECONDS]
 *
 * The first byte chooses the zone and the year, so that stamps without them are tried too. */
#include "../unit/parse/invariants.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
    static char row[QUERY_TSV_BYTES];
    static struct zone *berlin;
    struct query query;
    if (count == 0)
        return 0;
    if (!berlin && zone_load("Europe/Berlin", &berlin, NULL) != STATUS_OK)
        abort();
    struct line_parser *parser = line_parser_new(data[0] & 1 ? berlin : NULL, data[0] & 2 ? 2026 : 0);
    for (size_t at = 1; parser && at < count;) {
        const uint8_t *end = memchr(data + at, '\n', count - at);
        size_t length = end ? (size_t)(end - data) - at : count - at;
        // A copy of exactly this size: a read beyond the line is a read beyond the allocation.
        char *line = malloc(length ? length : 1);
        if (!line)
            break;
        memcpy(line, data + at, length);
        (void)line_parse(parser, line, length, &query);
        const char *broken = broken_rule(&query, line, length, parser, row);
        if (broken) {
            (void)fprintf(stderr, "broken: %s\n", broken);
            abort();
        }
        free(line);
        at += length + 1;
    }
    line_parser_free(parser);
    return 0;
}
