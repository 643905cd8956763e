/* From partial tallies to shards: first who asked first, then everything to the day's owner, who finishes and
 * writes. */
#include "internal.h"

#include "base/folder.h"

#include <stdlib.h>

/* The rank that finishes and writes a shard. */
static int shard_owner(const struct extraction *run, int64_t day, int part)
{
    int64_t shard = day * run->plan.parts + part;
    int64_t ranks = team_size(run->team);
    return (int)((shard % ranks + ranks) % ranks);
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

static enum status misses_settle(struct extraction *run, size_t *counts, size_t *in, struct error *err)
{
    enum status status = STATUS_OK;
    int ranks = team_size(run->team);
    struct miss *sorted = NULL;
    void *arrived = NULL;
    size_t bytes = 0;
    if (ranks == 1)
        return tallies_settle_alone(run->tallies, err);
    TRY(team_agree(run->team, misses_sort_local(run, &sorted, counts, err), err));
    TRY(team_exchange(run->team, sorted, counts, &arrived, in, err));
    for (int rank = 0; rank < ranks; rank++)
        bytes += in[rank];
    TRY(team_agree(run->team, tallies_settle(run->tallies, arrived, bytes / sizeof *sorted, err), err));
done:
    free(sorted);
    free(arrived);
    return status;
}

/* ---- tallies ---- */

/* Packs all shards of other ranks, by rank, and forgets them here. */
static enum status tallies_pack_local(struct extraction *run, unsigned char **bytes, size_t *counts,
                                      struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0, capacity = 0;
    int ranks = team_size(run->team), mine = team_rank(run->team);
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

/* ---- writing ---- */

/* Content identities of the files with lines of a day, ascending. */
static enum status inputs_of(const struct extraction *run, const uint64_t *file_ids, int64_t day,
                             uint64_t **inputs, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t capacity = 0;
    *count = 0;
    for (size_t i = 0; i < run->touch_count; i++) {
        if (run->touches[i].day != day)
            continue;
        TRY(array_reserve(inputs, &capacity, *count + 1, sizeof **inputs, err));
        size_t at = (*count)++;
        for (; at > 0 && (*inputs)[at - 1] > file_ids[run->touches[i].file]; at--)
            (*inputs)[at] = (*inputs)[at - 1];
        (*inputs)[at] = file_ids[run->touches[i].file];
    }
done:
    return status;
}

static enum status shard_finish(struct extraction *run, const uint64_t *file_ids, int64_t day, int part,
                                struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    uint64_t *inputs = NULL;
    size_t at = 0, input_count = 0;
    TRY(tallies_touch(run->tallies, day, part, &at, err));
    TRY(tallies_finish(run->tallies, at, &table, err));
    tallies_drop(run->tallies, at);
    TRY(inputs_of(run, file_ids, day, &inputs, &input_count, err));
    struct shard_origin origin = {run->settings, inputs, input_count};
    TRY(shard_write(run->job->store_dir, &table, run->plan.parts, &origin, err));
    run->summary->shards_written++;
done:
    day_table_clear(&table);
    free(inputs);
    return status;
}

static enum status shards_write_local(struct extraction *run, const uint64_t *file_ids, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(folder_make(run->job->store_dir, err));
    for (size_t i = 0; i < run->dirty_count; i++)
        for (int part = 0; part < run->plan.parts; part++)
            if (shard_owner(run, run->dirty[i], part) == team_rank(run->team))
                TRY(shard_finish(run, file_ids, run->dirty[i], part, err));
done:
    return status;
}

enum status shards_make(struct extraction *run, const uint64_t *file_ids, struct error *err)
{
    enum status status = STATUS_OK;
    size_t ranks = (size_t)team_size(run->team);
    size_t *counts = calloc(4 * ranks, sizeof *counts);
    enum status had =
        counts ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "exchange", "", "no room for counts");
    TRY(team_agree(run->team, had, err));
    TRY(misses_settle(run, counts, counts + ranks, err));
    TRY(tallies_send(run, counts + 2 * ranks, counts + 3 * ranks, err));
    TRY(team_agree(run->team, shards_write_local(run, file_ids, err), err));
done:
    free(counts);
    return status;
}
