/* What is remembered of the files for the next run, and the sums over all of them. */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a file's entry ---- */

/* Whether a disk failed, now or when the file was read again: it is forgotten, and new next time. */
static bool has_disk_fault(const struct extraction *run, size_t file)
{
    return run->sums[file][FILE_DISK_FAULTS] != 0 || run->again[file][FILE_DISK_FAULTS] != 0;
}

/* The days of a known file, to which those of its new lines come. */
static enum status days_fill(const struct extraction *run, size_t file, const struct known_file *known,
                             struct known_file *next, struct error *err)
{
    size_t count = known ? known->day_count : 0;
    for (size_t i = 0; i < run->touch_count; i++)
        count += run->touches[i].file == (int64_t)file && run->touches[i].is_new;
    next->days = calloc(count + 1, sizeof *next->days);
    if (!next->days)
        return error_set(err, STATUS_NO_MEMORY, "known.h5", "", "no room for the days of a file");
    size_t at = 0, end = known ? known->day_count : 0;
    for (size_t i = 0; i < run->touch_count; i++) {
        const struct touch *touch = &run->touches[i];
        if (touch->file != (int64_t)file || !touch->is_new)
            continue;
        for (; at < end && known->days[at].day < touch->day; at++)
            next->days[next->day_count++] = known->days[at];
        struct file_day *day = &next->days[next->day_count++];
        *day = (struct file_day){.day = touch->day};
        if (at < end && known->days[at].day == touch->day)
            *day = known->days[at++];
        for (int kind = 0; kind < LINE_COUNTS; kind++)
            day->kinds[kind] += touch->kinds[kind];
    }
    for (; at < end; at++)
        next->days[next->day_count++] = known->days[at];
    return STATUS_OK;
}

/* What this run read of a file comes to what was known of it before, if anything was. */
static void reading_add(const struct extraction *run, size_t file, const struct known_file *known,
                        struct known_file *next)
{
    const int64_t *sums = run->sums[file];
    next->text_bytes = sums[FILE_TEXT_BYTES];
    next->tail_hash = sums[FILE_TAIL_HASH];
    next->ends_inside = sums[FILE_ENDS_INSIDE];
    next->is_broken = sums[FILE_FAULTS] != 0;
    next->from_day = run->plan.first_day;
    next->end_day = run->plan.end_day;
    next->first_ms = run->times[file][0] == INT64_MIN ? INT64_MAX : -run->times[file][0];
    next->last_ms = run->times[file][1];
    next->log_bytes = sums[FILE_BYTES];
    next->fold_guessed = sums[FILE_FOLD_GUESSED];
    memcpy(next->kinds, sums, sizeof next->kinds);
    if (!known)
        return;
    next->from_day = known->from_day > next->from_day ? known->from_day : next->from_day;
    next->end_day = known->end_day < next->end_day ? known->end_day : next->end_day;
    next->first_ms = known->first_ms < next->first_ms ? known->first_ms : next->first_ms;
    next->last_ms = known->last_ms > next->last_ms ? known->last_ms : next->last_ms;
    next->log_bytes += known->log_bytes;
    next->fold_guessed += known->fold_guessed;
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        next->kinds[kind] += known->kinds[kind];
}

static enum status entry_fill(const struct extraction *run, size_t file, struct known_file *next,
                              struct error *err)
{
    const struct archive_file *item = &run->archive.files[file];
    const struct file_state *state = &run->states[file];
    const struct known_file *known = state->known >= 0 ? &run->known.files[state->known] : NULL;
    bool is_double = is_left_out(run, file) && !known;
    *next = known ? *known : (struct known_file){0};
    next->bytes = item->bytes;
    next->mtime_ms = item->mtime_ms;
    next->device = (int64_t)item->device;
    next->inode = (int64_t)item->inode;
    next->compression = item->compression;
    next->source_hash = (int64_t)run->sources[item->source].hash;
    next->id = is_double ? 0 : state->id;
    next->same_as = state->same_as >= 0 ? run->states[state->same_as].id : 0;
    if (!known) {
        next->first_hash = (int64_t)item->text.first_hash;
        next->head_hash = (int64_t)item->text.head_hash;
        next->text_bytes = item->text.bytes;
        next->tail_hash = (int64_t)item->text.tail_hash;
        next->first_ms = INT64_MAX;
        next->last_ms = INT64_MIN;
    }
    if (item->text.is_broken)
        next->is_broken = 1;
    bool is_read = !is_double && (!known || is_grown(run, file));
    if (is_read)
        reading_add(run, file, known, next);
    // The head of a text that was shorter than 64 KiB is longer now.
    if (is_grown(run, file))
        next->head_hash = (int64_t)item->text.head_hash;
    next->days = NULL;
    next->day_count = 0;
    next->path = strdup(item->path);
    if (!next->path)
        return error_set(err, STATUS_NO_MEMORY, "known.h5", "", "no room for a path");
    return days_fill(run, file, known, next, err);
}

/* ---- all entries ---- */

static bool entry_equals(const struct known_file *a, const struct known_file *b)
{
    struct known_file x = *a, y = *b;
    x.path = y.path = NULL;
    x.days = y.days = NULL;
    return strcmp(a->path, b->path) == 0 && memcmp(&x, &y, sizeof x) == 0 &&
           memcmp(a->days, b->days, a->day_count * sizeof *a->days) == 0;
}

/* What is known goes on but for files that are there now, of which what is known now comes instead. */
static enum status entries_make(struct extraction *run, struct known *next, bool *changed, struct error *err)
{
    enum status status = STATUS_OK;
    *changed = false;
    for (size_t i = 0; i < run->known.count; i++) {
        struct known_file *known = &run->known.files[i];
        bool is_gone = run->taken[i] < 0 && known->id != 0;
        for (size_t file = 0; is_gone && file < run->archive.file_count; file++)
            is_gone = run->states[file].id != known->id;
        if (!is_gone)
            continue;
        TRY(array_reserve(&next->files, &next->capacity, next->count + 1, sizeof *next->files, err));
        struct known_file copy = *known;
        copy.path = strdup(known->path);
        copy.days = malloc((known->day_count + 1) * sizeof *copy.days);
        if (copy.days && known->day_count)
            memcpy(copy.days, known->days, known->day_count * sizeof *copy.days);
        next->files[next->count++] = copy;
        if (!copy.path || !copy.days) {
            next->files[next->count - 1].day_count = 0;
            status = error_set(err, STATUS_NO_MEMORY, "known.h5", "", "no room for what is known of a file");
            goto done;
        }
    }
    for (size_t file = 0; file < run->archive.file_count; file++) {
        bool is_unread = run->states[file].is_outside && run->states[file].known < 0;
        if (is_unread || has_disk_fault(run, file))
            continue;
        TRY(array_reserve(&next->files, &next->capacity, next->count + 1, sizeof *next->files, err));
        struct known_file *entry = &next->files[next->count];
        *entry = (struct known_file){0};
        next->count++;
        TRY(entry_fill(run, file, entry, err));
        int64_t known = run->states[file].known;
        *changed = *changed || known < 0 || !entry_equals(entry, &run->known.files[known]);
    }
    *changed = *changed || next->count != run->known.count;
done:
    return status;
}

/* ---- sums ---- */

/* Lines of a file in the days asked for now: what is known of other days counts as outside. */
static void known_kinds(const struct extraction *run, const struct known_file *known,
                        int64_t kinds[LINE_COUNTS])
{
    memcpy(kinds, known->kinds, sizeof known->kinds);
    for (size_t d = 0; d < known->day_count; d++) {
        if (known->days[d].day >= run->plan.first_day && known->days[d].day < run->plan.end_day)
            continue;
        for (int kind = LINES_QUERY; kind <= LINES_REPEATED; kind++) {
            if (kind == LINES_OUTSIDE)
                continue;
            kinds[kind] -= known->days[d].kinds[kind];
            kinds[LINES_OUTSIDE] += known->days[d].kinds[kind];
        }
    }
}

/* Lines of a file: as it was first read, and what came to that since. */
static void file_sums_add(struct extraction *run, size_t file, int64_t kinds[LINE_COUNTS])
{
    struct extract_summary *summary = run->summary;
    int64_t at = run->states[file].known;
    const struct known_file *known = at >= 0 ? &run->known.files[at] : NULL;
    memset(kinds, 0, LINE_COUNTS * sizeof *kinds);
    if (known) {
        known_kinds(run, known, kinds);
        summary->log_bytes += known->log_bytes;
        summary->fold_guessed += known->fold_guessed;
    }
    for (int kind = 0; kind < LINE_COUNTS; kind++) {
        kinds[kind] += run->sums[file][kind];
        summary->kinds[kind] += kinds[kind];
    }
    summary->log_bytes += run->sums[file][FILE_BYTES];
    summary->fold_guessed += run->sums[file][FILE_FOLD_GUESSED];
}

/* A file of which no line was understood is no log, or of a format that is not known. */
static bool is_not_understood(const int64_t kinds[LINE_COUNTS])
{
    int64_t lines = 0;
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        lines += kinds[kind];
    return lines > 0 && lines == kinds[LINES_REJECT];
}

/* Whether all times in a file that was read now are of other days than those asked for. */
static bool is_read_outside(const struct extraction *run, size_t file)
{
    const int64_t *times = run->times[file];
    return times[1] != INT64_MIN && run->states[file].known < 0 &&
           (zone_day_of(run->zone, times[1] / 1000) < run->plan.first_day ||
            zone_day_of(run->zone, -times[0] / 1000) >= run->plan.end_day);
}

static enum status file_tell(struct extraction *run, size_t file, struct error *err)
{
    enum status status = STATUS_OK;
    const struct file_state *state = &run->states[file];
    const char *path = run->archive.files[file].path;
    int64_t kinds[LINE_COUNTS];
    char what[256];
    if (state->same_as >= 0) {
        bool is_skipped = run->job->archive_duplicates == DUPLICATES_SKIP;
        (void)snprintf(what, sizeof what, "%s: its lines are also in %.160s",
                       is_skipped ? "left out" : "counted twice (archive.duplicates)",
                       run->archive.files[state->same_as].path);
        TRY(warning_add(run, path, what, err));
    }
    run->summary->files_outside += state->is_outside || is_read_outside(run, file);
    bool is_known_outside = state->is_outside && state->known >= 0;
    if (is_left_out(run, file) && !is_known_outside)
        return STATUS_OK;
    file_sums_add(run, file, kinds);
    bool is_new = state->known < 0 || is_grown(run, file);
    bool is_broken = run->sums[file][FILE_FAULTS] != 0 || run->again[file][FILE_FAULTS] != 0;
    if (!is_new && !is_broken && run->archive.files[file].text.is_broken) {
        is_broken = true;
        TRY(warning_add(run, path, "is broken; the lines before that are known from an earlier run", err));
    }
    if (is_not_understood(kinds)) {
        (void)snprintf(what, sizeof what, "no line of %" PRId64 " was understood", kinds[LINES_REJECT]);
        TRY(warning_add(run, path, what, err));
        is_broken = true;
    }
    run->summary->files_unusable += is_broken;
done:
    return status;
}

static enum status rows_count_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t count = 0;
    TRY(store_days(run->job->store_dir, &days, &count, err));
    for (size_t i = 0; i < count; i++) {
        int64_t rows = 0;
        if (days[i].day < run->plan.first_day || days[i].day >= run->plan.end_day)
            continue;
        TRY(day_row_count(run->job->store_dir, &days[i], &rows, err));
        run->summary->rows += rows;
    }
done:
    free(days);
    return status;
}

static enum status finish_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct known next = {0};
    bool changed = false;
    TRY(entries_make(run, &next, &changed, err));
    if (changed)
        TRY(known_write(run->job->store_dir, &next, err));
    for (size_t file = 0; file < run->archive.file_count; file++)
        TRY(file_tell(run, file, err));
    TRY(rows_count_local(run, err));
done:
    known_clear(&next);
    return status;
}

enum status known_update(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct extract_summary *summary = run->summary;
    enum status had = team_rank(run->team) == 0 ? finish_local(run, err) : STATUS_OK;
    TRY(team_agree(run->team, had, err));
    int64_t told[LINE_COUNTS + 5] = {summary->log_bytes, summary->fold_guessed, summary->rows,
                                     summary->files_unusable, summary->files_outside};
    memcpy(told + 5, summary->kinds, sizeof summary->kinds);
    team_broadcast(run->team, told, sizeof told, 0);
    summary->log_bytes = told[0];
    summary->fold_guessed = told[1];
    summary->rows = told[2];
    summary->files_unusable = told[3];
    summary->files_outside = told[4];
    memcpy(summary->kinds, told + 5, sizeof summary->kinds);
done:
    return status;
}
