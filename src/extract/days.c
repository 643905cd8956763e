/* Which files the store knows, which days are made anew, and what is remembered afterwards. */
#include "internal.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t file_identity(const struct extraction *run, size_t file)
{
    const struct archive_file *item = &run->archive.files[file];
    const uint64_t content[4] = {(uint64_t)item->bytes, item->text.head_hash, item->text.tail_hash,
                                 run->sources[item->source].hash};
    return content_hash(content, sizeof content);
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

bool is_dirty(const struct extraction *run, int64_t day)
{
    return bsearch(&day, run->dirty, run->dirty_count, sizeof *run->dirty, compare_i64) != NULL;
}

/* ---- settings ---- */

/* Tells the first setting in which the store and the job differ. */
static enum status settings_compare(const struct extraction *run, const char *stored, struct error *err)
{
    const char *ours = run->settings, *theirs = stored;
    while (*ours) {
        size_t our_line = strcspn(ours, "\n"), their_line = strcspn(theirs, "\n");
        if (our_line != their_line || memcmp(ours, theirs, our_line) != 0)
            return error_set(err, STATUS_MISMATCH, run->job->store_dir,
                             "use another store.dir, or the settings that the store was made with",
                             "the store has %.*s, the job %.*s", (int)their_line, theirs, (int)our_line,
                             ours);
        ours += our_line + (ours[our_line] == '\n');
        theirs += their_line + (theirs[their_line] == '\n');
    }
    return STATUS_OK;
}

/* A store whose settings differ is refused before a log is read, also when none of its days is asked for. */
static enum status settings_check(const struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t day_count = 0, input_count = 0;
    char *settings = NULL;
    uint64_t *inputs = NULL;
    TRY(store_days(run->job->store_dir, &days, &day_count, err));
    if (day_count == 0)
        goto done;
    TRY(shard_origin_read(run->job->store_dir, &days[0], &settings, &inputs, &input_count, err));
    TRY(settings_compare(run, settings, err));
done:
    free(days);
    free(settings);
    free(inputs);
    return status;
}

/* ---- known files ---- */

/* A file is known by its content and by how its lines are read, and only if all days that are asked for now
 * were asked for then. */
static int64_t known_match(const struct extraction *run, size_t file)
{
    const struct archive_file *item = &run->archive.files[file];
    for (size_t i = 0; i < run->known.count; i++) {
        const struct known_file *known = &run->known.files[i];
        if (known->bytes == item->bytes && known->head_hash == item->text.head_hash &&
            known->tail_hash == item->text.tail_hash &&
            known->source_hash == run->sources[item->source].hash && known->from_day <= run->plan.first_day &&
            known->end_day >= run->plan.end_day)
            return (int64_t)i;
    }
    return -1;
}

static enum status known_find_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(settings_check(run, err));
    TRY(known_read(run->job->store_dir, &run->known, err));
    for (size_t file = 0; file < run->archive.file_count; file++)
        run->known_of[file] = known_match(run, file);
done:
    return status;
}

enum status known_find(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    size_t files = run->archive.file_count;
    run->known_of = calloc(files + 1, sizeof *run->known_of);
    enum status had =
        run->known_of ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "archive", "", "no room for files");
    TRY(team_agree(run->team, had, err));
    had = team_rank(run->team) == 0 ? known_find_local(run, err) : STATUS_OK;
    TRY(team_agree(run->team, had, err));
    team_broadcast(run->team, run->known_of, files * sizeof *run->known_of, 0);
done:
    return status;
}

/* ---- dirty days ---- */

static int compare_touches(const void *a, const void *b)
{
    const struct touch *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->file > y->file) - (x->file < y->file);
}

/* All touches of all ranks and of known files, ordered by day and file, each once. */
static enum status touches_gather(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    void *all = NULL;
    size_t bytes = 0, kept = 0;
    TRY(team_gather(run->team, run->touches, run->touch_count * sizeof *run->touches, &all, &bytes, err));
    free(run->touches);
    run->touches = all;
    run->touch_count = run->touch_capacity = bytes / sizeof *run->touches;
    if (run->touch_count > 0)
        qsort(run->touches, run->touch_count, sizeof *run->touches, compare_touches);
    for (size_t i = 0; i < run->touch_count; i++)
        if (kept == 0 || compare_touches(&run->touches[kept - 1], &run->touches[i]) != 0)
            run->touches[kept++] = run->touches[i];
    run->touch_count = kept;
done:
    return status;
}

/* The known files' days, noted by rank 0 as if it had read them. */
static enum status known_touches_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t file = 0; file < run->archive.file_count; file++) {
        if (run->known_of[file] < 0)
            continue;
        const struct known_file *known = &run->known.files[run->known_of[file]];
        for (size_t d = 0; d < known->day_count; d++) {
            if (known->days[d] < run->plan.first_day || known->days[d] >= run->plan.end_day)
                continue;
            TRY(array_reserve(&run->touches, &run->touch_capacity, run->touch_count + 1, sizeof *run->touches,
                              err));
            run->touches[run->touch_count++] = (struct touch){(int64_t)file, known->days[d]};
        }
    }
done:
    return status;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Whether the stored day was made of all files that touch it now. Files that are gone since do not matter:
 * their lines are in the store, and nowhere else. */
static enum status day_is_kept(struct extraction *run, const struct store_day *stored,
                               const struct touch *touches, size_t count, bool *kept, struct error *err)
{
    enum status status = STATUS_OK;
    char *settings = NULL;
    uint64_t *inputs = NULL;
    size_t input_count = 0;
    *kept = true;
    TRY(shard_origin_read(run->job->store_dir, stored, &settings, &inputs, &input_count, err));
    TRY(settings_compare(run, settings, err));
    for (size_t i = 0; i < count; i++) {
        uint64_t id = file_identity(run, (size_t)touches[i].file);
        if (run->known_of[touches[i].file] < 0 || !bsearch(&id, inputs, input_count, sizeof id, compare_u64))
            *kept = false;
    }
done:
    free(settings);
    free(inputs);
    return status;
}

static enum status dirty_find_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t day_count = 0, at = 0, capacity = 0;
    TRY(store_days(run->job->store_dir, &days, &day_count, err));
    for (size_t from = 0, to = 0; from < run->touch_count; from = to) {
        int64_t day = run->touches[from].day;
        bool kept = false;
        while (to < run->touch_count && run->touches[to].day == day)
            to++;
        while (at < day_count && days[at].day < day)
            at++;
        if (at < day_count && days[at].day == day && days[at].parts == run->plan.parts)
            TRY(day_is_kept(run, &days[at], &run->touches[from], to - from, &kept, err));
        run->summary->shards_kept += kept ? run->plan.parts : 0;
        if (kept)
            continue;
        TRY(array_reserve(&run->dirty, &capacity, run->dirty_count + 1, sizeof *run->dirty, err));
        run->dirty[run->dirty_count++] = day;
    }
done:
    free(days);
    return status;
}

enum status dirty_find(struct extraction *run, bool *read_again, struct error *err)
{
    enum status status = STATUS_OK;
    void *dirty = NULL;
    size_t bytes = 0;
    enum status had = team_rank(run->team) == 0 ? known_touches_local(run, err) : STATUS_OK;
    TRY(team_agree(run->team, had, err));
    TRY(touches_gather(run, err));
    had = team_rank(run->team) == 0 ? dirty_find_local(run, err) : STATUS_OK;
    TRY(team_agree(run->team, had, err));
    TRY(team_gather(run->team, run->dirty, run->dirty_count * sizeof *run->dirty, &dirty, &bytes, err));
    free(run->dirty);
    run->dirty = dirty;
    run->dirty_count = bytes / sizeof *run->dirty;
    for (size_t i = 0; i < run->touch_count; i++)
        if (run->known_of[run->touches[i].file] >= 0 && is_dirty(run, run->touches[i].day))
            read_again[run->touches[i].file] = true;
done:
    return status;
}

/* ---- afterwards ---- */

static enum status known_file_fill(struct extraction *run, size_t file, struct known_file *known,
                                   struct error *err)
{
    const struct archive_file *item = &run->archive.files[file];
    size_t count = 0;
    *known = (struct known_file){.path = strdup(item->path),
                                 .bytes = item->bytes,
                                 .mtime_ms = item->mtime_ms,
                                 .device = item->device,
                                 .inode = item->inode,
                                 .head_hash = item->text.head_hash,
                                 .tail_hash = item->text.tail_hash,
                                 .source_hash = run->sources[item->source].hash,
                                 .from_day = run->plan.first_day,
                                 .end_day = run->plan.end_day,
                                 .log_bytes = run->sums[file][FILE_BYTES],
                                 .fold_guessed = run->sums[file][FILE_FOLD_GUESSED]};
    memcpy(known->kinds, run->sums[file], sizeof known->kinds);
    for (size_t i = 0; i < run->touch_count; i++)
        count += run->touches[i].file == (int64_t)file;
    known->days = malloc((count + 1) * sizeof *known->days);
    if (!known->path || !known->days)
        return error_set(err, STATUS_NO_MEMORY, item->path, "", "no room for what is known of a file");
    for (size_t i = 0; i < run->touch_count; i++)
        if (run->touches[i].file == (int64_t)file)
            known->days[known->day_count++] = run->touches[i].day;
    return STATUS_OK;
}

/* New files come to those known; of a known file its place is renewed. */
static enum status known_update_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    bool changed = false;
    for (size_t file = 0; file < run->archive.file_count; file++) {
        if (run->known_of[file] >= 0 || run->sums[file][FILE_FAULTS])
            continue;  // a file with a fault is read again next time
        struct known *known = &run->known;
        TRY(array_reserve(&known->files, &known->capacity, known->count + 1, sizeof *known->files, err));
        known->files[known->count] = (struct known_file){0};
        run->known_of[file] = (int64_t)known->count++;
        TRY(known_file_fill(run, file, &known->files[run->known_of[file]], err));
        changed = true;
    }
    if (changed)
        TRY(known_write(run->job->store_dir, &run->known, err));
done:
    return status;
}

/* Lines of a file: as it was first read, when it was known before. */
static void file_sums_add(struct extraction *run, size_t file)
{
    struct extract_summary *summary = run->summary;
    const int64_t *sums = run->sums[file];
    const struct known_file *known = run->known_of[file] >= 0 ? &run->known.files[run->known_of[file]] : NULL;
    for (int kind = 0; kind < LINE_COUNTS; kind++)
        summary->kinds[kind] += known ? known->kinds[kind] : sums[kind];
    summary->log_bytes += known ? known->log_bytes : sums[FILE_BYTES];
    summary->fold_guessed += known ? known->fold_guessed : sums[FILE_FOLD_GUESSED];
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
    TRY(known_update_local(run, err));
    for (size_t file = 0; file < run->archive.file_count; file++) {
        file_sums_add(run, file);
        run->summary->files_unusable += run->sums[file][FILE_FAULTS] != 0;
    }
    TRY(rows_count_local(run, err));
done:
    return status;
}

enum status known_update(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct extract_summary *summary = run->summary;
    enum status had = team_rank(run->team) == 0 ? finish_local(run, err) : STATUS_OK;
    TRY(team_agree(run->team, had, err));
    int64_t told[LINE_COUNTS + 4] = {summary->log_bytes, summary->fold_guessed, summary->rows,
                                     summary->files_unusable};
    memcpy(told + 4, summary->kinds, sizeof summary->kinds);
    team_broadcast(run->team, told, sizeof told, 0);
    summary->log_bytes = told[0];
    summary->fold_guessed = told[1];
    summary->rows = told[2];
    summary->files_unusable = told[3];
    memcpy(summary->kinds, told + 4, sizeof summary->kinds);
done:
    return status;
}
