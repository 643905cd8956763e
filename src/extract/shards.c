/* From partial tallies to shards, some days at a time: everything of a day to its owner, who knows then what
 * is kept of whom; with that who asked first; then the owner finishes and writes.
 *
 * A day that does not fit into memory is made in slices by client, which go the same way one after the other.
 * Who asked first is settled before, as if all names were kept. Where a client turns out to have more, the
 * slices are gone through once more to find out which are kept, and all is done again with that. */
#include "internal.h"

#include "base/folder.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Candidates and other days may fill this share of what there is for tallies while a day is made. */
#define ROOM_SHARE 3

/* A slice is cut to fill no more than one part of so many of that. */
#define SLICE_SPARE 4

/* A day that is made may fill so many times what there is for tallies. */
#define MADE_TIMES 2

/* Bytes that are packed stand for so many: they are notes most of all, of which entries are made. */
#define UNPACKED_TIMES 4

/* ---- tallies to their owners ---- */

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

static bool is_of_slice(const struct extraction *run, const struct round *round, int slice,
                        const struct aside_piece *piece)
{
    const int64_t at = dirty_index(run, piece->day);
    return piece->part != ASIDE_MISSES && at >= (int64_t)round->first && at < (int64_t)round->end &&
           piece->number * round->slices / TALLY_SLICES == slice;
}

/* In how many turns a slice is sent: neither rank has all of it in buffers at once. */
#define SEND_TURNS 4

/* Packs what other ranks own of a slice, by rank; what was in memory is forgotten here, and sent first. */
static enum status slice_pack_local(struct extraction *run, const struct round *round, int slice, int turn,
                                    unsigned char **bytes, size_t *counts, struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = 0, capacity = 0;
    for (int rank = 0; rank < team_size(run->team); rank++) {
        const size_t before = count;
        counts[rank] = 0;
        if (rank == team_rank(run->team))
            continue;
        for (size_t at = 0; at < tallies_count(run->tallies) && round->slices == 1 && turn == 0; at++) {
            int64_t day = 0;
            int part = 0;
            if (!tallies_shard(run->tallies, at, &day, &part) || day < run->dirty[round->first] ||
                day > run->dirty[round->end - 1] || shard_owner(run, day, part) != rank)
                continue;
            TRY(tallies_pack(run->tallies, at, bytes, &count, &capacity, err));
            tallies_drop(run->tallies, at);
        }
        for (size_t i = 0; i < run->aside.count; i++) {
            const struct aside_piece *piece = &run->aside.pieces[i];
            if (is_of_slice(run, round, slice, piece) && piece->number % SEND_TURNS == turn &&
                shard_owner(run, piece->day, (int)piece->part) == rank)
                TRY(aside_get(&run->aside, piece, bytes, &count, &capacity, err));
        }
        counts[rank] = count - before;
    }
done:
    return status;
}

/* What a day that is made may fill. */
static size_t made_most(const struct extraction *run)
{
    const size_t memory = (size_t)run->job->limits_memory_bytes;
    return memory > INT64_MAX / MADE_TIMES ? INT64_MAX : memory * MADE_TIMES;
}

/* What merges must fit into memory; tells how much would do, `more` bytes being still packed. */
static enum status merged_check(const struct extraction *run, int64_t day, int64_t more, struct error *err)
{
    char hint[sizeof err->hint];
    const int64_t bytes = (int64_t)tallies_bytes(run->tallies), limit = run->job->limits_memory_bytes;
    int64_t enough_mb = 1;
    int year = 0, month = 0, date = 0;
    if (bytes <= (int64_t)made_most(run))
        return STATUS_OK;
    civil_from_day(day, &year, &month, &date);
    while (MADE_TIMES * enough_mb << 20 < (bytes + more * UNPACKED_TIMES) / 4 * 5)
        enough_mb *= 2;
    (void)snprintf(hint, sizeof hint,
                   "raise it to %" PRId64
                   "M; of one client alone smaller limits.names, .pairs and .ip_names keep less",
                   enough_mb);
    return error_set(err, STATUS_LIMIT, "limits.memory", hint,
                     "tallies fill %" PRId64 " bytes on one rank, the limit is %" PRId64
                     ": a client of %04d-%02d-%02d, or a sixteenth of them, has more",
                     bytes, limit, year, month, date);
}

/* Whether this rank put a piece aside that it merges itself, with this slice. */
static bool is_own(const struct extraction *run, const struct round *round, int slice,
                   const struct aside_piece *piece)
{
    return is_of_slice(run, round, slice, piece) &&
           shard_owner(run, piece->day, (int)piece->part) == team_rank(run->team);
}

/* Merges what this rank put aside of the slice of its own shards. */
static enum status own_merge_local(struct extraction *run, const struct round *round, int slice,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    unsigned char *bytes = NULL;
    size_t count = 0, capacity = 0;
    int64_t left = 0;
    for (size_t i = 0; i < run->aside.count; i++)
        if (is_own(run, round, slice, &run->aside.pieces[i]))
            left += run->aside.pieces[i].bytes;
    for (size_t i = 0; i < run->aside.count; i++) {
        const struct aside_piece *piece = &run->aside.pieces[i];
        if (!is_own(run, round, slice, piece))
            continue;
        count = 0;
        TRY(aside_get(&run->aside, piece, &bytes, &count, &capacity, err));
        TRY(tallies_merge(run->tallies, bytes, count, err));
        left -= piece->bytes;
        if (tallies_bytes(run->tallies) > made_most(run))
            TRY(tallies_fold(run->tallies, err));
        TRY(merged_check(run, piece->day, left, err));
    }
done:
    free(bytes);
    return status;
}

/* What is kept of whom, in the shards of the round that are whole by now. */
static enum status limits_settle_local(struct extraction *run, const struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t at = 0; at < tallies_count(run->tallies); at++) {
        int64_t day = 0;
        int part = 0;
        if (tallies_shard(run->tallies, at, &day, &part) && day >= run->dirty[round->first] &&
            day <= run->dirty[round->end - 1])
            TRY(tallies_limit(run->tallies, at, err));
    }
done:
    return status;
}

/* Brings a slice of all shards of the round to their owners. */
static enum status slice_load(struct extraction *run, const struct round *round, int slice, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t ranks = (size_t)team_size(run->team);
    size_t *counts = calloc(2 * ranks, sizeof *counts), *in = counts ? counts + ranks : NULL;
    unsigned char *bytes = NULL;
    void *arrived = NULL;
    enum status had =
        counts ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "exchange", "", "no room for counts");
    TRY(team_agree(run->team, had, err));
    for (int turn = 0; turn < SEND_TURNS && ranks > 1; turn++) {
        size_t total = 0;
        TRY(team_agree(run->team, slice_pack_local(run, round, slice, turn, &bytes, counts, err), err));
        TRY(team_exchange(run->team, bytes, counts, &arrived, in, err));
        free(bytes);
        bytes = NULL;
        for (size_t rank = 0; rank < ranks; rank++)
            total += in[rank];
        TRY(team_agree(run->team, tallies_merge(run->tallies, arrived, total, err), err));
        free(arrived);
        arrived = NULL;
    }
    TRY(team_agree(run->team, own_merge_local(run, round, slice, err), err));
    if (round->is_gathered)
        tallies_retire_notes(run->tallies, run->dirty[round->first], run->dirty[round->end - 1]);
    TRY(team_agree(run->team, limits_settle_local(run, round, err), err));
    for (size_t i = round->first; i < round->end && round->is_gathered; i++)
        tallies_forget_misses(run->tallies, run->dirty[i]);
done:
    free(counts);
    free(bytes);
    free(arrived);
    return status;
}

/* Adds the bounds that the owners of shards found to those that are known on every rank. */
static enum status bounds_share(struct extraction *run, struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    struct name_bound *mine = NULL, *grown = NULL;
    void *all = NULL;
    size_t mine_count = 0, bytes = 0;
    TRY(team_agree(run->team,
                   tallies_bounds(run->tallies, run->dirty[round->first], run->dirty[round->end - 1], &mine,
                                  &mine_count, err),
                   err));
    TRY(team_gather(run->team, mine, mine_count * sizeof *mine, &all, &bytes, err));
    grown = realloc(round->bounds, round->bound_count * sizeof *mine + bytes + 1);
    enum status had = grown ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "limits.names", "", "no room");
    round->bounds = grown ? grown : round->bounds;
    TRY(team_agree(run->team, had, err));
    if (bytes > 0)
        memcpy(round->bounds + round->bound_count, all, bytes);
    round->bound_count += bytes / sizeof *mine;
done:
    free(mine);
    free(all);
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

/* The shards of a round that are this rank's, one after the other. */
static bool own_shard_next(const struct extraction *run, const struct round *round, size_t *index, int *part)
{
    for (++*part; *index < round->end; ++*index, *part = 0)
        for (; *part < run->plan.parts; ++*part)
            if (shard_owner(run, run->dirty[*index], *part) == team_rank(run->team))
                return true;
    return false;
}

static enum status shard_finish(struct extraction *run, int64_t day, int part, struct day_table *table,
                                struct error *err)
{
    enum status status = STATUS_OK;
    size_t at = 0;
    TRY(tallies_touch(run->tallies, day, part, &at, err));
    TRY(tallies_finish(run->tallies, at, table, err));
    tallies_drop(run->tallies, at);
done:
    return status;
}

/* Finishes and writes a shard that is in memory as a whole. */
static enum status shard_write_whole(struct extraction *run, int64_t day, int part, struct error *err)
{
    enum status status = STATUS_OK;
    struct finishing *finishing = NULL;
    uint64_t *inputs = NULL;
    size_t input_count = 0, at = 0;
    TRY(inputs_of(run, day, &inputs, &input_count, err));
    TRY(tallies_touch(run->tallies, day, part, &at, err));
    TRY(tallies_finish_begin(run->tallies, at, &finishing, err));
    struct shard_origin origin = {run->settings, inputs, input_count};
    TRY(shard_write_finishing(run->job->store_dir, finishing, run->plan.parts, &origin, err));
    tallies_drop(run->tallies, at);
    run->summary->shards_written++;
done:
    finishing_free(finishing);
    free(inputs);
    return status;
}

static enum status whole_write_local(struct extraction *run, const struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    size_t index = round->first;
    int part = -1;
    TRY(tallies_wins(run->tallies, round->wins, round->win_count, 1, 0, err));
    while (own_shard_next(run, round, &index, &part))
        TRY(shard_write_whole(run, run->dirty[index], part, err));
done:
    return status;
}

/* A slice of each shard of the round that is this rank's, finished and added to the shard's pile. */
static enum status slice_finish_local(struct extraction *run, const struct round *round, int slice,
                                      struct shard_pile **piles, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    size_t index = round->first, pile = 0;
    int part = -1;
    TRY(tallies_wins(run->tallies, round->wins, round->win_count, round->slices, slice, err));
    while (own_shard_next(run, round, &index, &part)) {
        assert(piles);  // one for each of these
        TRY(shard_finish(run, run->dirty[index], part, &table, err));
        TRY(shard_pile_add(piles[pile++], &table, err));
        day_table_clear(&table);
    }
done:
    day_table_clear(&table);
    return status;
}

static enum status piles_write_local(struct extraction *run, const struct round *round,
                                     struct shard_pile **piles, struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t *inputs = NULL;
    size_t index = round->first, pile = 0, input_count = 0;
    int part = -1;
    while (own_shard_next(run, round, &index, &part)) {
        free(inputs);
        inputs = NULL;
        assert(piles);
        TRY(inputs_of(run, run->dirty[index], &inputs, &input_count, err));
        struct shard_origin origin = {run->settings, inputs, input_count};
        TRY(shard_pile_write(piles[pile++], run->plan.parts, &origin, err));
        run->summary->shards_written++;
    }
done:
    free(inputs);
    return status;
}

/* ---- a round ---- */

static enum status piles_make_local(const struct extraction *run, const struct round *round,
                                    struct shard_pile ***piles, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t index = round->first, capacity = 0;
    int part = -1;
    while (own_shard_next(run, round, &index, &part)) {
        TRY(array_reserve(piles, &capacity, *count + 1, sizeof **piles, err));
        TRY(shard_pile_new(run->job->store_dir, &(*piles)[*count], err));
        ++*count;
    }
done:
    return status;
}

/* Forgets what a round has in memory of a slice. */
static void slice_drop(struct extraction *run, const struct round *round)
{
    for (size_t at = 0; at < tallies_count(run->tallies); at++) {
        int64_t day = 0;
        int part = 0;
        if (tallies_shard(run->tallies, at, &day, &part) && day >= run->dirty[round->first] &&
            day <= run->dirty[round->end - 1])
            tallies_drop(run->tallies, at);
    }
}

/* Who may have asked first by what was noted of queries, put aside by hours: a day's notes are on no rank
 * together. */
static enum status noted_gather(struct extraction *run, struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    for (int slice = 0; slice < round->slices; slice++) {
        TRY(slice_load(run, round, slice, err));
        enum status had = STATUS_OK;
        for (size_t i = round->first; i < round->end && had == STATUS_OK; i++)
            had = noted_put_aside(run, run->dirty[i], err);
        TRY(team_agree(run->team, had, err));
        if (round->slices > 1)
            slice_drop(run, round);
    }
    round->is_gathered = true;
done:
    return status;
}

/* Makes all slices as far as they know all bounds; returns in `whole` whether none came unforeseen. */
static enum status slices_try(struct extraction *run, struct round *round, bool bounds_known, bool *whole,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct shard_pile **piles = NULL;
    size_t pile_count = 0;
    *whole = true;
    TRY(misses_settle(run, round, err));
    TRY(team_agree(run->team, piles_make_local(run, round, &piles, &pile_count, err), err));
    for (int slice = 0; slice < round->slices && *whole; slice++) {
        TRY(slice_load(run, round, slice, err));
        if (!bounds_known)
            TRY(bounds_share(run, round, err));
        *whole = bounds_known || round->bound_count == 0;
        if (*whole)
            TRY(team_agree(run->team, slice_finish_local(run, round, slice, piles, err), err));
        slice_drop(run, round);
    }
    if (*whole)
        TRY(team_agree(run->team, piles_write_local(run, round, piles, err), err));
done:
    for (size_t i = 0; i < pile_count; i++)
        shard_pile_free(piles[i]);
    free(piles);
    return status;
}

static enum status slices_make(struct extraction *run, struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    bool whole = false;
    TRY(slices_try(run, round, false, &whole, err));
    if (whole)
        return STATUS_OK;
    round->bound_count = 0;
    for (int slice = 0; slice < round->slices; slice++) {
        TRY(slice_load(run, round, slice, err));
        TRY(bounds_share(run, round, err));
        slice_drop(run, round);
    }
    TRY(slices_try(run, round, true, &whole, err));
done:
    return status;
}

/* How the round is made, by how much of it the rank has that owns the most. */
static enum status round_plan(struct extraction *run, struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t room = run->job->limits_memory_bytes / ROOM_SHARE, most = (int64_t)made_most(run);
    const size_t ranks = (size_t)team_size(run->team);
    const int64_t first_day = run->dirty[round->first], last_day = run->dirty[round->end - 1];
    int64_t *bytes = calloc(ranks, sizeof *bytes), largest = 0;  // by owner
    int64_t misses[1] = {(int64_t)tallies_miss_bytes(run->tallies, first_day, last_day)};
    enum status had = bytes ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "exchange", "", "no room");
    TRY(team_agree(run->team, had, err));
    for (size_t at = 0; at < tallies_count(run->tallies); at++) {
        int64_t day = 0;
        int part = 0;
        if (tallies_shard(run->tallies, at, &day, &part) && day >= first_day && day <= last_day &&
            is_dirty(run, day))
            bytes[shard_owner(run, day, part)] += (int64_t)tallies_shard_room(run->tallies, at);
    }
    for (size_t i = 0; i < run->aside.count; i++) {
        const struct aside_piece *piece = &run->aside.pieces[i];
        if (piece->day < first_day || piece->day > last_day || !is_dirty(run, piece->day))
            continue;
        if (piece->part == ASIDE_MISSES)
            misses[0] += piece->bytes;
        else
            bytes[shard_owner(run, piece->day, (int)piece->part)] += piece->room;
    }
    team_sum_i64(run->team, bytes, ranks);
    team_max_i64(run->team, misses, 1);
    for (size_t i = 0; i < ranks; i++)
        largest = bytes[i] > largest ? bytes[i] : largest;
    // Clients differ, and tables grow by leaps: slices are cut to fit with room to spare.
    for (round->slices = 1;
         largest > most && round->slices < TALLY_SLICES && largest / round->slices > most / SLICE_SPARE;)
        round->slices *= 2;
    round->by_hours = round->slices > 1 || misses[0] > room;
    had = round->by_hours ? days_put_aside(run, first_day, last_day, err) : STATUS_OK;
    TRY(team_agree(run->team, had, err));
done:
    free(bytes);
    return status;
}

static enum status round_make(struct extraction *run, struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(round_plan(run, round, err));
    if (round->by_hours)
        TRY(noted_gather(run, round, err));
    if (round->slices > 1) {
        TRY(slices_make(run, round, err));
    } else {
        if (!round->by_hours)
            TRY(slice_load(run, round, 0, err));
        TRY(bounds_share(run, round, err));
        TRY(misses_settle(run, round, err));
        TRY(team_agree(run->team, whole_write_local(run, round, err), err));
    }
    for (size_t i = round->first; i < round->end; i++)
        aside_forget(&run->aside, run->dirty[i]);
done:
    free(round->bounds);
    free(round->wins);
    return status;
}

/* Beside what is in memory a round needs room for itself: days that come later wait elsewhere. */
static enum status later_put_aside(struct extraction *run, size_t at_once, struct error *err)
{
    enum status status = STATUS_OK;
    if (run->dirty_count <= at_once ||
        tallies_bytes(run->tallies) <= (size_t)run->job->limits_memory_bytes / ROOM_SHARE)
        return STATUS_OK;
    TRY(days_put_aside(run, run->dirty[at_once], INT64_MAX, err));
done:
    return status;
}

enum status shards_make(struct extraction *run, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t at_once = (size_t)(team_size(run->team) / run->plan.parts);
    tallies_forget_local(run);
    TRY(team_agree(run->team, folder_make(run->job->store_dir, err), err));
    TRY(team_agree(run->team, later_put_aside(run, at_once > 0 ? at_once : 1, err), err));
    for (size_t first = 0, end = 0; first < run->dirty_count; first = end) {
        if (run->progress)
            run->progress(run->progress_context, EXTRACT_MAKES,
                          (int64_t)((double)run->total_work / (double)run->dirty_count * (double)first),
                          run->total_work);
        end = first + (at_once > 0 ? at_once : 1);
        end = end < run->dirty_count ? end : run->dirty_count;
        struct round round = {.first = first, .end = end};
        TRY(round_make(run, &round, err));
    }
done:
    return status;
}
