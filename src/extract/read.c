/* Reading: each line of this rank's pieces becomes a query, a line of another kind, or a reject; all of them
 * are counted, by file and by day. */
#include "internal.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rejects kept of a piece and day. */
#define DAY_REJECTS 4

/* What a piece gave to one day. */
struct day_note {
    int64_t day;  // key
    int64_t kinds[LINE_COUNTS];
    int64_t bytes, first_ms, last_ms;
    int64_t *minutes, *offsets;
    size_t minute_count, minute_capacity, offset_capacity;
    struct line_reject rejects[DAY_REJECTS];
    size_t reject_count;
};

struct reader {
    struct extraction *run;
    size_t file;
    const struct source_setup *source;
    struct line_parser *parser;
    struct scan_servers servers;  // of the parser
    struct map days;  // of struct day_note
    int64_t day;  // of the last line with a time, INT64_MIN before the first
    struct day_note early;  // lines before the first one with a time
    const char *last_line;  // of the line before, for doubled ones; NULL when there is none
    size_t last_count;
    bool last_is_query;
};

enum status warning_add(struct extraction *run, const char *where, const char *what, struct error *err)
{
    struct extract_summary *summary = run->summary;
    struct extract_warning *grown =
        realloc(summary->warnings, (summary->warning_count + 1) * sizeof *summary->warnings);
    if (!grown)
        return error_set(err, STATUS_NO_MEMORY, where, "", "no room for a warning");
    summary->warnings = grown;
    struct extract_warning *warning = &grown[summary->warning_count++];
    memset(warning, 0, sizeof *warning);
    (void)text_for_terminal(where, strlen(where), warning->where, sizeof warning->where);
    (void)text_for_terminal(what, strlen(what), warning->what, sizeof warning->what);
    return STATUS_OK;
}

/* ---- notes by day ---- */

static enum status note_of(struct reader *reader, struct day_note **note, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    if (reader->day == INT64_MIN) {
        *note = &reader->early;
        return STATUS_OK;
    }
    TRY(map_put(&reader->days, &reader->day, &found, &fresh, err));
    *note = found;
    if (fresh) {
        (*note)->first_ms = INT64_MAX;
        (*note)->last_ms = INT64_MIN;
    }
done:
    return status;
}

/* Where a new minute begins. A minute that lies before the last one is not noted again: such files are read
 * in full. */
static enum status minute_note(struct day_note *note, int64_t time_ms, int64_t offset, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t minute_s = time_ms / 60000 * 60;
    if (note->minute_count && note->minutes[note->minute_count - 1] >= minute_s)
        return STATUS_OK;
    TRY(array_reserve(&note->minutes, &note->minute_capacity, note->minute_count + 1, sizeof *note->minutes,
                      err));
    TRY(array_reserve(&note->offsets, &note->offset_capacity, note->minute_count + 1, sizeof *note->offsets,
                      err));
    note->minutes[note->minute_count] = minute_s;
    note->offsets[note->minute_count++] = offset;
done:
    return status;
}

/* Keeps the first rejects by file and offset, in whatever order pieces are read. */
static void reject_keep(struct extract_summary *summary, const struct extract_reject *reject)
{
    size_t at = summary->reject_count;
    while (at > 0 && extract_reject_compare(&summary->rejects[at - 1], reject) > 0)
        at--;
    if (at == EXTRACT_REJECTS)
        return;
    if (summary->reject_count < EXTRACT_REJECTS)
        summary->reject_count++;
    memmove(&summary->rejects[at + 1], &summary->rejects[at],
            (summary->reject_count - 1 - at) * sizeof *reject);
    summary->rejects[at] = *reject;
}

static void reject_note(struct reader *reader, struct day_note *note, const struct query *query,
                        const char *line, size_t count, int64_t offset)
{
    struct line_reject reject = {.offset = offset};
    char sample[120];
    (void)text_for_terminal(line, count < sizeof sample ? count : sizeof sample, sample, sizeof sample);
    (void)snprintf(reject.text, sizeof reject.text, "%s: %s", query->reject_reason, sample);
    if (note->reject_count < DAY_REJECTS)
        note->rejects[note->reject_count++] = reject;
    struct extract_reject kept = {.line = reject};
    const char *path = reader->run->archive.files[reader->file].path;
    (void)text_for_terminal(path, strlen(path), kept.path, sizeof kept.path);
    reject_keep(reader->run->summary, &kept);
}

/* ---- a line ---- */

static bool is_doubled(const struct reader *reader, const struct query *query, const char *line, size_t count)
{
    return query->kind == LINE_QUERY && reader->last_line && reader->last_is_query &&
           reader->last_count == count && memcmp(reader->last_line, line, count) == 0;
}

/* What kind of line it is, counted in the tallies if it has a day that is being made. */
static enum status line_count(struct reader *reader, const struct query *query, const char *line,
                              size_t count, enum line_count *kind, struct error *err)
{
    enum status status = STATUS_OK;
    struct extraction *run = reader->run;
    char text[IP_TEXT_BYTES];
    struct span host = query->host.count
                           ? query->host
                           : (struct span){reader->source->resolver, strlen(reader->source->resolver)};
    bool is_query = query->kind == LINE_QUERY;
    *kind = query->kind == LINE_RESPONSE ? LINES_RESPONSE
            : query->kind == LINE_OTHER  ? LINES_OTHER
                                         : LINES_REJECT;
    if (is_query && !query->has_time)
        *kind = LINES_UNTIMED;
    if (!query->has_time || query->kind == LINE_REJECT)
        return STATUS_OK;
    int64_t day = tallies_day(run->tallies, query->time_ms);
    if (day == INT64_MIN) {
        *kind = is_query ? LINES_OUTSIDE : *kind;
        return STATUS_OK;
    }
    reader->day = day;
    bool doubled = is_doubled(reader, query, line, count);
    bool left_out = doubled && run->job->archive_doubled == DOUBLED_SKIP;
    struct span resolver = is_query ? resolver_text(query, host, text) : host;
    run->sums[reader->file][FILE_FOLD_GUESSED] += query->fold_guessed;
    if (run->only_dirty && !is_dirty(run, day)) {
        *kind =
            LINES_OUTSIDE;  // the day is kept as it is; the file's own counts stay those of its first reading
        return STATUS_OK;
    }
    TRY(tallies_line(run->tallies, query->time_ms, resolver, is_query, doubled, err));
    if (left_out)
        *kind = LINES_REPEATED;
    else if (is_query)
        TRY(tallies_query(run->tallies, query, resolver, kind, err));
done:
    return status;
}

/* The least and the largest time in the file, also of days that are not asked for. */
static void time_note(struct reader *reader, int64_t time_ms)
{
    int64_t *times = reader->run->times[reader->file];
    times[0] = -time_ms > times[0] ? -time_ms : times[0];
    times[1] = time_ms > times[1] ? time_ms : times[1];
}

static enum status line_read(struct reader *reader, const char *line, size_t count, int64_t offset,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct query query;
    enum line_count kind = LINES_REJECT;
    struct day_note *note = NULL;
    (void)line_parse(reader->parser, line, count, &query);
    TRY(line_count(reader, &query, line, count, &kind, err));
    reader->run->sums[reader->file][kind]++;
    if (query.has_time && query.kind != LINE_REJECT)
        time_note(reader, query.time_ms);
    TRY(note_of(reader, &note, err));
    note->bytes += (int64_t)count + 1;
    note->kinds[kind]++;
    if (kind == LINES_REJECT)
        reject_note(reader, note, &query, line, count, offset);
    else if (query.has_time && kind != LINES_OUTSIDE) {
        note->first_ms = query.time_ms < note->first_ms ? query.time_ms : note->first_ms;
        note->last_ms = query.time_ms > note->last_ms ? query.time_ms : note->last_ms;
        TRY(minute_note(note, query.time_ms, offset, err));
    }
    reader->last_line = line;
    reader->last_count = count;
    reader->last_is_query = query.kind == LINE_QUERY;
done:
    return status;
}

/* ---- a piece ---- */

/* Counts scanned lines in the notes of their day and file. */
static enum status scans_note(struct reader *reader, const struct scan *scans, size_t count, size_t unwatched,
                              int64_t offset, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *sums = reader->run->sums[reader->file];
    struct day_note *note = NULL;
    int64_t first_ms = INT64_MAX, last_ms = INT64_MIN;
    TRY(note_of(reader, &note, err));
    for (size_t i = 0; i < count; i++) {
        const struct scan *scan = &scans[i];
        note->bytes += (int64_t)scan->count + 1;
        first_ms = scan->time_ms < first_ms ? scan->time_ms : first_ms;
        last_ms = scan->time_ms > last_ms ? scan->time_ms : last_ms;
        sums[FILE_FOLD_GUESSED] += scan->fold_guessed;
        if (note->minute_count == 0 || scan->time_ms / 60000 * 60 > note->minutes[note->minute_count - 1])
            TRY(minute_note(note, scan->time_ms, offset + (scan->line - scans[0].line), err));
    }
    time_note(reader, first_ms);
    time_note(reader, last_ms);
    note->first_ms = first_ms < note->first_ms ? first_ms : note->first_ms;
    note->last_ms = last_ms > note->last_ms ? last_ms : note->last_ms;
    note->kinds[LINES_QUERY] += (int64_t)(count - unwatched);
    note->kinds[LINES_UNWATCHED] += (int64_t)unwatched;
    sums[LINES_QUERY] += (int64_t)(count - unwatched);
    sums[LINES_UNWATCHED] += (int64_t)unwatched;
    reader->last_line = scans[count - 1].line;
    reader->last_count = scans[count - 1].count;
    reader->last_is_query = true;
done:
    return status;
}

/* Reads lines of the commonest form, of the day of the line before; returns how many bytes they have. */
static enum status scans_read(struct reader *reader, const char *lines, size_t count, int64_t offset,
                              size_t *bytes, struct error *err)
{
    enum status status = STATUS_OK;
    struct extraction *run = reader->run;
    struct scan scans[SCAN_LINES];
    struct scan_bounds bounds = {.last_line = reader->last_is_query ? reader->last_line : NULL,
                                 .last_count = reader->last_count};
    size_t done = 0, unwatched = 0;
    *bytes = 0;
    if (!tallies_span(run->tallies, &bounds.from_ms, &bounds.to_ms) ||
        reader->day != tallies_day(run->tallies, bounds.from_ms) ||
        (run->only_dirty && !is_dirty(run, reader->day)))
        return STATUS_OK;
    const struct line_mark mark = line_parser_mark(reader->parser);
    size_t found = scan_lines(reader->parser, lines, count, SCAN_LINES, &bounds, scans);
    if (found == 0)
        return STATUS_OK;
    TRY(tallies_scans(run->tallies, reader->parser, &reader->servers, scans, found, &done, &unwatched, err));
    if (done < found) {
        // One that is no query after all: the parser must not have seen it, nor those behind it.
        line_parser_return(reader->parser, &mark);
        (void)scan_lines(reader->parser, lines, count, done, &bounds, scans);
    }
    if (done > 0) {
        TRY(scans_note(reader, scans, done, unwatched, offset, err));
        *bytes = (size_t)(scans[done - 1].line - lines) + scans[done - 1].count + 1;
    }
done:
    return status;
}

static enum status block_read(struct reader *reader, const char *lines, size_t count, int64_t offset,
                              struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t at = 0; at < count;) {
        size_t scanned = 0;
        TRY(scans_read(reader, lines + at, count - at, offset + (int64_t)at, &scanned, err));
        at += scanned;
        if (scanned > 0 || at == count)
            continue;
        const char *end = memchr(lines + at, '\n', count - at);
        size_t length = end ? (size_t)(end - lines) - at : count - at;
        TRY(line_read(reader, lines + at, length, offset + (int64_t)at, err));
        at += length + 1;
    }
    reader->run->sums[reader->file][FILE_BYTES] += (int64_t)count;
done:
    return status;
}

/* The line before the piece is looked at, not counted: the piece's first line may be its double. */
static enum status previous_take(struct reader *reader, struct stream *stream, char **previous,
                                 struct error *err)
{
    const char *line = NULL;
    size_t count = 0;
    struct query query;
    stream_previous(stream, &line, &count);
    if (!line)
        return STATUS_OK;
    *previous = malloc(count + 1);
    if (!*previous)
        return error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for a line");
    memcpy(*previous, line, count);
    (void)line_parse(reader->parser, *previous, count, &query);
    reader->last_line = *previous;
    reader->last_count = count;
    reader->last_is_query = query.kind == LINE_QUERY;
    return STATUS_OK;
}

/* A block's bytes are gone when the next one comes: its last line is copied out. */
static enum status previous_keep(struct reader *reader, char **previous, struct error *err)
{
    if (!reader->last_line || reader->last_line == *previous)
        return STATUS_OK;
    char *grown = realloc(*previous, reader->last_count + 1);
    if (!grown)
        return error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for a line");
    *previous = grown;
    memcpy(grown, reader->last_line, reader->last_count);
    reader->last_line = grown;
    return STATUS_OK;
}

/* The first rejects of a piece are kept, so those before the first time stand before the day's own. */
static void early_rejects_take(struct day_note *note, const struct day_note *early)
{
    size_t room = DAY_REJECTS - early->reject_count;
    size_t kept = note->reject_count < room ? note->reject_count : room;
    memmove(note->rejects + early->reject_count, note->rejects, kept * sizeof *note->rejects);
    memcpy(note->rejects, early->rejects, early->reject_count * sizeof *note->rejects);
    note->reject_count = early->reject_count + kept;
}

/* The days of the piece go to the tallies; lines before the first time belong to the first day that came. */
static enum status notes_hand_over(struct reader *reader, const struct archive_piece *piece,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    struct extraction *run = reader->run;
    for (size_t i = 0; i < reader->days.count; i++) {
        struct day_note *note = map_at(&reader->days, i);
        if (i == 0) {
            note->bytes += reader->early.bytes;
            for (int kind = 0; kind < LINE_COUNTS; kind++)
                note->kinds[kind] += reader->early.kinds[kind];
            early_rejects_take(note, &reader->early);
        }
        if (note->first_ms == INT64_MAX)
            continue;  // only lines of days that are kept
        struct line_record record = {.path = run->archive.files[reader->file].path,
                                     .from = piece->from,
                                     .bytes = note->bytes,
                                     .first_ms = note->first_ms,
                                     .last_ms = note->last_ms,
                                     .minutes = note->minutes,
                                     .offsets = note->offsets,
                                     .minute_count = note->minute_count,
                                     .rejects = note->rejects,
                                     .reject_count = note->reject_count};
        memcpy(record.kinds, note->kinds, sizeof record.kinds);
        TRY(tallies_record(run->tallies, note->day, &record, err));
        if (run->only_dirty)
            continue;  // which files touch this day is known by now
        TRY(array_reserve(&run->touches, &run->touch_capacity, run->touch_count + 1, sizeof *run->touches,
                          err));
        struct touch *touch = &run->touches[run->touch_count++];
        *touch = (struct touch){.file = (int64_t)reader->file, .day = note->day, .is_new = 1};
        memcpy(touch->kinds, note->kinds, sizeof touch->kinds);
    }
done:
    return status;
}

static void reader_clear(struct reader *reader)
{
    for (size_t i = 0; i < reader->days.count; i++) {
        struct day_note *note = map_at(&reader->days, i);
        free(note->minutes);
        free(note->offsets);
    }
    map_clear(&reader->days);
    free(reader->early.minutes);
    free(reader->early.offsets);
    line_parser_free(reader->parser);
}

/* Lines that were longer than any that named writes: each is one reject, without a sample. */
static void long_lines_count(struct reader *reader, const struct stream *stream)
{
    int64_t count = stream_long_lines(stream);
    reader->run->sums[reader->file][LINES_REJECT] += count;
    reader->early.kinds[LINES_REJECT] += count;
}

/* What a piece tells of its file at its end. */
static enum status piece_end(struct reader *reader, struct stream *stream, struct error *err)
{
    int64_t *sums = reader->run->sums[reader->file];
    uint64_t tail_hash = 0;
    bool ends_inside = false;
    int64_t text_bytes = stream_text_bytes(stream, &tail_hash, &ends_inside);
    if (text_bytes >= 0) {
        sums[FILE_TEXT_BYTES] = text_bytes;
        sums[FILE_TAIL_HASH] = (int64_t)tail_hash;
        sums[FILE_ENDS_INSIDE] = ends_inside;
    }
    if (!stream_fault(stream))
        return STATUS_OK;
    sums[FILE_FAULTS]++;
    sums[FILE_DISK_FAULTS] += stream_fault_passes(stream);
    return warning_add(reader->run, reader->run->archive.files[reader->file].path, stream_fault(stream), err);
}

enum status piece_read(struct extraction *run, const struct archive_piece *piece, int year, struct error *err)
{
    enum status status = STATUS_OK;
    struct stream *stream = NULL;
    const struct archive_file *file = &run->archive.files[piece->file];
    struct reader reader = {
        .run = run, .file = piece->file, .source = &run->sources[file->source], .day = INT64_MIN};
    char *previous = NULL;
    int64_t next_offset = -1;
    map_init(&reader.days, sizeof(struct day_note), sizeof(int64_t));
    reader.parser = line_parser_new(reader.source->zone, year);
    if (!reader.parser)
        return error_set(err, STATUS_NO_MEMORY, file->path, "", "no room for a parser");
    TRY(piece_open(&run->archive, piece, run->read_bytes, &stream, err));
    for (bool first = true;; first = false) {
        const char *lines = NULL;
        size_t count = 0;
        int64_t offset = 0;
        TRY(stream_next(stream, &lines, &count, &offset, err));
        if (!lines)
            break;
        if (first)
            TRY(previous_take(&reader, stream, &previous, err));
        else if (offset != next_offset)
            reader.last_line = NULL;  // a line too long to be one was left out between the blocks
        next_offset = offset + (int64_t)count;
        TRY(block_read(&reader, lines, count, offset, err));
        TRY(previous_keep(&reader, &previous, err));
        run->done_bytes += (int64_t)count;
        progress_tell(run, piece, stream_stored_bytes(stream));
        TRY(tallies_compact(run->tallies, err));
        TRY(tallies_keep(run, reader.day, err));
        if (work_stopped(run->work))
            goto done;  // another rank failed: nothing of this will be kept
    }
    long_lines_count(&reader, stream);
    TRY(piece_end(&reader, stream, err));
    TRY(notes_hand_over(&reader, piece, err));
done:
    stream_close(stream);
    reader_clear(&reader);
    free(previous);
    return status;
}
