/* Who asked first: each question of the days of a round goes to the rank that its hash names, which finds the
 * first asker and tells the owner of his row. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* By hours: those of the same time of several days together. */
#define HOURS 24

int shard_owner(const struct extraction *run, int64_t day, int part)
{
    int64_t at = dirty_index(run, day);
    return at < 0 ? -1 : (int)((at * run->plan.parts + part) % team_size(run->team));
}

/* Where all clients of a day are on one rank, so is the contest. */
static int question_owner(const void *item, int ranks, const void *context)
{
    const struct miss *miss = item;
    const struct extraction *run = context;
    const int owner = run->plan.parts > 1 ? miss_owner(miss, ranks) : shard_owner(run, miss->day, 0);
    return owner < 0 ? 0 : owner % ranks;
}

static int win_owner(const void *item, int ranks, const void *context)
{
    const struct win *win = item;
    const struct extraction *run = context;
    const int owner = shard_owner(run, win->day, win_part(win, run->plan.parts));
    return owner < 0 ? 0 : owner % ranks;
}

static enum status wins_add(struct round *round, const struct win *wins, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&round->wins, &round->win_capacity, round->win_count + count, sizeof *wins, err));
    if (count > 0)
        memcpy(round->wins + round->win_count, wins, count * sizeof *wins);
    round->win_count += count;
done:
    return status;
}

static bool is_in_round(const struct extraction *run, const struct round *round, int64_t day)
{
    const int64_t at = dirty_index(run, day);
    return at >= (int64_t)round->first && at < (int64_t)round->end;
}

/* Takes candidates of the round that were put aside back into the tallies: those of an
 * hour of UTC, or all. */
static enum status misses_take_local(struct extraction *run, const struct round *round, int64_t hour,
                                     struct error *err)
{
    enum status status = STATUS_OK;
    unsigned char *bytes = NULL;
    size_t count = 0, capacity = 0;
    for (size_t i = 0; i < run->aside.count; i++) {
        const struct aside_piece *piece = &run->aside.pieces[i];
        if (piece->part != ASIDE_MISSES || !is_in_round(run, round, piece->day) ||
            (round->by_hours && (piece->number % HOURS + HOURS) % HOURS != hour))
            continue;
        count = 0;
        TRY(aside_get(&run->aside, piece, &bytes, &count, &capacity, err));
        TRY(tallies_put_misses(run->tallies, piece->day, bytes, count, err));
    }
done:
    free(bytes);
    return status;
}

/* Of a team of one: no question goes anywhere. */
static enum status own_settle_local(struct extraction *run, struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    struct win *wins = NULL;
    size_t count = 0;
    for (size_t i = round->first; i < round->end; i++) {
        TRY(tallies_settle_own(run->tallies, run->dirty[i], round->bounds, round->bound_count, &wins, &count,
                               err));
        TRY(wins_add(round, wins, count, err));
        free(wins);
        wins = NULL;
    }
done:
    free(wins);
    return status;
}

static enum status questions_settle(struct extraction *run, struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    struct miss *misses = NULL;
    struct win *wins = NULL;
    void *arrived = NULL, *won = NULL;
    size_t count = 0, win_count = 0;
    const struct day_range days = {run->dirty[round->first], run->dirty[round->end - 1]};
    TRY(team_agree(
        run->team,
        tallies_misses(run->tallies, days.first, days.last, run->plan.parts > 1, &misses, &count, err), err));
    TRY(team_deal(run->team, misses, count, sizeof *misses, question_owner, run, &arrived, &count, err));
    free(misses);
    misses = NULL;
    TRY(team_agree(run->team,
                   tallies_settle(run->tallies, &days, arrived, count, round->bounds, round->bound_count,
                                  &wins, &win_count, err),
                   err));
    free(arrived);
    arrived = NULL;
    TRY(team_deal(run->team, wins, win_count, sizeof *wins, win_owner, run, &won, &win_count, err));
    TRY(team_agree(run->team, wins_add(round, won, win_count, err), err));
done:
    free(misses);
    free(arrived);
    free(wins);
    free(won);
    return status;
}

enum status misses_settle(struct extraction *run, struct round *round, struct error *err)
{
    enum status status = STATUS_OK;
    round->win_count = 0;
    for (int64_t hour = 0; hour < (round->by_hours ? HOURS : 1); hour++) {
        TRY(team_agree(run->team, misses_take_local(run, round, hour, err), err));
        if (team_size(run->team) == 1)
            TRY(team_agree(run->team, own_settle_local(run, round, err), err));
        else
            TRY(questions_settle(run, round, err));
    }
done:
    return status;
}
