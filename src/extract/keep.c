/* How much of the tallies stays in memory: what is more is put aside, and comes back when its day is made. */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>

struct putting {
    struct extraction *run;
    struct aside_piece piece;
};

static enum status piece_put(void *context, int64_t number, const unsigned char *bytes, size_t count,
                             struct error *err)
{
    struct putting *putting = context;
    putting->piece.number = number;
    enum status status =
        aside_put(&putting->run->aside, putting->run->job->store_dir, putting->piece, bytes, count, err);
    putting->piece.room = 0;
    return status;
}

static enum status shard_put_aside(struct extraction *run, size_t at, int64_t day, int part,
                                   struct error *err)
{
    struct putting putting = {
        run, {.day = day, .part = part, .room = (int64_t)tallies_shard_room(run->tallies, at)}};
    enum status status = tallies_pack_slices(run->tallies, at, TALLY_SLICES, piece_put, &putting, err);
    tallies_drop(run->tallies, at);
    return status;
}

enum status days_put_aside(struct extraction *run, int64_t first_day, int64_t last_day, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t at = 0; at < tallies_count(run->tallies); at++) {
        int64_t day = 0;
        int part = 0;
        if (!tallies_shard(run->tallies, at, &day, &part) || day < first_day || day > last_day)
            continue;
        TRY(shard_put_aside(run, at, day, part, err));
        struct putting putting = {run, {.day = day, .part = ASIDE_MISSES}};
        TRY(tallies_pack_misses(run->tallies, day, piece_put, &putting, err));
    }
done:
    return status;
}

enum status noted_put_aside(struct extraction *run, int64_t day, struct error *err)
{
    enum status status = STATUS_OK;
    struct putting putting = {run, {.day = day, .part = ASIDE_MISSES}};
    TRY(tallies_pack_noted(run->tallies, day, piece_put, &putting, err));
    TRY(tallies_pack_misses(run->tallies, day, piece_put, &putting, err));
done:
    return status;
}

enum status tallies_keep(struct extraction *run, int64_t day, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t most = (size_t)run->job->limits_memory_bytes;
    if (tallies_bytes(run->tallies) <= most)
        return STATUS_OK;
    // The lines that follow are most likely of the same day.
    if (day > INT64_MIN)
        TRY(days_put_aside(run, INT64_MIN, day - 1, err));
    TRY(days_put_aside(run, day < INT64_MAX ? day + 1 : day, INT64_MAX, err));
    if (tallies_bytes(run->tallies) > most / 2)
        TRY(days_put_aside(run, INT64_MIN, INT64_MAX, err));
done:
    return status;
}
