/* quern bench extract FILE: how fast a log becomes tallies, and which part of it takes how long.
 *
 * The file is read several times over, each pass doing one thing more than the one before: reading; finding
 * the ends of lines; scanning; looking up clients and names; counting. A stage is the difference between two
 * passes. Passes take turns, so that what else the machine does falls on all of them alike. */
#include "bench.h"

#include "archive/archive.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/simd.h"
#include "feature/feature.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)1 << 18)
#define ROUNDS 3

enum pass { PASS_READ, PASS_FIND, PASS_PARSE, PASS_NAMES, PASS_TALLY, PASSES };

static const char *const STAGES[PASSES] = {"read", "find", "parse", "name", "tally"};

struct reading {
    const struct archive *archive;
    struct tally_plan plan;
    struct line_parser *parser;
    struct tallies *tallies;
    struct scan_servers servers;
    bool talk;  // rows alone
    const char *last_line;
    size_t last_count;
    int64_t lines, scanned, queries, bytes;
    uint64_t ends;  // what the pass that finds line ends found, so that it is not left out
};

struct seconds {
    double wall, cpu;
};

/* A line by itself, as extract reads what is no scanned line. */
static enum status line_take(struct reading *reading, const char *line, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    struct query query;
    enum line_count kind = LINES_QUERY;
    char text[IP_TEXT_BYTES];
    if (line_parse(reading->parser, line, count, &query) != LINE_QUERY || !query.has_time)
        return STATUS_OK;
    reading->queries++;
    struct span resolver = resolver_text(&query, (struct span){"log", 3}, text);
    (void)tallies_day(reading->tallies, query.time_ms);
    if (reading->plan.depth == TALLY_ALL) {
        TRY(tallies_line(reading->tallies, query.time_ms, resolver, true, false, err));
        TRY(tallies_query(reading->tallies, &query, resolver, &kind, err));
    }
done:
    return status;
}

/* Scans and counts lines; returns how many bytes they have. */
static enum status scans_take(struct reading *reading, enum pass pass, const char *lines, size_t count,
                              size_t *bytes, struct error *err)
{
    enum status status = STATUS_OK;
    struct scan scans[SCAN_LINES];
    struct scan_bounds bounds = {
        .last_line = reading->last_line, .last_count = reading->last_count, .without_names = reading->talk};
    size_t unwatched = 0;
    *bytes = 0;
    if (!tallies_span(reading->tallies, &bounds.from_ms, &bounds.to_ms))
        return STATUS_OK;
    const struct line_mark mark = line_parser_mark(reading->parser);
    size_t found = scan_lines(reading->parser, lines, count, SCAN_LINES, &bounds, scans), done = found;
    if (pass != PASS_PARSE)
        TRY(tallies_scans(reading->tallies, reading->parser, &reading->servers, scans, found, &done,
                          &unwatched, err));
    if (done < found) {
        line_parser_return(reading->parser, &mark);
        (void)scan_lines(reading->parser, lines, count, done, &bounds, scans);
    }
    reading->lines += (int64_t)done;
    reading->scanned += (int64_t)done;
    reading->queries += (int64_t)done;
    if (done > 0) {
        reading->last_line = scans[done - 1].line;
        reading->last_count = scans[done - 1].count;
        *bytes = (size_t)(scans[done - 1].line - lines) + scans[done - 1].count + 1;
    }
done:
    return status;
}

static enum status block_take(struct reading *reading, enum pass pass, const char *lines, size_t count,
                              struct error *err)
{
    enum status status = STATUS_OK;
    reading->last_line = NULL;  // its bytes are gone
    for (size_t at = 0; at < count;) {
        size_t scanned = 0;
        if (pass >= PASS_PARSE)
            TRY(scans_take(reading, pass, lines + at, count - at, &scanned, err));
        at += scanned;
        if (scanned > 0 || at == count)
            continue;
        const char *end = memchr(lines + at, '\n', count - at);
        size_t length = end ? (size_t)(end - lines) - at : count - at;
        reading->lines++;
        reading->ends += length;
        if (pass >= PASS_PARSE)
            TRY(line_take(reading, lines + at, length, err));
        reading->last_line = NULL;
        at += length + 1;
    }
done:
    return status;
}

/* One pass over the file. */
static enum status pass_run(struct reading *reading, enum pass pass, struct seconds *used, struct error *err)
{
    enum status status = STATUS_OK;
    struct stream *stream = NULL;
    const struct archive_file *file = &reading->archive->files[0];
    const struct archive_piece piece = {.file = 0,
                                        .to = file->compression == COMPRESSION_PLAIN ? file->bytes : -1};
    const double wall = clock_seconds(), cpu = clock_cpu_seconds();
    reading->lines = reading->scanned = reading->queries = reading->bytes = 0;
    reading->servers = (struct scan_servers){{0}};
    reading->parser = line_parser_new(NULL, 0);
    reading->tallies = tallies_new(&reading->plan);
    if (!reading->parser || !reading->tallies) {
        status = error_set(err, STATUS_NO_MEMORY, "bench", "", "no room for tallies");
        goto done;
    }
    TRY(piece_open(reading->archive, &piece, BUFFER_BYTES, &stream, err));
    for (;;) {
        const char *lines = NULL;
        size_t count = 0;
        int64_t offset = 0;
        TRY(stream_next(stream, &lines, &count, &offset, err));
        if (!lines)
            break;
        reading->bytes += (int64_t)count;
        if (pass != PASS_READ)
            TRY(block_take(reading, pass, lines, count, err));
    }
    // What was noted of the queries becomes entries when a day is whole.
    for (size_t at = 0; at < tallies_count(reading->tallies); at++)
        TRY(tallies_limit(reading->tallies, at, err));
    for (size_t at = 0; at < tallies_count(reading->tallies); at++) {
        int64_t day = 0;
        int part = 0;
        if (tallies_shard(reading->tallies, at, &day, &part))
            TRY(tallies_settle_day(reading->tallies, day, err));
    }
    *used = (struct seconds){clock_seconds() - wall, clock_cpu_seconds() - cpu};
    if (stream_fault(stream))
        status = error_set(err, STATUS_IO, file->path, "", "%s", stream_fault(stream));
done:
    stream_close(stream);
    line_parser_free(reading->parser);
    tallies_free(reading->tallies);
    reading->parser = NULL;
    reading->tallies = NULL;
    return status;
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct seconds median_of(const struct seconds rounds[ROUNDS])
{
    double wall[ROUNDS], cpu[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        wall[round] = rounds[round].wall;
        cpu[round] = rounds[round].cpu;
    }
    qsort(wall, ROUNDS, sizeof *wall, compare_numbers);
    qsort(cpu, ROUNDS, sizeof *cpu, compare_numbers);
    return (struct seconds){wall[ROUNDS / 2], cpu[ROUNDS / 2]};
}

static void rates_print(const struct session *session, const struct reading *reading, bool talk,
                        const struct seconds medians[PASSES])
{
    const double bytes = (double)reading->bytes, lines = (double)(reading->lines ? reading->lines : 1);
    const struct seconds all = medians[PASS_TALLY];
    double stages[PASSES], before = 0.0;
    for (int pass = 0; pass < PASSES; pass++) {
        const bool left_out = talk && pass == PASS_NAMES;
        stages[pass] = left_out ? 0.0 : (medians[pass].cpu - before) * 1e9 / lines;
        before = left_out ? before : medians[pass].cpu;
    }
    if (!session->options.json) {
        (void)fprintf(session->out,
                      "%s: %" PRId64 " lines, %" PRId64 " of them scanned by %s, %" PRId64
                      " queries\n%.0f MB/s, %.0f MB per CPU-second, %.1f ns a line:",
                      talk ? "talk" : "full", reading->lines, reading->scanned, simd_name(simd_level()),
                      reading->queries, bytes * 1e-6 / all.wall, bytes * 1e-6 / all.cpu,
                      all.cpu * 1e9 / lines);
        for (int pass = 0; pass < PASSES; pass++)
            (void)fprintf(session->out, "%s %s %.1f", pass ? "," : "", STAGES[pass], stages[pass]);
        (void)fprintf(session->out, "\n");
        return;
    }
    struct json json = json_begin(session->out);
    json_open(&json, NULL, '{');
    json_number(&json, "mb_per_s", bytes * 1e-6 / all.wall);
    json_number(&json, "mb_per_cpu_s", bytes * 1e-6 / all.cpu);
    json_open(&json, "ns_per_line", '{');
    json_number(&json, "all", all.cpu * 1e9 / lines);
    for (int pass = 0; pass < PASSES; pass++)
        json_number(&json, STAGES[pass], stages[pass]);
    json_close(&json, '}');
    json_text(&json, "feature_set", talk ? "talk" : "full", 4);
    json_text(&json, "simd", simd_name(simd_level()), strlen(simd_name(simd_level())));
    json_integer(&json, "log_bytes", reading->bytes);
    json_integer(&json, "lines", reading->lines);
    json_integer(&json, "lines_scanned", reading->scanned);
    json_integer(&json, "queries", reading->queries);
    json_close(&json, '}');
}

static enum status passes_run_local(struct reading *reading, bool talk, struct seconds medians[PASSES],
                                    struct error *err)
{
    enum status status = STATUS_OK;
    struct seconds rounds[PASSES][ROUNDS] = {{{0.0, 0.0}}};
    for (int round = 0; round < ROUNDS; round++)
        for (int pass = 0; pass < PASSES; pass++) {
            reading->plan.depth = talk ? TALLY_ROWS : pass < PASS_TALLY ? TALLY_NAMES : TALLY_ALL;
            TRY(pass_run(reading, (enum pass)pass, &rounds[pass][round], err));
        }
    for (int pass = 0; pass < PASSES; pass++)
        medians[pass] = median_of(rounds[pass]);
done:
    return status;
}

static enum status bench_local(struct session *session, struct reading *reading, struct error *err)
{
    enum status status = STATUS_OK;
    struct suffixes *suffixes = NULL;
    struct zone *zone = NULL;
    struct seconds medians[PASSES];
    char path[4096];
    const bool talk = reading->talk;
    if (!job_data_path("datasets/suffixes.dat", path, sizeof path))
        return error_set(err, STATUS_IO, "datasets/suffixes.dat", "set QUERN_DATA to quern's data",
                         "cannot find the list of public suffixes");
    TRY(suffixes_read(path, &suffixes, err));
    TRY(zone_load("UTC", &zone, err));
    reading->plan = (struct tally_plan){.zone = zone,
                                        .suffixes = suffixes,
                                        .window_s = 3600,
                                        .unit_s = 60,
                                        .first_day = 0,
                                        .end_day = INT64_C(3000000),
                                        .ipv6_prefix = 128,
                                        .parts = 1,
                                        .names_most = INT64_MAX,
                                        .pairs_most = INT64_MAX,
                                        .ip_names_most = INT64_MAX};
    TRY(passes_run_local(reading, talk, medians, err));
    if (session_prints(session))
        rates_print(session, reading, talk, medians);
done:
    suffixes_free(suffixes);
    zone_free(zone);
    return status;
}

enum status bench_extract_run(struct session *session, struct error *err)
{
    enum status status = STATUS_OK;
    struct archive archive = {0};
    struct reading reading = {.archive = &archive};
    if (session->options.word_count != 2)
        return error_set(err, STATUS_USAGE, "bench extract", "quern bench extract FILE",
                         "no file of a query log was named");
    const char *set = session->options.feature_set ? session->options.feature_set : "full";
    reading.talk = strcmp(set, "talk") == 0;
    if (!reading.talk && strcmp(set, "full") != 0)
        return error_set(err, STATUS_USAGE, "--feature-set", "write talk or full",
                         "\"%.40s\" is no set of features", set);
    if (session->options.ladder)
        return bench_store_run(session, err);
    const struct archive_source source = {.paths = &session->options.words[1], .path_count = 1};
    TRY(archive_find(session->team, &source, 1, &archive, err));
    // Each rank reads all of it: the rate is that of one core, the first rank's.
    TRY(team_agree(session->team, bench_local(session, &reading, err), err));
done:
    archive_clear(&archive);
    return status;
}
