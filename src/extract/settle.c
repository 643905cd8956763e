/* From partial tallies to shards: everything to the day's owner, who knows then what is kept of whom; with
 * that who asked first; then the owner finishes and writes. */
#include "internal.h"

#include "base/folder.h"

#include <stdlib.h>

/* The rank that finishes and writes a shard: they take turns; -1 for a day that is not made. */
static int shard_owner(const struct extraction *run, int64_t day, int part)
{
    int64_t at = dirty_index(run, day);
    return at < 0 ? -1 : (int)((at * run->plan.parts + part) % team_size(run->team));
}

/* ---- misses ---- */

static enum status misses_sort_local(const struct extraction *run, struct miss **sorted, size_t *counts,
                                     struct error *err)
{
    size_t count = 0;
    int ranks = team_size(run->team);
    const struct miss *misses = tallies_misses(run->tallies, &count);
    size_t *next = calloc((size_t)ranks, sizeof *next);
    *sorted = malloc((count + 1) * sizeof **sorted);
    if (!misses || !next || !*sorted) {
        free(next);
        return error_set(err, STATUS_NO_MEMORY, "repeated queries", "use more ranks",
                         "no room for %zu questions", count);
    }
    for (size_t i = 0; i < count; i++)
        counts[miss_owner(&misses[i], ranks)] += sizeof **sorted;
    for (int rank = 1; rank < ranks; rank++)
        next[rank] = next[rank - 1] + counts[rank - 1] / sizeof **sorted;
    for (size_t i = 0; i < count; i++)
        (*sorted)[next[miss_owner(&misses[i], ranks)]++] = misses[i];
    free(next);
    return STATUS_OK;
}

/* The least and largest hashes that the owners of shards keep, together on every rank. */
static enum status bounds_share(struct extraction *run, struct name_bound **bounds, size_t *count,
                                struct error *err)
{
    enum status status = STATUS_OK;
    struct name_bound *mine = NULL;
    void *all = NULL;
    size_t mine_count = 0, bytes = 0;
    TRY(team_agree(run->team, tallies_bounds(run->tallies, &mine, &mine_count, err), err));
    TRY(team_gather(run->team, mine, mine_count * sizeof *mine, &all, &bytes, err));
    *bounds = all;
    *count = bytes / sizeof *mine;
done:
    free(mine);
    return status;
}

static int win_owner(const void *item, int ranks, const void *context)
{
    const struct win *win = item;
    const struct extraction *run = context;
    const int owner = shard_owner(run, win->day, win_part(win, run->plan.parts));
    return owner < 0 ? 0 : owner % ranks;
}

static enum status misses_settle(struct extraction *run, size_t *counts, size_t *in, struct error *err)
{
    enum status status = STATUS_OK;
    int ranks = team_size(run->team);
    struct miss *sorted = NULL;
    struct name_bound *bounds = NULL;
    struct win *wins = NULL;
    void *arrived = NULL, *won = NULL;
    size_t bytes = 0, bound_count = 0, win_count = 0;
    TRY(bounds_share(run, &bounds, &bound_count, err));
    TRY(team_agree(run->team, misses_sort_local(run, &sorted, counts, err), err));
    TRY(team_exchange(run->team, sorted, counts, &arrived, in, err));
    free(sorted);
    sorted = NULL;
    for (int rank = 0; rank < ranks; rank++)
        bytes += in[rank];
    TRY(team_agree(run->team,
                   tallies_settle(run->tallies, arrived, bytes / sizeof *sorted, bounds, bound_count, &wins,
                                  &win_count, err),
                   err));
    free(arrived);
    arrived = NULL;
    TRY(team_deal(run->team, wins, win_count, sizeof *wins, win_owner, run, &won, &win_count, err));
    TRY(team_agree(run->team, tallies_wins(run->tallies, won, win_count, err), err));
done:
    free(sorted);
    free(bounds);
    free(arrived);
    free(wins);
    free(won);
    return status;
}

/* ---- tallies ---- */

/* Forgets the lines of days that are kept as they are. */
static void tallies_forget_local(struct extraction *run)
{
    for (size_t at = 0; at < tallies_count(run->tallies); at++) {
        int64_t day = 0;
        int part = 0;
        if (!tallies_shard(run->tallies, at, &day, &part) || is_dirty(run, day))
            continue;
        tallies_drop(run->tallies, at);
        tallies_forget_misses(run->tallies, day);
    }
}

/* Packs all shards of other ranks, by rank, and forgets them here. */
static enum status tallies_pack_local(struct extraction *run, unsigned char **bytes, size_t *counts,
                                      struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0, capacity = 0;
    int ranks = team_size(run->team), mine = team_rank(run->team);
    tallies_forget_local(run);
    for (int rank = 0; rank < ranks; rank++) {
        size_t before = count;
        for (size_t at = 0; at < tallies_count(run->tallies) && rank != mine; at++) {
            int64_t day = 0;
            int part = 0;
            if (!tallies_shard(run->tallies, at, &day, &part) || shard_owner(run, day, part) != rank)
                continue;
            TRY(tallies_pack(run->tallies, at, bytes, &count, &capacity, err));
            tallies_drop(run->tallies, at);
        }
        counts[rank] = count - before;
    }
done:
    return status;
}

static enum status tallies_send(struct extraction *run, size_t *counts, size_t *in, struct error *err)
{
    enum status status = STATUS_OK;
    unsigned char *bytes = NULL;
    void *arrived = NULL;
    size_t total = 0;
    TRY(team_agree(run->team, tallies_pack_local(run, &bytes, counts, err), err));
    TRY(team_exchange(run->team, bytes, counts, &arrived, in, err));
    free(bytes);
    bytes = NULL;
    for (int rank = 0; rank < team_size(run->team); rank++)
        total += in[rank];
    TRY(team_agree(run->team, tallies_merge(run->tallies, arrived, total, err), err));
done:
    free(bytes);
    free(arrived);
    return status;
}

/* What is kept of whom, in the shards that are whole by now; alone, also who asked first. */
static enum status limits_settle_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t at = 0; at < tallies_count(run->tallies); at++) {
        int64_t day = 0;
        int part = 0;
        if (tallies_shard(run->tallies, at, &day, &part))
            TRY(tallies_limit(run->tallies, at, err));
    }
    for (size_t i = 0; i < run->dirty_count && team_size(run->team) == 1; i++)
        TRY(tallies_settle_day(run->tallies, run->dirty[i], err));
done:
    return status;
}

/* ---- writing ---- */

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Identities of the files with lines of a day, ascending, each once; INPUT_INCOMPLETE before them when a disk
 * failed while one of them was read. */
static enum status inputs_of(const struct extraction *run, int64_t day, uint64_t **inputs, size_t *count,
                             struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0, read = 0;
    for (size_t i = 0; i < run->touch_count; i++) {
        const struct touch *touch = &run->touches[i];
        if (touch->day != day)
            continue;
        TRY(array_reserve(inputs, &capacity, read + 2, sizeof **inputs, err));
        (*inputs)[read++] = (uint64_t)run->states[touch->file].id;
        if (run->sums[touch->file][FILE_DISK_FAULTS] || run->again[touch->file][FILE_DISK_FAULTS])
            (*inputs)[read++] = INPUT_INCOMPLETE;
    }
    if (read > 0)
        qsort(*inputs, read, sizeof **inputs, compare_ids);
    *count = 0;
    for (size_t i = 0; i < read; i++)
        if (*count == 0 || (*inputs)[*count - 1] != (*inputs)[i])
            (*inputs)[(*count)++] = (*inputs)[i];
done:
    return status;
}

static enum status shard_finish(struct extraction *run, int64_t day, int part, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    uint64_t *inputs = NULL;
    size_t at = 0, input_count = 0;
    TRY(tallies_touch(run->tallies, day, part, &at, err));
    TRY(tallies_finish(run->tallies, at, &table, err));
    tallies_drop(run->tallies, at);
    TRY(inputs_of(run, day, &inputs, &input_count, err));
    struct shard_origin origin = {run->settings, inputs, input_count};
    TRY(shard_write(run->job->store_dir, &table, run->plan.parts, &origin, err));
    run->summary->shards_written++;
done:
    day_table_clear(&table);
    free(inputs);
    return status;
}

static enum status shards_write_local(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(folder_make(run->job->store_dir, err));
    for (size_t i = 0; i < run->dirty_count; i++)
        for (int part = 0; part < run->plan.parts; part++)
            if (shard_owner(run, run->dirty[i], part) == team_rank(run->team))
                TRY(shard_finish(run, run->dirty[i], part, err));
done:
    return status;
}

enum status shards_make(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    size_t ranks = (size_t)team_size(run->team);
    size_t *counts = calloc(4 * ranks, sizeof *counts);
    enum status had =
        counts ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "exchange", "", "no room for counts");
    TRY(team_agree(run->team, had, err));
    TRY(tallies_send(run, counts + 2 * ranks, counts + 3 * ranks, err));
    TRY(team_agree(run->team, limits_settle_local(run, err), err));
    if (ranks > 1)
        TRY(misses_settle(run, counts, counts + ranks, err));
    TRY(team_agree(run->team, shards_write_local(run, err), err));
done:
    free(counts);
    return status;
}
