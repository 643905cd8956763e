#include "parallel/work.h"

#include "internal.h"

#include <stdlib.h>

/* What a rank shows to the others, one word of 64 bits each. */
enum shown { SHOWN_TAKEN, SHOWN_STOP, SHOWN_DONE, SHOWN_WORDS };

/* A whole cache line for each rank. In windows of 24 bytes, MPICH 4.0.2 lays the last word of a rank over the
 * first of the next. */
enum { SHOWN_BYTES = 64 };

/* Of SHOWN_TAKEN, the lower half counts how often the owner took from the front, the upper how often others
 * took from the end: one word, so that one addition takes an item from either end and tells what was taken
 * before. It also counts those who came too late, once each. */
#define END_SHIFT 32
#define FRONT_MASK UINT64_C(0xffffffff)

struct run {
    uint64_t first;
    uint64_t count;
};

struct work {
    const struct team *team;
    struct run *runs;  // [ranks]
    MPI_Win window;  // MPI_WIN_NULL for a team of one
    uint64_t *shown;  // [SHOWN_WORDS], this rank's
    uint64_t own[SHOWN_WORDS];  // shown, for a team of one
    bool has_own;  // the own run may have items left
    int victim;  // whose items are taken next, once the own ones are gone
    int visited;  // how many others had none left
};

static enum status room_make(const struct team *team, uint64_t count, struct work **work, struct error *err)
{
    if (count >= FRONT_MASK)
        return error_set(err, STATUS_LIMIT, "pieces of work", "use larger pieces",
                         "more than 2^32 on one rank");
    *work = calloc(1, sizeof **work);
    struct run *runs = calloc((size_t)team->size, sizeof *runs);
    if (*work && runs) {
        (*work)->runs = runs;
        return STATUS_OK;
    }
    free(*work);
    free(runs);
    *work = NULL;
    return error_set(err, STATUS_NO_MEMORY, "pieces of work", "", "no room for their owners");
}

enum status work_begin_at(const struct team *team, size_t first, size_t end, struct work **work,
                          struct error *err, const char *file, int line)
{
    enum status status = STATUS_OK;
    struct work *begun = NULL;
    struct run mine = {first, end - first};
    check_site(team, file, line);
    TRY(team_agree_at(team, room_make(team, mine.count, &begun, err), err, file, line));
    begun->team = team;
    begun->window = MPI_WIN_NULL;
    begun->shown = begun->own;
    begun->has_own = true;
    begun->victim = (team->rank + 1) % team->size;
    begun->runs[team->rank] = mine;
    if (team->size > 1) {
        MPI_Allgather(MPI_IN_PLACE, 0, MPI_BYTE, begun->runs, (int)sizeof mine, MPI_BYTE, team->comm);
        // MPI_Win_allocate and not MPI_Win_create: Open MPI 4.1 has the latter only for some transports.
        MPI_Win_allocate(SHOWN_BYTES, (int)sizeof begun->own[0], MPI_INFO_NULL, team->comm,
                         (void *)&begun->shown, &begun->window);
        for (int word = 0; word < SHOWN_WORDS; word++)
            begun->shown[word] = 0;
        MPI_Barrier(team->comm);  // nobody looks before all words are 0
        MPI_Win_lock_all(0, begun->window);
        MPI_Win_sync(begun->window);
    }
    *work = begun;
    begun = NULL;
done:
    if (begun)
        free(begun->runs);
    free(begun);
    return status;
}

void work_end_at(struct work *work, const char *file, int line)
{
    if (!work)
        return;
    check_site(work->team, file, line);
    if (work->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(work->window);
        MPI_Win_free(&work->window);
    }
    free(work->runs);
    free(work);
}

/* Only additions, and MPI_NO_OP for reading: MPI promises no more to be atomic to each other (the window's
 * default accumulate_ops), and compare-and-swap ends in a segmentation fault in Open MPI 4.1.4 as it is set
 * up by itself (osc rdma over vader). */
static uint64_t word_fetch(struct work *work, int rank, enum shown word, MPI_Op op, uint64_t amount)
{
    uint64_t before = 0;
    if (work->window == MPI_WIN_NULL) {
        before = work->shown[word];
        work->shown[word] += amount;
        return before;
    }
    traffic_add(work->team, TEAM_ONE_SIDED, sizeof amount);
    MPI_Fetch_and_op(&amount, &before, MPI_UINT64_T, rank, (MPI_Aint)word, op, work->window);
    MPI_Win_flush(rank, work->window);
    return before;
}

static uint64_t word_add(struct work *work, int rank, enum shown word, uint64_t amount)
{
    return word_fetch(work, rank, word, MPI_SUM, amount);
}

static uint64_t word_read(struct work *work, int rank, enum shown word)
{
    return word_fetch(work, rank, word, MPI_NO_OP, 0);
}

/* Takes an item of one rank, from the front of the own run or from the end of another's. Nobody takes one
 * twice: of two who took it from both ends, the later would have seen the ends meet. */
static bool take_of(struct work *work, int rank, size_t *item)
{
    const struct run *run = &work->runs[rank];
    bool is_own = rank == work->team->rank;
    if (run->count == 0)
        return false;
    uint64_t taken = word_add(work, rank, SHOWN_TAKEN, is_own ? 1 : UINT64_C(1) << END_SHIFT);
    uint64_t front = taken & FRONT_MASK, end = taken >> END_SHIFT;
    if (front + end >= run->count)
        return false;
    *item = (size_t)(is_own ? run->first + front : run->first + run->count - 1 - end);
    return true;
}

/* Where a network does not reach into memory by itself, requests of others wait until this rank calls
 * something that answers them; its own one-sided calls need not (MPICH over UCX). */
static void answer_others(const struct work *work)
{
    int waiting = 0;
    if (work->window != MPI_WIN_NULL)
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, work->team->comm, &waiting, MPI_STATUS_IGNORE);
}

bool work_take(struct work *work, size_t *item)
{
    answer_others(work);
    if (work_stopped(work))
        return false;
    work->has_own = work->has_own && take_of(work, work->team->rank, item);
    if (work->has_own)
        return true;
    // Who had none left has none later, so each rank is left behind once.
    for (; work->visited < work->team->size - 1; work->visited++) {
        if (take_of(work, work->victim, item))
            return true;
        work->victim = (work->victim + 1) % work->team->size;
    }
    return false;
}

void work_stop(struct work *work)
{
    for (int rank = 0; rank < work->team->size; rank++)
        (void)word_add(work, rank, SHOWN_STOP, 1);
}

bool work_stopped(struct work *work)
{
    return word_read(work, work->team->rank, SHOWN_STOP) > 0;
}

void work_add_done(struct work *work, int64_t amount)
{
    (void)word_add(work, 0, SHOWN_DONE, (uint64_t)amount);
}

int64_t work_done(struct work *work)
{
    return (int64_t)word_read(work, work->team->rank, SHOWN_DONE);
}
