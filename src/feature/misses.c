/* Who asked first in a slot of 300 s.
 *
 * While logs are read, each slot has a run of its own: a table of its questions that fits into a near cache.
 * A log's lines come in the order of their times but for a moment's jitter, so two runs are open at a time;
 * a line of another slot closes the older one and opens a new run, even if its slot had one before. Only
 * when all is read do runs of one slot meet: on one rank here, on several by the rank that owns the question.
 */
#include "tally.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MISS_SLOT_MS 300000

/* The first four members of struct miss. */
#define MISS_KEY_BYTES 24

#define INDEX_LEAST 64

static void run_free(struct run *run)
{
    free(run->index);
    if (run->capacity > 0)  // else the items lie in a block
        free(run->items);
}

/* What a closed run keeps lies in blocks of this size, shared by many; a larger run has one of its own. */
#define BLOCK_BYTES ((size_t)8 << 20)

/* Takes the items of a run to where they stay; its table and its room are then free for the next run. */
static enum status run_close(struct runs *runs, struct run *run, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t bytes = run->count * sizeof *run->items;
    if (runs->block_used + bytes > runs->block_bytes) {
        TRY(array_reserve(&runs->blocks, &runs->block_capacity, runs->block_count + 1, sizeof *runs->blocks,
                          err));
        const size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        void *block = large_alloc(room, false);
        if (!block)
            return error_set(err, STATUS_NO_MEMORY, "repeated queries", "use more ranks or a shorter span",
                             "no room for %zu bytes of questions", room);
        runs->blocks[runs->block_count++] = block;
        runs->block_bytes = room;
        runs->block_used = 0;
        runs->all_bytes += room;
    }
    struct first *kept = (void *)(runs->blocks[runs->block_count - 1] + runs->block_used);
    memcpy(kept, run->items, bytes);
    runs->block_used += bytes;
    run_free(&runs->spare);
    runs->spare = (struct run){
        .index = run->index, .index_count = run->index_count, .items = run->items, .capacity = run->capacity};
    // A table that was hardly used is not worth clearing: lines that hop between slots open many runs.
    if (8 * run->count < run->index_count) {
        free(runs->spare.index);
        runs->spare.index = NULL;
        runs->spare.index_count = 0;
    }
    run->items = kept;
    run->index = NULL;
    run->index_count = run->capacity = 0;
done:
    return status;
}

void runs_clear(struct runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        run_free(&runs->items[i]);
    for (size_t i = 0; i < runs->block_count; i++)
        free(runs->blocks[i]);
    run_free(&runs->spare);
    free(runs->blocks);
    free(runs->items);
    *runs = (struct runs){0};
}

static size_t run_bytes(const struct run *run)
{
    return run->capacity * sizeof *run->items + run->index_count * sizeof *run->index;
}

size_t runs_bytes(const struct runs *runs)
{
    size_t bytes = runs->capacity * sizeof *runs->items + runs->all_bytes + run_bytes(&runs->spare);
    for (size_t i = runs->count > RUNS_OPEN ? runs->count - RUNS_OPEN : 0; i < runs->count; i++)
        bytes += run_bytes(&runs->items[i]);
    return bytes;
}

/* ---- an open run ---- */

static size_t first_hash(const struct first *first)
{
    // The name's hash can be foreseen by who chooses names; with the process's key it cannot be.
    uint64_t key = first->name ^ memory_seed();
    key += (uint64_t)first->resolver << 16 | first->qtype;
    key *= 0x9e3779b97f4a7c15u;
    return (size_t)(key ^ key >> 29);
}

static bool is_same(const struct first *a, const struct first *b)
{
    return a->name == b->name && a->resolver == b->resolver && a->qtype == b->qtype;
}

static size_t index_of(const struct run *run, const struct first *first)
{
    const size_t mask = run->index_count - 1;
    size_t at = first_hash(first) & mask;
    while (run->index[at] != 0 && !is_same(&run->items[run->index[at] - 1], first))
        at = (at + 1) & mask;
    return at;
}

static enum status index_grow(struct run *run, size_t count, struct error *err)
{
    uint32_t *index = calloc(count, sizeof *index);
    if (!index)
        return error_set(err, STATUS_NO_MEMORY, "repeated queries", "use more ranks or a shorter span",
                         "no room for %zu questions", count);
    free(run->index);
    run->index = index;
    run->index_count = count;
    for (size_t i = 0; i < run->count; i++)
        index[index_of(run, &run->items[i])] = (uint32_t)(i + 1);
    return STATUS_OK;
}

/* Whether `a` asked before `b`: by time, then by IP. */
static bool asked_before(const struct tallies *tallies, const struct first *a, const struct first *b)
{
    if (a->ms != b->ms || a->asker == b->asker)
        return a->ms < b->ms;
    const struct asker *one = map_at(&tallies->askers, a->asker);
    const struct asker *other = map_at(&tallies->askers, b->asker);
    return ip_compare(&one->ip, &other->ip) < 0;
}

static enum status run_put(struct tallies *tallies, struct run *run, const struct first *first,
                           struct error *err)
{
    enum status status = STATUS_OK;
    assert(run);  // for clang-tidy, which does not see that a run that is not new has been found
    if (2 * (run->count + 1) > run->index_count)
        TRY(index_grow(run, run->index_count ? 2 * run->index_count : INDEX_LEAST, err));
    const size_t at = index_of(run, first);
    if (run->index[at] != 0) {
        struct first *kept = &run->items[run->index[at] - 1];
        if (asked_before(tallies, first, kept))
            *kept = *first;
        return STATUS_OK;
    }
    TRY(array_reserve(&run->items, &run->capacity, run->count + 1, sizeof *run->items, err));
    run->items[run->count] = *first;
    run->index[at] = (uint32_t)++run->count;
done:
    return status;
}

enum status run_note(struct tallies *tallies, const struct first *first, uint32_t slot, struct error *err)
{
    enum status status = STATUS_OK;
    struct runs *runs = &tallies->runs;
    for (size_t i = runs->count; i-- > 0 && i + RUNS_OPEN >= runs->count;)
        if (runs->items[i].slot == slot)
            return run_put(tallies, &runs->items[i], first, err);
    if (runs->count >= RUNS_OPEN)
        TRY(run_close(runs, &runs->items[runs->count - RUNS_OPEN], err));
    TRY(array_reserve(&runs->items, &runs->capacity, runs->count + 1, sizeof *runs->items, err));
    struct run *run = &runs->items[runs->count++];
    *run = runs->spare;
    run->slot = slot;
    run->count = 0;
    runs->spare = (struct run){0};
    if (run->index)
        memset(run->index, 0, run->index_count * sizeof *run->index);
    TRY(run_put(tallies, run, first, err));
done:
    return status;
}

/* ---- between ranks ---- */

const struct miss *tallies_misses(struct tallies *tallies, size_t *count)
{
    size_t total = 0;
    const struct runs *runs = &tallies->runs;
    for (size_t i = 0; i < runs->count; i++)
        total += runs->items[i].count;
    free(tallies->misses);
    tallies->misses = malloc((total + 1) * sizeof *tallies->misses);
    *count = 0;
    if (!tallies->misses)
        return NULL;
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->items[i];
        for (size_t m = 0; m < run->count; m++) {
            const struct first *first = &run->items[m];
            const struct asker *asker = map_at(&tallies->askers, first->asker);
            const struct resolver *resolver = map_at(&tallies->resolvers, first->resolver);
            tallies->misses[(*count)++] =
                (struct miss){.name = first->name,
                              .resolver = resolver->hash,
                              .slot = run->slot,
                              .qtype = first->qtype,
                              .time_ms = (int64_t)run->slot * MISS_SLOT_MS + first->ms,
                              .ip = asker->ip};
        }
    }
    return tallies->misses;
}

int miss_owner(const struct miss *miss, int ranks)
{
    return (int)(content_hash(miss, MISS_KEY_BYTES) % (uint64_t)ranks);
}

/* ---- settling ---- */

/* A miss is kept in its row's own tick until the row is finished, and only then taken from its queries: so it
 * merges like any other count. */
static enum status miss_count(struct tallies *tallies, const struct first *first, int64_t time_ms,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = NULL;
    struct row *row = NULL;
    struct asker *asker = map_at(&tallies->askers, first->asker);
    int64_t day = tallies_day(tallies, time_ms);
    if (day == INT64_MIN || !asker->watched)
        return STATUS_OK;
    TRY(tally_of(tallies, day, asker->part, &tally, err));
    TRY(asker_enter(asker, tally, err));
    place_find(tallies, tally, time_ms);
    TRY(asker_row(asker, tally, tallies->place.window, &row, err));
    tick_add(row, TICK_MISSES, 1);
    tick_add(row, TICK_MISSES_PTR, first->qtype == 12);
done:
    return status;
}

static int compare_runs(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* Takes runs [from, to) of one slot into the first of them. */
static enum status runs_join(struct tallies *tallies, struct run *runs, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    struct run joined = {.slot = runs[0].slot};
    for (size_t i = 0; i < count; i++)
        for (size_t m = 0; m < runs[i].count; m++)
            TRY(run_put(tallies, &joined, &runs[i].items[m], err));
    run_free(&runs[0]);
    runs[0] = joined;
    joined = (struct run){0};
done:
    run_free(&joined);
    return status;
}

enum status tallies_settle_alone(struct tallies *tallies, struct error *err)
{
    enum status status = STATUS_OK;
    struct runs *runs = &tallies->runs;
    if (runs->count > 1)
        qsort(runs->items, runs->count, sizeof *runs->items, compare_runs);
    for (size_t from = 0, to = 0; from < runs->count; from = to) {
        struct run *run = &runs->items[from];
        while (to < runs->count && runs->items[to].slot == run->slot)
            to++;
        if (to - from > 1)
            TRY(runs_join(tallies, run, to - from, err));
        for (size_t i = 0; i < run->count; i++)
            // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): runs_clear has left no run behind
            TRY(miss_count(tallies, &run->items[i], (int64_t)run->slot * MISS_SLOT_MS + run->items[i].ms,
                           err));
    }
    runs_clear(runs);
done:
    return status;
}

enum status tallies_settle(struct tallies *tallies, const struct miss *misses, size_t count,
                           struct error *err)
{
    enum status status = STATUS_OK;
    struct runs all = {0};
    struct map slots;
    map_init(&slots, 2 * sizeof(uint64_t), sizeof(uint64_t));
    runs_clear(&tallies->runs);
    for (size_t i = 0; i < count; i++) {
        const struct miss *miss = &misses[i];
        struct first first = {.name = miss->name,
                              .ms = (uint32_t)(miss->time_ms - (int64_t)miss->slot * MISS_SLOT_MS),
                              .qtype = (uint16_t)miss->qtype};
        const uint64_t slot = miss->slot;
        void *found = NULL;
        bool fresh = false;
        TRY(asker_of(tallies, &miss->ip, &first.asker, err));
        TRY(resolver_of(tallies, miss->resolver, &first.resolver, err));
        TRY(map_put(&slots, &slot, &found, &fresh, err));
        uint64_t *entry = found;
        if (fresh) {
            TRY(array_reserve(&all.items, &all.capacity, all.count + 1, sizeof *all.items, err));
            all.items[all.count] = (struct run){.slot = miss->slot};
            entry[1] = all.count++;
        }
        TRY(run_put(tallies, &all.items[entry[1]], &first, err));
    }
    tallies->runs = all;
    all = (struct runs){0};
    TRY(tallies_settle_alone(tallies, err));
done:
    runs_clear(&all);
    map_clear(&slots);
    return status;
}
