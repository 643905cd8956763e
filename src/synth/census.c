/* What real logs hold: who asks when, in which folder's log, and some of what is asked. */
#include "into.h"

#include "base/map.h"
#include "parallel/work.h"

#include <stdlib.h>
#include <string.h>

#define READ_BYTES ((size_t)1 << 20)

struct day_key {
    struct ip ip;
    int64_t day, folder;
};

/* What a rank finds in its files. */
struct finding {
    struct census *census;
    struct map days;  // of struct seen_day, by IP, day, folder
    struct seen_name *names;  // a heap of the SEEN_NAMES least lots, the greatest first
    size_t name_count;
};

/* ---- names ---- */

static void sink(struct seen_name *heap, size_t count)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && heap[child + 1].lot > heap[child].lot)
            child++;
        if (heap[at].lot >= heap[child].lot)
            return;
        struct seen_name swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

static void name_offer(struct finding *finding, uint64_t lot, struct span name)
{
    struct seen_name seen = {.lot = lot};
    if (name.count == 0 || name.count > sizeof seen.name.bytes - 1)
        return;
    if (finding->name_count == SEEN_NAMES && lot >= finding->names[0].lot)
        return;
    seen.name.count = (uint16_t)name.count;
    memcpy(seen.name.bytes, name.at, name.count);
    if (finding->name_count == SEEN_NAMES) {
        finding->names[0] = seen;
        sink(finding->names, SEEN_NAMES);
        return;
    }
    size_t at = finding->name_count++;
    finding->names[at] = seen;
    for (; at > 0 && finding->names[(at - 1) / 2].lot < finding->names[at].lot; at = (at - 1) / 2) {
        struct seen_name swap = finding->names[at];
        finding->names[at] = finding->names[(at - 1) / 2];
        finding->names[(at - 1) / 2] = swap;
    }
}

/* ---- files ---- */

static enum status query_count(struct finding *finding, size_t file, const struct query *query,
                               uint64_t place, struct error *err)
{
    enum status status = STATUS_OK;
    struct seen_file *seen = &finding->census->files[file];
    const struct zone *zone = finding->census->spec->zone;
    const int64_t time_s = query->time_ms / 1000, local_s = time_s + zone_offset_s(zone, time_s);
    void *found = NULL;
    struct day_key key = {.ip = query->client, .day = zone_day_of(zone, time_s), .folder = seen->folder};
    TRY(map_put(&finding->days, &key, &found, NULL, err));
    struct seen_day *day = found;
    day->queries++;
    day->hours |= UINT64_C(1) << (((local_s % 86400) + 86400) % 86400 / 3600);
    seen->first_ms = query->time_ms < seen->first_ms ? query->time_ms : seen->first_ms;
    seen->last_ms = query->time_ms > seen->last_ms ? query->time_ms : seen->last_ms;
    if (!query->mixed_case)
        name_offer(finding, random_u64((uint64_t)file, RANDOM_SYNTH, 3, place), query->qname_text);
done:
    return status;
}

static enum status file_count_local(struct finding *finding, size_t file, struct error *err)
{
    enum status status = STATUS_OK;
    const struct census *census = finding->census;
    struct stream *stream = NULL;
    const char *lines = NULL;
    size_t count = 0;
    int64_t offset = 0;
    struct query query;
    struct line_parser *parser = line_parser_new(census->spec->zone, 0);
    if (!parser)
        return error_set(err, STATUS_NO_MEMORY, census->archive.files[file].path, "", "no room to read it");
    TRY(piece_open(&census->archive, &census->pieces[file], READ_BYTES, &stream, err));
    for (;;) {
        TRY(stream_next(stream, &lines, &count, &offset, err));
        if (count == 0)
            break;
        for (size_t from = 0; from < count;) {
            const char *end = memchr(lines + from, '\n', count - from);
            const size_t length = end ? (size_t)(end - lines) - from : count - from;
            if (line_parse(parser, lines + from, length, &query) == LINE_QUERY && query.has_time)
                TRY(query_count(finding, file, &query, (uint64_t)offset + from, err));
            from += length + 1;
        }
    }
    if (stream_fault(stream) || stream_long_lines(stream) > 0)
        status = error_set(err, STATUS_CORRUPT, census->archive.files[file].path, "leave it out, or mend it",
                           "cannot be copied whole: %s",
                           stream_fault(stream) ? stream_fault(stream) : "a line of more than 64 KiB");
done:
    stream_close(stream);
    line_parser_free(parser);
    return status;
}

static enum status files_count_local(struct finding *finding, struct work *work, struct error *err)
{
    size_t file;
    while (work_take(work, &file)) {
        enum status status = file_count_local(finding, file, err);
        if (status != STATUS_OK) {
            work_stop(work);
            return status;
        }
        finding->census->files[file].is_taken = 1;
    }
    return STATUS_OK;
}

/* ---- what all ranks found ---- */

static int compare_days(const void *a, const void *b)
{
    const struct seen_day *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    order = order ? order : (x->folder > y->folder) - (x->folder < y->folder);
    return order ? order : (x->day > y->day) - (x->day < y->day);
}

static int compare_lots(const void *a, const void *b)
{
    const struct seen_name *x = a, *y = b;
    return (x->lot > y->lot) - (x->lot < y->lot);
}

/* Adds up what several ranks saw of the same address, folder and day. */
static size_t days_join(struct seen_day *days, size_t count)
{
    size_t kept = 0;
    if (count > 0)
        qsort(days, count, sizeof *days, compare_days);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_days(&days[kept - 1], &days[i]) == 0) {
            days[kept - 1].queries += days[i].queries;
            days[kept - 1].hours |= days[i].hours;
        } else {
            days[kept++] = days[i];
        }
    }
    return kept;
}

static enum status census_share(const struct team *team, struct finding *finding, struct error *err)
{
    enum status status = STATUS_OK;
    struct census *census = finding->census;
    void *days = NULL, *names = NULL;
    size_t bytes = 0;
    TRY(team_gather(team, finding->days.entries, finding->days.count * sizeof *census->days, &days, &bytes,
                    err));
    census->days = days;
    census->day_count = days_join(census->days, bytes / sizeof *census->days);
    TRY(team_gather(team, finding->names, finding->name_count * sizeof *finding->names, &names, &bytes, err));
    census->names = names;
    census->name_count = bytes / sizeof *census->names;
    if (census->name_count > 0)
        qsort(census->names, census->name_count, sizeof *census->names, compare_lots);
    census->name_count = census->name_count < SEEN_NAMES ? census->name_count : SEEN_NAMES;
    // Each file was read by one rank: the others' part of the sum is 0.
    for (size_t file = 0; file < census->archive.file_count; file++) {
        struct seen_file *seen = &census->files[file];
        int64_t sums[2] = {seen->is_taken ? seen->first_ms : 0, seen->is_taken ? seen->last_ms : 0};
        team_sum_i64(team, sums, 2);
        seen->first_ms = sums[0];
        seen->last_ms = sums[1];
    }
done:
    return status;
}

/* Numbers the folders in the order of files; those of one folder stand together, as paths are sorted. */
static enum status census_prepare_local(struct census *census, struct finding *finding, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive *archive = &census->archive;
    size_t piece_count = 0, before = 0;
    bool *whole = calloc(archive->file_count + 1, sizeof *whole);
    census->files = calloc(archive->file_count + 1, sizeof *census->files);
    finding->names = calloc(SEEN_NAMES, sizeof *finding->names);
    map_init(&finding->days, sizeof(struct seen_day), sizeof(struct day_key));
    if (!whole || !census->files || !finding->names) {
        status = error_set(err, STATUS_NO_MEMORY, "--into", "", "no room for %zu files", archive->file_count);
        goto done;
    }
    for (size_t file = 0; file < archive->file_count; file++) {
        const char *path = archive->files[file].path, *slash = strrchr(path, '/');
        const size_t count = slash ? (size_t)(slash - path) : 0;
        struct seen_file *seen = &census->files[file];
        *seen = (struct seen_file){.first_ms = INT64_MAX, .last_ms = INT64_MIN, .folder = (int64_t)file};
        whole[file] = true;
        for (size_t other = 0; other < file && seen->folder == (int64_t)file; other++) {
            const char *of = archive->files[other].path, *of_slash = strrchr(of, '/');
            before = of_slash ? (size_t)(of_slash - of) : 0;
            if (before == count && memcmp(of, path, count) == 0)
                seen->folder = census->files[other].folder;
        }
    }
    TRY(archive_pieces(archive, NULL, whole, INT64_MAX / 4, &census->pieces, &piece_count, err));
    if (piece_count != archive->file_count)
        status = error_set(err, STATUS_FAILED, "--into", "", "%zu files came in %zu pieces",
                           archive->file_count, piece_count);
done:
    free(whole);
    return status;
}

enum status census_take(const struct team *team, const struct spec *spec, const char *path,
                        struct census *census, struct error *err)
{
    enum status status = STATUS_OK;
    const struct archive_source source = {.paths = &path, .path_count = 1, .resolver = "", .timezone = ""};
    struct work *work = NULL;
    struct finding finding = {.census = census};
    const size_t ranks = (size_t)team_size(team), rank = (size_t)team_rank(team);
    *census = (struct census){.spec = spec};
    TRY(archive_find(team, &source, 1, &census->archive, err));
    TRY(team_agree(team, census_prepare_local(census, &finding, err), err));
    const size_t count = census->archive.file_count;
    TRY(work_begin(team, count * rank / ranks, count * (rank + 1) / ranks, &work, err));
    TRY(team_agree(team, files_count_local(&finding, work, err), err));
    TRY(census_share(team, &finding, err));
done:
    if (work)
        work_end(work);
    map_clear(&finding.days);
    free(finding.names);
    return status;
}

void census_clear(struct census *census)
{
    archive_clear(&census->archive);
    free(census->pieces);
    free(census->files);
    free(census->days);
    free(census->names);
    *census = (struct census){0};
}
