/* What the times of the files say together: gaps, overlaps, copies, another BIND, clocks that were set. */
#include "survey_internal.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Warnings of one kind that are told one by one. */
#define TOLD_MOST 5

#define GAP_LEAST_MS INT64_C(3600000)

static int compare_stretches(const void *a, const void *b)
{
    const struct stretch *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->from_ms != y->from_ms)
        return x->from_ms < y->from_ms ? -1 : 1;
    return (x->to_ms > y->to_ms) - (x->to_ms < y->to_ms);
}

static void time_write(const struct extraction *run, int64_t time_ms, char text[32])
{
    int year = 0, month = 0, date = 0;
    int64_t day = zone_day_of(run->zone, time_ms / 1000);
    int64_t second = time_ms / 1000 + zone_offset_s(run->zone, time_ms / 1000) - day * 86400;
    civil_from_day(day, &year, &month, &date);
    (void)snprintf(text, 32, "%04d-%02d-%02d %02d:%02d", year, month, date, (int)(second / 3600),
                   (int)(second / 60 % 60));
}

/* From the first to the last time of each file, in order of source and time. */
static enum status files_stretch(const struct sampling *sampling, struct stretch **spans, size_t *count,
                                 struct error *err)
{
    const struct archive *archive = &sampling->run->archive;
    *count = 0;
    *spans = calloc(archive->file_count + 1, sizeof **spans);
    if (!*spans)
        return error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu files", archive->file_count);
    for (size_t file = 0; file < archive->file_count; file++) {
        const struct sampled_file *sampled = &sampling->files[file];
        if (sampled->first_ms != SURVEY_NO_TIME)
            (*spans)[(*count)++] =
                (struct stretch){archive->files[file].source, file, sampled->first_ms, sampled->last_ms};
    }
    if (*count > 0)
        qsort(*spans, *count, sizeof **spans, compare_stretches);
    return STATUS_OK;
}

/* When a file ends of which only the head was read: when it was last written, if that agrees with how fast
 * its head grew; a copy bears the time of copying. */
static int64_t end_guess(const struct archive_file *file, const struct sampled_file *sampled, double text)
{
    double pace_ms =
        sampled->head_bytes > 0 ? (double)sampled->head_ms / (double)sampled->head_bytes * text : 0;
    double written_ms = (double)(file->mtime_ms - sampled->first_ms);
    if (written_ms > pace_ms / 10 && written_ms < pace_ms * 10)
        return file->mtime_ms > sampled->last_ms ? file->mtime_ms : sampled->last_ms;
    return sampled->first_ms + (int64_t)fmin(pace_ms, 3.2e11);  // ten years at most
}

/* A compressed file ends where it is guessed to, or where the next one begins. */
static void ends_guess(struct sampling *sampling, struct stretch *spans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sampled_file *sampled = &sampling->files[spans[i].file];
        const struct archive_file *file = &sampling->run->archive.files[spans[i].file];
        if (!sampled->is_last_guessed)
            continue;
        int64_t end_ms = end_guess(file, sampled, file_text_bytes(sampling, file));
        if (i + 1 < count && spans[i + 1].source == spans[i].source && spans[i + 1].from_ms < end_ms)
            end_ms = spans[i + 1].from_ms;
        if (end_ms > sampled->last_ms)
            sampled->last_ms = end_ms;
        spans[i].to_ms = sampled->last_ms;
    }
}

static void gap_keep(struct survey *survey, int64_t from_ms, int64_t to_ms)
{
    const struct survey_gap gap = {from_ms, to_ms};
    survey->gap_count++;
    if (survey->gap_count <= SURVEY_LIST) {
        survey->gaps[survey->gap_count - 1] = gap;
        return;
    }
    int shortest = 0;
    for (int i = 1; i < SURVEY_LIST; i++)
        if (survey->gaps[i].to_ms - survey->gaps[i].from_ms <
            survey->gaps[shortest].to_ms - survey->gaps[shortest].from_ms)
            shortest = i;
    if (to_ms - from_ms <= survey->gaps[shortest].to_ms - survey->gaps[shortest].from_ms)
        return;
    memmove(&survey->gaps[shortest], &survey->gaps[shortest + 1],
            (size_t)(SURVEY_LIST - 1 - shortest) * sizeof gap);
    survey->gaps[SURVEY_LIST - 1] = gap;
}

static void gaps_find(struct sampling *sampling, const struct stretch *spans, size_t count)
{
    int64_t window_ms = sampling->run->plan.window_s * 1000, end_ms = INT64_MIN;
    int64_t least_ms = window_ms > GAP_LEAST_MS ? window_ms : GAP_LEAST_MS;
    for (size_t i = 0; i < count; i++) {
        bool is_first = i == 0 || spans[i - 1].source != spans[i].source;
        if (!is_first && spans[i].from_ms > end_ms + least_ms)
            gap_keep(sampling->survey, end_ms, spans[i].from_ms);
        end_ms = is_first || spans[i].to_ms > end_ms ? spans[i].to_ms : end_ms;
    }
}

/* ---- warnings ---- */

static enum status path_warn(struct sampling *sampling, size_t file, const char *what, struct error *err)
{
    return warning_add(sampling->run, sampling->run->archive.files[file].path, what, err);
}

/* Warns of a file that is a copy of another. */
static enum status copy_tell(struct sampling *sampling, size_t file, size_t other, int64_t *copies,
                             struct error *err)
{
    const struct archive_file *a = &sampling->run->archive.files[file];
    const struct archive_file *b = &sampling->run->archive.files[other];
    char what[200], path[120];
    if (a->bytes != b->bytes || a->text.head_hash != b->text.head_hash ||
        a->text.tail_hash != b->text.tail_hash || (*copies)++ >= TOLD_MOST)
        return STATUS_OK;
    (void)text_for_terminal(b->path, strlen(b->path), path, sizeof path);
    (void)snprintf(what, sizeof what, "is a copy of %s: its lines count twice", path);
    return path_warn(sampling, file, what, err);
}

/* Files that begin before an earlier one has ended, and those that are the same. */
static enum status overlaps_tell(struct sampling *sampling, const struct stretch *spans, size_t count,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    int64_t end_ms = INT64_MIN, copies = 0;
    size_t owner = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_first = i == 0 || spans[i - 1].source != spans[i].source;
        if (!is_first && spans[i].from_ms < end_ms) {
            sampling->survey->overlap_count++;
            TRY(copy_tell(sampling, spans[i].file, owner, &copies, err));
        }
        if (is_first || spans[i].to_ms > end_ms) {
            end_ms = spans[i].to_ms;
            owner = spans[i].file;
        }
    }
done:
    return status;
}

static enum status forms_tell(struct sampling *sampling, const struct stretch *spans, size_t count,
                              struct error *err)
{
    enum status status = STATUS_OK;
    int form = 0;
    char at[32], what[200];
    for (size_t i = 0; i < count; i++) {
        bool is_first = i == 0 || spans[i - 1].source != spans[i].source;
        int next = sampling->files[spans[i].file].form;
        if (!is_first && form_is_upgrade(form, next)) {
            time_write(sampling->run, spans[i].from_ms, at);
            (void)snprintf(what, sizeof what,
                           "another version of BIND from %s on: newer ones write more flags, which rows show",
                           at);
            TRY(path_warn(sampling, spans[i].file, what, err));
        }
        form = next ? next : is_first ? 0 : form;
    }
done:
    return status;
}

/* Files in which no client is watched, and those in which the clock was put back. */
static enum status files_tell(struct sampling *sampling, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t unwatched = 0, steps = 0, silent = 0;
    char at[32], what[200];
    for (size_t file = 0; file < sampling->run->archive.file_count; file++) {
        const struct sampled_file *sampled = &sampling->files[file];
        if (sampled->is_sampled && sampled->queries == 0 && silent++ < TOLD_MOST)
            TRY(path_warn(sampling, file, "no query in what was read of it", err));
        if (sampled->queries > 0 && sampled->watched == 0 && unwatched++ < TOLD_MOST)
            TRY(path_warn(sampling, file,
                          "no query of a client of archive.clients between archive.from and archive.to",
                          err));
        if (sampled->steps == 0 || steps++ >= TOLD_MOST)
            continue;
        time_write(sampling->run, sampled->step_ms, at);
        (void)snprintf(what, sizeof what,
                       "the time goes back by more than 10 s, first to %s (%" PRId64
                       " times in the samples): was the clock set?",
                       at, sampled->steps);
        TRY(path_warn(sampling, file, what, err));
    }
    if (silent + unwatched + steps > 3 * TOLD_MOST)
        TRY(warning_add(sampling->run, "archive", "more files like these are not listed", err));
done:
    return status;
}

/* Local times of a source whose zone nobody gave. */
static enum status zone_tell(struct sampling *sampling, struct error *err)
{
    const struct extraction *run = sampling->run;
    for (size_t file = 0; file < run->archive.file_count; file++) {
        size_t source = run->archive.files[file].source;
        bool is_given = run->job->archive_sources.count
                            ? run->job->archive_sources.items[source].timezone != NULL
                            : run->job->archive_timezone != NULL;
        sampling->survey->has_local_time |= sampling->files[file].is_local;
        if (sampling->files[file].is_local && !is_given)
            return warning_add(sampling->run, "archive.timezone",
                               "not given, but time stamps are local times: they are taken for UTC", err);
    }
    return STATUS_OK;
}

enum status times_tell(struct sampling *sampling, struct error *err)
{
    enum status status = STATUS_OK;
    struct survey *survey = sampling->survey;
    struct stretch *spans = NULL;
    size_t count = 0;
    TRY(files_stretch(sampling, &spans, &count, err));
    ends_guess(sampling, spans, count);
    for (size_t i = 0; i < count; i++) {
        bool is_first = survey->first_ms == SURVEY_NO_TIME;
        survey->first_ms =
            is_first || spans[i].from_ms < survey->first_ms ? spans[i].from_ms : survey->first_ms;
        survey->last_ms = spans[i].to_ms > survey->last_ms ? spans[i].to_ms : survey->last_ms;
    }
    if (count > 0)
        survey->days = zone_day_of(sampling->run->zone, survey->last_ms / 1000) -
                       zone_day_of(sampling->run->zone, survey->first_ms / 1000) + 1;
    if (survey->is_whole) {
        if (sampling->stretch_count > 0)
            qsort(sampling->stretches, sampling->stretch_count, sizeof *sampling->stretches,
                  compare_stretches);
        gaps_find(sampling, sampling->stretches, sampling->stretch_count);
    } else {
        gaps_find(sampling, spans, count);
    }
    TRY(overlaps_tell(sampling, spans, count, err));
    TRY(forms_tell(sampling, spans, count, err));
    TRY(zone_tell(sampling, err));
    TRY(files_tell(sampling, err));
done:
    free(spans);
    return status;
}
