/* quern parse [LOG…]: what was understood of each line. */
#include "session.h"

#include "archive/archive.h"
#include "parse/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUFFER_BYTES ((size_t)1 << 20)

struct printing {
    struct line_parser *parser;
    char *row;
    int64_t line;
};

static void line_print(struct printing *printing, const char *line, size_t count)
{
    struct query query;
    (void)line_parse(printing->parser, line, count, &query);
    size_t length = query_tsv(&query, ++printing->line, printing->row);
    (void)fwrite(printing->row, 1, length, stdout);
    (void)fputc('\n', stdout);
}

static void block_print(struct printing *printing, const char *lines, size_t count)
{
    for (size_t at = 0; at < count;) {
        const char *end = memchr(lines + at, '\n', count - at);
        size_t length = end ? (size_t)(end - lines) - at : count - at;
        line_print(printing, lines + at, length);
        at += length + 1;
    }
}

static enum status file_print(const struct session *session, const struct archive *archive, size_t file,
                              struct printing *printing, struct error *err)
{
    enum status status = STATUS_OK;
    struct stream *stream = NULL;
    const struct archive_piece piece = {
        .file = file,
        .to = archive->files[file].compression == COMPRESSION_PLAIN ? archive->files[file].bytes : -1};
    TRY(piece_open(archive, &piece, BUFFER_BYTES, &stream, err));
    for (;;) {
        const char *lines = NULL;
        size_t count = 0;
        int64_t offset = 0;
        TRY(stream_next(stream, &lines, &count, &offset, err));
        if (!lines)
            break;
        block_print(printing, lines, count);
    }
    if (stream_fault(stream))
        session_warn(session, archive->files[file].path, stream_fault(stream));
done:
    stream_close(stream);
    return status;
}

static int file_year(const struct session *session, const struct zone *zone, const struct archive_file *file)
{
    int year = session->options.year, month = 0, day = 0;
    if (year == 0)
        civil_from_day(zone_day_of(zone, file->mtime_ms / 1000), &year, &month, &day);
    return year;
}

// NOLINTNEXTLINE(readability-non-const-parameter): the parsers write into the row
static enum status files_print(const struct session *session, const struct zone *zone, char *row,
                               struct error *err)
{
    enum status status = STATUS_OK;
    struct archive archive = {0};
    // One path after the other, as they were typed; a folder's files come in the order of their names.
    for (size_t i = 0; i < session->options.word_count; i++) {
        struct archive_source source = {.paths = &session->options.words[i], .path_count = 1};
        archive_clear(&archive);
        TRY(archive_find(session->team, &source, 1, &archive, err));
        for (size_t w = 0; w < archive.warning_count; w++)
            session_warn(session, archive.warnings[w].path, archive.warnings[w].text);
        for (size_t file = 0; file < archive.file_count; file++) {
            struct printing printing = {line_parser_new(zone, file_year(session, zone, &archive.files[file])),
                                        row, 0};
            if (!printing.parser) {
                status = error_set(err, STATUS_NO_MEMORY, "parse", "", "no room for a parser");
                goto done;
            }
            status = file_print(session, &archive, file, &printing, err);
            line_parser_free(printing.parser);
            if (status != STATUS_OK)
                goto done;
        }
    }
done:
    archive_clear(&archive);
    return status;
}

static void stream_print(struct printing *printing)
{
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t count = getline(&line, &capacity, stdin); count > 0;
         count = getline(&line, &capacity, stdin))
        line_print(printing, line, (size_t)count - (line[count - 1] == '\n'));
    free(line);
}

enum status command_parse(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct zone *zone = NULL;
    char *row = malloc(QUERY_TSV_BYTES);
    const struct options *options = &session->options;
    if (!row)
        return error_set(err, STATUS_NO_MEMORY, "parse", "", "no room for a row");
    TRY(zone_load(options->timezone ? options->timezone : "UTC", &zone, err));
    (void)puts(QUERY_TSV_HEADER);
    if (options->word_count > 0 && strcmp(options->words[0], "-") != 0) {
        TRY(files_print(session, zone, row, err));
    } else {
        struct printing printing = {line_parser_new(zone, options->year), row, 0};
        if (printing.parser)
            stream_print(&printing);
        line_parser_free(printing.parser);
    }
done:
    zone_free(zone);
    free(row);
    return status;
}
