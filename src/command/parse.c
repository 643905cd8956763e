/* quern parse [LOG…]: what was understood of each line, and of what was not, why. */
#include "session.h"

#include "archive/archive.h"
#include "base/json.h"
#include "base/text.h"
#include "parse/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 20)

struct printing {
    struct session *session;
    struct line_parser *parser;
    const char *path;  // NULL: standard input
    char *row;  // [QUERY_TSV_BYTES]
    int64_t line;
};

/* ---- a line ---- */

static void member(struct json *json, const char *name, struct span text)
{
    if (text.count > 0)
        json_text(json, name, text.at, text.count);
}

static void query_members(struct json *json, const struct query *query)
{
    char wire[2 * sizeof query->qname.wire + 1] = "", lower[QNAME_TEXT_BYTES];
    size_t count = qname_text(query->qname.wire, query->qname.bytes, lower, sizeof lower);
    for (size_t i = 0; i < query->qname.bytes; i++)
        (void)snprintf(wire + 2 * i, 3, "%02x", query->wire_as_sent[i]);
    member(json, "client", query->client_text);
    if (query->port_text.count > 0)
        json_integer(json, "port", query->port);
    member(json, "key", query->key_text);
    member(json, "view", query->view_text);
    member(json, "qname", query->qname_text);
    json_text(json, "qname_lc", lower, count);
    json_text(json, "qname_wire", wire, strlen(wire));
    member(json, "class", query->class_text);
    member(json, "type", query->type_text);
    json_integer(json, "type_num", query->qtype);
    member(json, "flags", query->flags_text);
    member(json, "ecs", query->ecs_text);
    member(json, "server", query->server_text);
    member(json, "server_port", query->server_port_text);
    member(json, "rcode", query->rcode_text);
    member(json, "counts", query->counts_text);
}

/* The columns of the TSV that the line has, and of a reject why it is one and its bytes. */
static void line_json(const struct printing *printing, const struct query *query, const char *line,
                      size_t count)
{
    static const char *const KINDS[] = {"query", "response", "other", "reject"};
    struct json json = json_line_begin(stdout);
    json_open(&json, NULL, '{');
    if (printing->path)
        json_text(&json, "file", printing->path, strlen(printing->path));
    json_integer(&json, "line", printing->line);
    json_text(&json, "kind", KINDS[query->kind], strlen(KINDS[query->kind]));
    member(&json, "time", query->time_text);
    if (query->has_time)
        json_integer(&json, "utc_ms", query->printed_ms);
    if (query->kind == LINE_QUERY || query->kind == LINE_RESPONSE)
        query_members(&json, query);
    if (query->kind == LINE_REJECT) {
        json_text(&json, "why", query->reject_reason, strlen(query->reject_reason));
        json_text(&json, "text", line, count);
    }
    json_close(&json, '}');
}

static void line_print(struct printing *printing, const char *line, size_t count)
{
    struct query query;
    (void)line_parse(printing->parser, line, count, &query);
    printing->line++;
    if (printing->session->options.json) {
        line_json(printing, &query, line, count);
        return;
    }
    size_t length = query_tsv(&query, printing->line, printing->row);
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

/* ---- files ---- */

static void warn(struct session *session, const char *path, const char *what)
{
    char where[400];
    (void)text_for_terminal(path, strlen(path), where, sizeof where);
    session_warn(session, where, what);
}

static enum status file_print(const struct archive *archive, size_t file, struct printing *printing,
                              struct error *err)
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
        if (!lines || ferror(stdout))
            break;
        block_print(printing, lines, count);
    }
    if (stream_fault(stream))
        warn(printing->session, archive->files[file].path, stream_fault(stream));
    if (stream_long_lines(stream) > 0)
        warn(printing->session, archive->files[file].path, "has lines over 64 KiB, which are left out");
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

/* Prints the files that a path leads to; a folder's come in the order of their names. */
static enum status path_print(const struct zone *zone, const char *path, const char *shown,
                              struct printing *printing, struct error *err)
{
    enum status status = STATUS_OK;
    struct archive archive = {0};
    struct session *session = printing->session;
    struct archive_source source = {.paths = &path, .path_count = 1};
    TRY(archive_find(session->team, &source, 1, &archive, err));
    for (size_t w = 0; w < archive.warning_count; w++)
        warn(session, archive.warnings[w].path, archive.warnings[w].text);
    for (size_t file = 0; file < archive.file_count && !ferror(stdout); file++) {
        printing->parser = line_parser_new(zone, file_year(session, zone, &archive.files[file]));
        printing->path = shown ? shown : archive.files[file].path;
        printing->line = 0;
        if (printing->parser)
            status = file_print(&archive, file, printing, err);
        else
            status = error_set(err, STATUS_NO_MEMORY, "parse", "", "no room for a parser");
        line_parser_free(printing->parser);
        printing->parser = NULL;
        TRY(status);
    }
done:
    archive_clear(&archive);
    return status;
}

/* ---- standard input ---- */

static void plain_input_print(struct printing *printing, FILE *input)
{
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t count = getline(&line, &capacity, input); count > 0 && !ferror(stdout);
         count = getline(&line, &capacity, input)) {
        line_print(printing, line, (size_t)count - (line[count - 1] == '\n'));
        // What is typed or followed live is answered line by line.
        if (isatty(STDOUT_FILENO))
            (void)fflush(stdout);
    }
    free(line);
}

/* Whether the input begins as gzip, zstd or xz does; no line of a log does. */
static bool is_packed(FILE *input)
{
    int c = getc(input);
    if (c != EOF)
        (void)ungetc(c, input);
    return c == 0x1f || c == 0x28 || c == 0xfd;
}

/* Copies a pipe into a file without a name, since compressed logs are read as files. */
static enum status packed_input_print(const struct zone *zone, FILE *input, struct printing *printing,
                                      struct error *err)
{
    enum status status = STATUS_OK;
    char path[64], *buffer = malloc(BUFFER_BYTES);
    FILE *copy = tmpfile();
    if (!buffer || !copy) {
        status = error_set(err, STATUS_IO, "standard input", "decompress it before the pipe",
                           "no room for a copy: %s", strerror(errno));
        goto done;
    }
    for (size_t got = fread(buffer, 1, BUFFER_BYTES, input); got > 0;
         got = fread(buffer, 1, BUFFER_BYTES, input))
        (void)fwrite(buffer, 1, got, copy);
    if (fflush(copy) != 0 || ferror(copy)) {
        status = error_set(err, STATUS_IO, "standard input", "decompress it before the pipe",
                           "no room for a copy: %s", strerror(errno));
        goto done;
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(copy));
    TRY(path_print(zone, path, "-", printing, err));
done:
    if (copy)
        (void)fclose(copy);
    free(buffer);
    return status;
}

static enum status input_print(const struct zone *zone, struct printing *printing, struct error *err)
{
    enum status status = STATUS_OK;
    // What comes by a pipe is taken for this year's, unless --year says otherwise.
    const struct archive_file now = {.mtime_ms = (int64_t)time(NULL) * 1000};
    if (is_packed(stdin))
        return packed_input_print(zone, stdin, printing, err);
    printing->parser = line_parser_new(zone, file_year(printing->session, zone, &now));
    printing->path = NULL;
    printing->line = 0;
    if (!printing->parser)
        return error_set(err, STATUS_NO_MEMORY, "parse", "", "no room for a parser");
    plain_input_print(printing, stdin);
    if (ferror(stdin))
        status = error_set(err, STATUS_IO, "standard input", "", "cannot be read: %s", strerror(errno));
    line_parser_free(printing->parser);
    printing->parser = NULL;
    return status;
}

enum status command_parse(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct zone *zone = NULL;
    const struct options *options = &session->options;
    struct printing printing = {.session = session, .row = malloc(QUERY_TSV_BYTES)};
    if (!printing.row)
        return error_set(err, STATUS_NO_MEMORY, "parse", "", "no room for a row");
    if (options->json && options->tsv) {
        status = error_set(err, STATUS_USAGE, "--json", "leave one of them out", "excludes --tsv");
        goto done;
    }
    status = zone_load(options->timezone ? options->timezone : "UTC", &zone, err);
    if (status != STATUS_OK) {
        (void)snprintf(err->where, sizeof err->where, "--timezone");
        goto done;
    }
    if (!options->json)
        (void)puts(QUERY_TSV_HEADER);
    if (options->word_count == 0)
        TRY(input_print(zone, &printing, err));
    for (size_t i = 0; i < options->word_count && !ferror(stdout); i++)
        TRY(strcmp(options->words[i], "-") == 0 ? input_print(zone, &printing, err)
                                                : path_print(zone, options->words[i], NULL, &printing, err));
done:
    zone_free(zone);
    free(printing.row);
    return status;
}
