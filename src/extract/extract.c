#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void extract_summary_clear(struct extract_summary *summary)
{
    free(summary->warnings);
    *summary = (struct extract_summary){0};
}

int64_t extract_lines(const struct extract_summary *summary)
{
    int64_t lines = 0;
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        lines += summary->kinds[kind];
    return lines;
}

static enum status room_make_local(struct extraction *run, bool **wanted, struct error *err)
{
    size_t files = run->archive.file_count + 1;
    run->sums = calloc(files, sizeof *run->sums);
    run->again = calloc(files, sizeof *run->again);
    run->times = calloc(files, sizeof *run->times);
    *wanted = calloc(files, sizeof **wanted);
    if (!run->sums || !run->again || !run->times || !*wanted)
        return error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for %zu files", files);
    for (size_t file = 0; file < files; file++)
        run->times[file][0] = run->times[file][1] = INT64_MIN;
    return STATUS_OK;
}

/* Sums by file of all ranks, and what this run parsed. */
static void sums_gather(struct extraction *run)
{
    struct extract_summary *summary = run->summary;
    summary->slowest_bytes = run->done_bytes;
    team_max_i64(run->team, &summary->slowest_bytes, 1);
    summary->log_bytes_parsed = run->done_bytes;
    team_sum_i64(run->team, &summary->log_bytes_parsed, 1);
    team_sum_i64(run->team, &summary->shards_written, 1);
    team_sum_i64(run->team, &summary->shards_kept, 1);
}

int extract_reject_compare(const void *a, const void *b)
{
    const struct extract_reject *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (x->line.offset > y->line.offset) - (x->line.offset < y->line.offset);
}

static int compare_warnings(const void *a, const void *b)
{
    const struct extract_warning *x = a, *y = b;
    int order = strcmp(x->where, y->where);
    return order ? order : strcmp(x->what, y->what);
}

/* In an order that does not depend on who read what; the pieces of one file may tell the same. */
static void warnings_order(struct extract_summary *summary)
{
    size_t kept = 0;
    if (summary->warning_count > 0)
        qsort(summary->warnings, summary->warning_count, sizeof *summary->warnings, compare_warnings);
    for (size_t i = 0; i < summary->warning_count; i++)
        if (kept == 0 || compare_warnings(&summary->warnings[kept - 1], &summary->warnings[i]) != 0)
            summary->warnings[kept++] = summary->warnings[i];
    summary->warning_count = kept;
}

/* The first rejects by file and offset, and all warnings. */
static enum status messages_gather(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct extract_summary *summary = run->summary;
    void *rejects = NULL, *warnings = NULL;
    size_t bytes = 0;
    TRY(team_gather(run->team, summary->rejects, summary->reject_count * sizeof *summary->rejects, &rejects,
                    &bytes, err));
    size_t count = bytes / sizeof *summary->rejects;
    if (count > 0)
        qsort(rejects, count, sizeof *summary->rejects, extract_reject_compare);
    summary->reject_count = count < EXTRACT_REJECTS ? count : EXTRACT_REJECTS;
    if (summary->reject_count > 0)
        memcpy(summary->rejects, rejects, summary->reject_count * sizeof *summary->rejects);
    TRY(team_gather(run->team, summary->warnings, summary->warning_count * sizeof *summary->warnings,
                    &warnings, &bytes, err));
    free(summary->warnings);
    summary->warnings = warnings;
    warnings = NULL;
    summary->warning_count = bytes / sizeof *summary->warnings;
    warnings_order(summary);
done:
    free(rejects);
    free(warnings);
    return status;
}

enum status archive_warnings_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    run->summary->files = (int64_t)(run->archive.file_count + run->archive.unusable_count);
    for (size_t i = 0; i < run->archive.warning_count && team_rank(run->team) == 0; i++)
        TRY(warning_add(run, run->archive.warnings[i].path, run->archive.warnings[i].text, err));
done:
    return status;
}

enum status nothing_usable(const int64_t kinds[LINE_COUNTS], int64_t lines, int64_t files, struct error *err)
{
    const char *hint =
        "see the rejected lines; expected are lines such as: client 10.0.0.1#53 (NAME): query: NAME IN A +";
    if (kinds[LINES_OUTSIDE] + kinds[LINES_UNWATCHED] > 0)
        hint = "check archive.from, archive.to and archive.clients: all queries are outside of these";
    else if (kinds[LINES_UNTIMED] > 0)
        hint = "the lines carry no time: set print-time in named.conf";
    return error_set(err, STATUS_NO_INPUT, "archive", hint,
                     "no usable query in %" PRId64 " lines of %" PRId64 " files", lines, files);
}

/* Whether there is no query that counts, in files that are all new: then nothing is stored, so that the store
 * does not hold the user to settings that were wrong. Sums are the same on all ranks by now. */
static bool barren_sum(struct extraction *run)
{
    struct extract_summary *summary = run->summary;
    for (size_t file = 0; file < run->archive.file_count; file++)
        if (run->states[file].known >= 0 || run->sums[file][LINES_QUERY] > 0)
            return false;
    for (size_t file = 0; file < run->archive.file_count; file++) {
        for (int kind = 0; kind < LINE_COUNTS; kind++)
            summary->kinds[kind] += run->sums[file][kind];
        summary->log_bytes += run->sums[file][FILE_BYTES];
        summary->files_unusable += run->sums[file][FILE_FAULTS] > 0;
    }
    return true;
}

/* First what is new: its days then tell which of the known files must be read again. */
static enum status new_read(struct extraction *run, bool *wanted, struct error *err)
{
    enum status status = STATUS_OK;
    size_t files = run->archive.file_count;
    for (size_t file = 0; file < files; file++)
        wanted[file] = is_to_read(run, file);
    TRY(wanted_read(run, wanted, err));
    team_sum_i64(run->team, &run->sums[0][0], files * FILE_SUMS);
    team_max_i64(run->team, &run->times[0][0], files * 2);
    memset(wanted, 0, files * sizeof *wanted);
done:
    return status;
}

/* Then the known text of files that share a day with it, for those days only. */
static enum status known_read_again(struct extraction *run, const bool *wanted, struct error *err)
{
    enum status status = STATUS_OK;
    size_t files = run->archive.file_count;
    int64_t(*sums)[FILE_SUMS] = run->sums;
    run->only_dirty = true;
    for (size_t file = 0; file < files; file++) {
        run->archive.files[file].from = 0;
        run->archive.files[file].to = run->states[file].from;
    }
    run->sums = run->again;
    status = wanted_read(run, wanted, err);
    run->sums = sums;
    if (status == STATUS_OK)
        team_sum_i64(run->team, &run->again[0][0], files * FILE_SUMS);
    return status;
}

static enum status stored_check_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t count = 0;
    TRY(store_days(run->job->store_dir, &days, &count, err));
    if (count == 0)
        TRY(error_set(err, STATUS_NO_INPUT, run->job->store_dir,
                      "run quern extract first, or leave out --stored", "the store has no day"));
    TRY(setup_local(run, err));
    TRY(settings_check(run, err));
done:
    free(days);
    return status;
}

enum status extract_check(const struct team *team, const struct job *job, const struct zone *zone,
                          struct error *err)
{
    struct extraction run = {.team = team, .job = job, .zone = zone};
    enum status had = team_rank(team) == 0 ? stored_check_local(&run, err) : STATUS_OK;
    setup_clear(&run);
    return team_agree(team, had, err);
}

enum status extract_run(const struct team *team, const struct job *job, const struct zone *zone,
                        extract_progress *progress, void *context, struct extract_summary *summary,
                        struct error *err)
{
    enum status status = STATUS_OK;
    bool *wanted = NULL;
    bool is_barren = false;
    struct extraction run = {.team = team,
                             .job = job,
                             .zone = zone,
                             .progress = team_rank(team) == 0 ? progress : NULL,
                             .progress_context = context,
                             .summary = summary};
    *summary = (struct extract_summary){0};
    TRY(team_agree(team, setup_local(&run, err), err));
    TRY(files_identify(&run, err));
    run.archive.decodes_ahead = archive_spare_cores(team_host_ranks(team)) > 0;
    TRY(team_agree(team, archive_warnings_local(&run, err), err));
    TRY(team_agree(team, room_make_local(&run, &wanted, err), err));
    TRY(new_read(&run, wanted, err));
    is_barren = barren_sum(&run);
    if (!is_barren) {
        TRY(dirty_find(&run, wanted, err));
        TRY(known_read_again(&run, wanted, err));
        TRY(shards_make(&run, err));
    }
    sums_gather(&run);
    if (!is_barren)
        TRY(known_update(&run, err));
    summary->files_unusable += (int64_t)run.archive.unusable_count;
    TRY(messages_gather(&run, err));
    if (summary->kinds[LINES_QUERY] == 0)
        status = nothing_usable(summary->kinds, extract_lines(summary), summary->files, err);
done:
    setup_clear(&run);
    free(wanted);
    return status;
}
