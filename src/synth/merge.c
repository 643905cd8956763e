/* A copy of real logs, with the queries of attacks among their lines, each in the form of the line it comes
 * before. */
#include "into.h"

#include "base/folder.h"
#include "parallel/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)1 << 20)

/* A file while it is copied. */
struct copying {
    struct merging *merging;
    const struct census *census;
    size_t file;
    int64_t from_ms, to_ms;  // attacks of this time go into this file
    struct log_file *out;
    char *buffer;
    size_t count;
    struct crowd crowd;  // of the hour before next_hour
    size_t next_hour, next_event;
    struct line_parser *parser, *spare;
    char *last;  // the last query line whose form can be written
    size_t last_count;
    bool ends_inside;  // the file's last line has no line feed
};

/* ---- events ---- */

static enum status hour_next(struct copying *copying, struct error *err)
{
    struct merging *merging = copying->merging;
    const struct hour *hour = &merging->hours[copying->next_hour++];
    crowd_clear(&copying->crowd);
    copying->next_event = 0;
    for (size_t a = 0; a < merging->people->attack_count; a++)
        if (merging->folders[a] == copying->census->files[copying->file].folder)
            (void)attack_add(copying->census->spec, merging->people, merging->names,
                             &merging->people->attacks[a], hour, &copying->crowd);
    if (copying->crowd.is_full)
        return error_set(err, STATUS_NO_MEMORY, merging->dir, "ask for less",
                         "no room for an hour of attacks");
    return crowd_sort(&copying->crowd, err);
}

/* The next event before a time; NULL when there is none. */
static enum status event_next(struct copying *copying, int64_t before_ms, const struct event **event,
                              int64_t *time_ms, struct error *err)
{
    enum status status = STATUS_OK;
    const struct merging *merging = copying->merging;
    *event = NULL;
    before_ms = before_ms < copying->to_ms ? before_ms : copying->to_ms;
    for (;;) {
        while (copying->next_event == copying->crowd.count) {
            if (copying->next_hour == merging->hour_count ||
                merging->hours[copying->next_hour].start_s * 1000 >= before_ms)
                return STATUS_OK;
            TRY(hour_next(copying, err));
        }
        const struct event *found = &copying->crowd.events[copying->next_event];
        *time_ms = merging->hours[copying->next_hour - 1].start_s * 1000 + found->ms;
        if (*time_ms >= before_ms)
            return STATUS_OK;
        copying->next_event++;
        if (*time_ms < copying->from_ms)
            continue;
        *event = found;
        return STATUS_OK;
    }
done:
    return status;
}

/* ---- lines ---- */

static enum status bytes_add(struct copying *copying, const char *bytes, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    if (copying->count + count > BUFFER_BYTES) {
        TRY(log_add(copying->out, copying->buffer, copying->count, err));
        copying->count = 0;
    }
    if (count > BUFFER_BYTES) {
        TRY(log_add(copying->out, bytes, count, err));
    } else {
        memcpy(copying->buffer + copying->count, bytes, count);
        copying->count += count;
    }
    copying->merging->bytes += (int64_t)count;
done:
    return status;
}

static enum status events_add(struct copying *copying, int64_t before_ms, const char *line, size_t count,
                              const struct query *query, struct error *err)
{
    enum status status = STATUS_OK;
    const struct merging *merging = copying->merging;
    char text[LINE_BYTES];
    const struct event *event;
    int64_t time_ms = 0;
    for (;;) {
        TRY(event_next(copying, before_ms, &event, &time_ms, err));
        if (!event)
            break;
        // Names of attacks are all made for them.
        const unsigned char *made = (const unsigned char *)copying->crowd.made + (event->name & NAME_MASK);
        const struct span name = {(const char *)made + 2, made[0] | (size_t)made[1] << 8};
        const uint64_t lot = random_u64((uint64_t)copying->census->spec->seed, RANDOM_SYNTH, 5,
                                        (uint64_t)time_ms ^ event->client);
        const struct wanted wanted = {.ip = merging->people->clients[event->client].ip,
                                      .type = asked_word(event->type),
                                      .name = name,
                                      .time_ms = time_ms,
                                      .zone = copying->census->spec->zone,
                                      .port = 1024 + (uint32_t)(lot % 64512)};
        const size_t length = line_like(line, count, query, &wanted, text);
        if (length == 0) {
            status = error_set(err, STATUS_USAGE, copying->census->archive.files[copying->file].path,
                               "bring the logs into the form that named writes itself",
                               "queries cannot be added to lines of this form");
            goto done;
        }
        // The last line may have no line feed yet.
        TRY(bytes_add(copying, "\n", copying->ends_inside, err));
        copying->ends_inside = false;
        TRY(bytes_add(copying, text, length, err));
        copying->merging->added++;
    }
done:
    return status;
}

/* Whether a line is left out, since its host is struck dumb. */
static bool is_silenced(const struct merging *merging, const struct query *query)
{
    struct ip ip;
    for (size_t a = 0; a < merging->people->attack_count; a++) {
        const struct attack *attack = &merging->people->attacks[a];
        const struct client *client = &merging->people->clients[attack->client];
        if (attack->spec->family == FAMILY_SILENCE && query->time_ms >= attack->from_s * 1000 &&
            query->time_ms < attack->to_s * 1000 && ip_read(client->ip, client->ip_count, &ip) &&
            ip_compare(&ip, &query->client) == 0)
            return true;
    }
    return false;
}

static bool is_fit(const struct copying *copying, const char *line, size_t count, const struct query *query)
{
    char text[LINE_BYTES];
    const struct wanted wanted = {.ip = "10.0.0.1",
                                  .type = "A",
                                  .name = {"a", 1},
                                  .time_ms = query->time_ms,
                                  .zone = copying->census->spec->zone,
                                  .port = 1024};
    return line_like(line, count, query, &wanted, text) > 0;
}

/* Adds what comes before a time in the form of the last line that has one. */
static enum status rest_add(struct copying *copying, int64_t before_ms, struct error *err)
{
    enum status status = STATUS_OK;
    struct query query;
    const struct event *event = NULL;
    int64_t time_ms = 0;
    if (copying->last_count > 0 &&
        line_parse(copying->spare, copying->last, copying->last_count, &query) == LINE_QUERY)
        return events_add(copying, before_ms, copying->last, copying->last_count, &query, err);
    if (before_ms < INT64_MAX)
        return STATUS_OK;  // they wait for a line that has one
    TRY(event_next(copying, before_ms, &event, &time_ms, err));
    if (event)
        status = error_set(err, STATUS_USAGE, copying->census->archive.files[copying->file].path,
                           "bring the logs into the form that named writes itself",
                           "queries cannot be added to lines of this form");
done:
    return status;
}

static enum status line_add(struct copying *copying, const char *line, size_t count, bool is_ended,
                            struct error *err)
{
    enum status status = STATUS_OK;
    struct query query;
    if (line_parse(copying->parser, line, count, &query) == LINE_QUERY && query.has_time) {
        if (is_fit(copying, line, count, &query)) {
            TRY(events_add(copying, query.time_ms, line, count, &query, err));
            memcpy(copying->last, line, count);
            copying->last_count = count;
        } else {
            TRY(rest_add(copying, query.time_ms, err));
        }
        if (is_silenced(copying->merging, &query)) {
            copying->merging->left_out++;
            goto done;
        }
    }
    copying->ends_inside = !is_ended;
    TRY(bytes_add(copying, line, count, err));
    TRY(bytes_add(copying, "\n", is_ended, err));
    copying->merging->lines++;
done:
    return status;
}

static enum status lines_copy(struct copying *copying, struct error *err)
{
    enum status status = STATUS_OK;
    const struct census *census = copying->census;
    struct stream *stream = NULL;
    const char *lines = NULL;
    size_t count = 0;
    int64_t offset = 0;
    TRY(piece_open(&census->archive, &census->pieces[copying->file], BUFFER_BYTES, &stream, err));
    for (;;) {
        TRY(stream_next(stream, &lines, &count, &offset, err));
        if (count == 0)
            break;
        for (size_t from = 0; from < count;) {
            const char *end = memchr(lines + from, '\n', count - from);
            const size_t length = end ? (size_t)(end - lines) - from : count - from;
            TRY(line_add(copying, lines + from, length, end != NULL, err));
            from += length + 1;
        }
    }
    TRY(rest_add(copying, INT64_MAX, err));
done:
    stream_close(stream);
    return status;
}

/* ---- files ---- */

/* The time whose attacks go into a file: from its first line on to the first line of its folder's next file;
 * the first one has what is before, the last one what comes after. */
static void span_find(struct copying *copying)
{
    const struct seen_file *files = copying->census->files, *own = &files[copying->file];
    bool is_first = true;
    copying->from_ms = own->first_ms;
    copying->to_ms = INT64_MAX;
    for (size_t f = 0; f < copying->census->archive.file_count; f++) {
        if (f == copying->file || files[f].folder != own->folder || files[f].first_ms == INT64_MAX)
            continue;
        const bool is_before =
            files[f].first_ms < own->first_ms || (files[f].first_ms == own->first_ms && f < copying->file);
        is_first = is_first && !is_before;
        if (!is_before && files[f].first_ms < copying->to_ms)
            copying->to_ms = files[f].first_ms;
    }
    if (is_first)
        copying->from_ms = INT64_MIN;
    if (own->first_ms == INT64_MAX)
        copying->to_ms = INT64_MIN;  // without a query there is no form to write in
}

/* DIR/logs and the path below the root; other compressions than gzip are undone, and their suffix with them.
 */
static enum status path_make(const struct copying *copying, char *path, size_t room, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive_file *file = &copying->census->archive.files[copying->file];
    const size_t root = strlen(copying->merging->root);
    const char *slash = strrchr(file->path, '/'), *below = slash ? slash + 1 : file->path;
    char folder[4200];
    if (strncmp(file->path, copying->merging->root, root) == 0 && file->path[root] == '/')
        below = file->path + root + 1;
    int length = snprintf(path, room, "%s/logs/%s", copying->merging->dir, below);
    if (length < 0 || (size_t)length >= sizeof folder)
        return error_set(err, STATUS_USAGE, file->path, "", "a path of more than 4,000 bytes");
    const char *const suffixes[] = {".zst", ".xz"};
    for (size_t i = 0; i < 2; i++) {
        const size_t count = strlen(suffixes[i]);
        if ((file->compression == COMPRESSION_ZSTD || file->compression == COMPRESSION_XZ) &&
            (size_t)length > count && strcmp(path + length - (int)count, suffixes[i]) == 0)
            path[length - (int)count] = '\0';
    }
    memcpy(folder, path, strlen(path) + 1);
    *strrchr(folder, '/') = '\0';
    TRY(folder_make(folder, err));
done:
    return status;
}

static enum status file_copy_local(struct merging *merging, size_t file, struct error *err)
{
    enum status status = STATUS_OK;
    char path[4300];
    const struct archive_file *of = &merging->census->archive.files[file];
    struct copying copying = {.merging = merging, .census = merging->census, .file = file};
    span_find(&copying);
    TRY(path_make(&copying, path, sizeof path, err));
    copying.buffer = malloc(BUFFER_BYTES);
    copying.last = malloc(LINE_MOST + 1);
    copying.parser = line_parser_new(merging->census->spec->zone, 0);
    copying.spare = line_parser_new(merging->census->spec->zone, 0);
    if (!copying.buffer || !copying.last || !copying.parser || !copying.spare) {
        status = error_set(err, STATUS_NO_MEMORY, path, "", "no room to write it");
        goto done;
    }
    TRY(log_open(path, of->compression == COMPRESSION_GZIP || of->compression == COMPRESSION_BGZF,
                 &copying.out, err));
    TRY(lines_copy(&copying, err));
    TRY(log_add(copying.out, copying.buffer, copying.count, err));
    struct log_file *whole = copying.out;
    copying.out = NULL;
    TRY(log_finish(whole, err));
done:
    log_abandon(copying.out);
    crowd_clear(&copying.crowd);
    free(copying.buffer);
    free(copying.last);
    line_parser_free(copying.parser);
    line_parser_free(copying.spare);
    return status;
}

static enum status files_copy_local(struct merging *merging, struct work *work, struct error *err)
{
    size_t file;
    while (work_take(work, &file)) {
        enum status status = file_copy_local(merging, file, err);
        if (status != STATUS_OK) {
            work_stop(work);
            return status;
        }
    }
    return STATUS_OK;
}

enum status files_merge(struct merging *merging, struct error *err)
{
    enum status status = STATUS_OK;
    struct work *work = NULL;
    const struct team *team = merging->team;
    const size_t ranks = (size_t)team_size(team), rank = (size_t)team_rank(team),
                 count = merging->census->archive.file_count;
    TRY(work_begin(team, count * rank / ranks, count * (rank + 1) / ranks, &work, err));
    TRY(team_agree(team, files_copy_local(merging, work, err), err));
    int64_t sums[4] = {merging->lines, merging->added, merging->bytes, merging->left_out};
    team_sum_i64(team, sums, 4);
    merging->lines = sums[0];
    merging->added = sums[1];
    merging->bytes = sums[2];
    merging->left_out = sums[3];
done:
    if (work)
        work_end(work);
    return status;
}
