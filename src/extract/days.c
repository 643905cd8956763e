/* Which days are made anew, and which known files must be read again for them. */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t dirty_index(const struct extraction *run, int64_t day)
{
    const int64_t *found = run->dirty_count > 0
                               ? bsearch(&day, run->dirty, run->dirty_count, sizeof *run->dirty, compare_i64)
                               : NULL;
    return found ? found - run->dirty : -1;
}

bool is_dirty(const struct extraction *run, int64_t day)
{
    return dirty_index(run, day) >= 0;
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

enum status settings_check(const struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t day_count = 0, input_count = 0;
    char *settings = NULL;
    uint64_t *inputs = NULL;
    size_t at = 0;
    TRY(store_days(run->job->store_dir, &days, &day_count, err));
    // Days of an older version do not bind anybody: they are made anew.
    for (int64_t version = 0; at < day_count && version < TABLE_VERSION; at += version < TABLE_VERSION)
        TRY(shard_version_read(run->job->store_dir, &days[at], &version, err));
    if (at == day_count)
        goto done;
    TRY(shard_origin_read(run->job->store_dir, &days[at], &settings, &inputs, &input_count, err));
    TRY(settings_compare(run, settings, err));
done:
    free(days);
    free(settings);
    free(inputs);
    return status;
}

/* ---- dirty days ---- */

static int compare_touches(const void *a, const void *b)
{
    const struct touch *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->is_new > y->is_new) - (x->is_new < y->is_new);
}

/* All touches of all ranks and of known files, ordered by day and file, those of several pieces added up. */
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
    for (size_t i = 0; i < run->touch_count; i++) {
        if (kept == 0 || compare_touches(&run->touches[kept - 1], &run->touches[i]) != 0) {
            run->touches[kept++] = run->touches[i];
            continue;
        }
        for (int kind = 0; kind < LINE_COUNTS; kind++)
            run->touches[kept - 1].kinds[kind] += run->touches[i].kinds[kind];
    }
    run->touch_count = kept;
done:
    return status;
}

/* The known files' days, noted by rank 0 as if it had read them. */
static enum status known_touches_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t file = 0; file < run->archive.file_count; file++) {
        if (run->states[file].known < 0 || is_left_out(run, file))
            continue;
        const struct known_file *known = &run->known.files[run->states[file].known];
        for (size_t d = 0; d < known->day_count; d++) {
            if (known->days[d].day < run->plan.first_day || known->days[d].day >= run->plan.end_day)
                continue;
            TRY(array_reserve(&run->touches, &run->touch_capacity, run->touch_count + 1, sizeof *run->touches,
                              err));
            run->touches[run->touch_count++] = (struct touch){(int64_t)file, known->days[d].day, 0, {0}};
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

/* What a stored day and the files of now say of each other. */
enum day_fate { DAY_IS_KEPT, DAY_IS_MADE, DAY_CAME_LATE };

/* Whether a file has taken a known one's place: it has its name and times, but another text. */
static bool is_replaced(const struct extraction *run, const struct known_file *known)
{
    for (size_t file = 0; file < run->archive.file_count; file++)
        if (strcmp(run->archive.files[file].path, known->path) == 0)
            return run->states[file].known < 0 && run->states[file].id != known->id &&
                   -run->times[file][0] <= known->last_ms && run->times[file][1] >= known->first_ms;
    return false;
}

/* Whether a shard was made of a file that is gone: made anew without it, the day would lose its lines. */
static bool has_gone_input(const struct extraction *run, const uint64_t *inputs, size_t count)
{
    for (size_t i = 0; i < run->known.count; i++) {
        const struct known_file *known = &run->known.files[i];
        uint64_t id = (uint64_t)known->id;
        if (run->taken[i] < 0 && id != 0 && bsearch(&id, inputs, count, sizeof id, compare_u64) &&
            !is_replaced(run, known))
            return true;
    }
    return false;
}

/* Whether all files that a day was made of are there: what is known of them may be gone with an older
 * version. */
static bool has_all_inputs(const struct extraction *run, const uint64_t *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_there = inputs[i] == INPUT_INCOMPLETE;
        for (size_t file = 0; !is_there && file < run->archive.file_count; file++)
            is_there = (uint64_t)run->states[file].id == inputs[i];
        if (!is_there)
            return false;
    }
    return true;
}

/* Whether the stored day was made of all files that touch it now. Files that are gone since do not matter:
 * their lines are in the store, and nowhere else. */
static enum status day_judge(struct extraction *run, const struct store_day *stored,
                             const struct touch *touches, size_t count, enum day_fate *fate,
                             struct error *err)
{
    enum status status = STATUS_OK;
    char *settings = NULL;
    uint64_t *inputs = NULL;
    size_t input_count = 0;
    int64_t version = 0;
    TRY(shard_version_read(run->job->store_dir, stored, &version, err));
    *fate = version < TABLE_VERSION ? DAY_IS_MADE : DAY_IS_KEPT;
    TRY(shard_origin_read(run->job->store_dir, stored, &settings, &inputs, &input_count, err));
    if (version == TABLE_VERSION)
        TRY(settings_compare(run, settings, err));
    for (size_t i = 0; i < count; i++) {
        uint64_t id = (uint64_t)run->states[touches[i].file].id;
        if (touches[i].is_new || !bsearch(&id, inputs, input_count, sizeof id, compare_u64))
            *fate = DAY_IS_MADE;
    }
    if (input_count > 0 && inputs[0] == INPUT_INCOMPLETE)
        *fate = DAY_IS_MADE;
    else if (*fate == DAY_IS_MADE && has_gone_input(run, inputs, input_count))
        *fate = DAY_CAME_LATE;
    if (version < TABLE_VERSION && !has_all_inputs(run, inputs, input_count))
        *fate = DAY_CAME_LATE;
done:
    free(settings);
    free(inputs);
    return status;
}

/* New lines of a day that cannot be made anew are told, and count as outside; that they are of this day is
 * forgotten. */
static enum status late_note(struct extraction *run, struct touch *touches, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        char what[256];
        int64_t lines = 0;
        for (int kind = LINES_QUERY; touches[i].is_new && kind <= LINES_REPEATED; kind++) {
            if (kind == LINES_OUTSIDE)
                continue;
            lines += touches[i].kinds[kind];
            run->sums[touches[i].file][kind] -= touches[i].kinds[kind];
        }
        run->sums[touches[i].file][LINES_OUTSIDE] += lines;
        if (!touches[i].is_new || lines == 0)
            continue;
        int year = 0, month = 0, day = 0;
        civil_from_day(touches[i].day, &year, &month, &day);
        (void)snprintf(what, sizeof what,
                       "has %" PRId64
                       " queries of %04d-%02d-%02d, which is kept as it is: other logs that it "
                       "was made of are gone",
                       lines, year, month, day);
        TRY(warning_add(run, run->archive.files[touches[i].file].path, what, err));
        touches[i].file = -1;
    }
done:
    return status;
}

/* Tells which stored days are of an older version, before they are made anew: those of which a log is there.
 */
static enum status older_tell(struct extraction *run, const struct store_day *days, size_t count,
                              struct error *err)
{
    enum status status = STATUS_OK;
    size_t made = 0, stay = 0, at = 0;
    int64_t version = 0, oldest = TABLE_VERSION;
    char what[256];
    for (size_t i = 0; i < count; i++) {
        TRY(shard_version_read(run->job->store_dir, &days[i], &version, err));
        if (version == TABLE_VERSION)
            continue;
        oldest = version < oldest ? version : oldest;
        while (at < run->dirty_count && run->dirty[at] < days[i].day)
            at++;
        *(at < run->dirty_count && run->dirty[at] == days[i].day ? &made : &stay) += 1;
    }
    if (made > 0) {
        (void)snprintf(what, sizeof what,
                       "%zu days have tables of version %" PRId64
                       ", this quern has %d: made anew from their logs",
                       made, oldest, TABLE_VERSION);
        TRY(warning_add(run, run->job->store_dir, what, err));
    }
    if (stay > 0) {
        (void)snprintf(what, sizeof what,
                       "%zu days have tables of version %" PRId64
                       ", this quern has %d, and stay as they are: their logs are "
                       "not all among the job's; they cannot be read (quern prune removes old days)",
                       stay, oldest, TABLE_VERSION);
        TRY(warning_add(run, run->job->store_dir, what, err));
    }
done:
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
        enum day_fate fate = DAY_IS_MADE;
        while (to < run->touch_count && run->touches[to].day == day)
            to++;
        while (at < day_count && days[at].day < day)
            at++;
        if (at < day_count && days[at].day == day && days[at].parts == run->plan.parts)
            TRY(day_judge(run, &days[at], &run->touches[from], to - from, &fate, err));
        if (fate == DAY_CAME_LATE)
            TRY(late_note(run, &run->touches[from], to - from, err));
        run->summary->shards_kept += fate != DAY_IS_MADE ? run->plan.parts : 0;
        if (fate != DAY_IS_MADE)
            continue;
        TRY(array_reserve(&run->dirty, &capacity, run->dirty_count + 1, sizeof *run->dirty, err));
        run->dirty[run->dirty_count++] = day;
    }
    if (run->known.is_older)
        TRY(older_tell(run, days, day_count, err));
done:
    free(days);
    return status;
}

enum status dirty_find(struct extraction *run, bool *read_again, struct error *err)
{
    enum status status = STATUS_OK;
    void *dirty = NULL;
    size_t bytes = 0, kept = 0;
    enum status had = team_rank(run->team) == 0 ? known_touches_local(run, err) : STATUS_OK;
    TRY(team_agree(run->team, had, err));
    TRY(touches_gather(run, err));
    had = team_rank(run->team) == 0 ? dirty_find_local(run, err) : STATUS_OK;
    TRY(team_agree(run->team, had, err));
    TRY(team_gather(run->team, run->dirty, run->dirty_count * sizeof *run->dirty, &dirty, &bytes, err));
    free(run->dirty);
    run->dirty = dirty;
    run->dirty_count = bytes / sizeof *run->dirty;
    team_broadcast(run->team, run->touches, run->touch_count * sizeof *run->touches, 0);
    for (size_t i = 0; i < run->touch_count; i++)
        if (run->touches[i].file >= 0)
            run->touches[kept++] = run->touches[i];
    run->touch_count = kept;
    for (size_t i = 0; i < run->touch_count; i++)
        if (!run->touches[i].is_new && is_dirty(run, run->touches[i].day))
            read_again[run->touches[i].file] = true;
done:
    return status;
}
