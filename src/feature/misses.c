/* Who asked first in a slot of 300 s.
 *
 * While logs are read, each slot has a run of its own: a table of its questions that fits into a near cache.
 * A log's lines come in the order of their times but for a moment's jitter, so two runs are open at a time;
 * a line of another slot closes the older one and opens a new run, even if its slot had one before. Only
 * when all is read do runs of one slot meet: on one rank here, on several by the rank that owns the question.
 *
 * A run holds a question once for each asker. Who turns out to have more names than are kept asked only for
 * those that are: what he asked besides is left out before it is settled who was the first. */
#include "misses.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The first five members of struct miss. */
#define MISS_KEY_BYTES 32

#define INDEX_LEAST 64

void run_free(struct run *run)
{
    free(run->index);
    if (run->capacity > 0)  // else the items lie in a block
        free(run->items);
}

/* What a closed run keeps lies in blocks, shared by many; a larger run has one of its own. A block is as
 * large as those before it together, within these bounds: of a short day, of which there may be many, the
 * first would stay empty. */
#define BLOCK_LEAST ((size_t)128 << 10)
#define BLOCK_MOST ((size_t)8 << 20)

/* Room in a block for items of closed runs. */
static enum status runs_room(struct runs *runs, size_t bytes, struct first **kept, struct error *err)
{
    enum status status = STATUS_OK;
    if (runs->block_used + bytes > runs->block_bytes) {
        TRY(array_reserve(&runs->blocks, &runs->block_capacity, runs->block_count + 1, sizeof *runs->blocks,
                          err));
        size_t room = runs->all_bytes < BLOCK_LEAST ? BLOCK_LEAST : runs->all_bytes;
        room = room > BLOCK_MOST ? BLOCK_MOST : room;
        room = bytes > room ? bytes : room;
        void *block = large_alloc(room, false);
        if (!block)
            return error_set(err, STATUS_NO_MEMORY, "repeated queries", "use more ranks or a shorter span",
                             "no room for %zu bytes of questions", room);
        runs->blocks[runs->block_count++] = block;
        runs->block_bytes = room;
        runs->block_used = 0;
        runs->all_bytes += room;
    }
    *kept = (void *)(runs->blocks[runs->block_count - 1] + runs->block_used);
    runs->block_used += bytes;
done:
    return status;
}

/* Takes the items of a run to where they stay; its table and its room are then free for the next run. */
static enum status run_close(struct runs *runs, struct run *run, struct error *err)
{
    enum status status = STATUS_OK;
    struct first *kept = NULL;
    const size_t bytes = run->count * sizeof *run->items;
    TRY(runs_room(runs, bytes, &kept, err));
    memcpy(kept, run->items, bytes);
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

/* The runs of a day, made when they are not there. */
static enum status runs_of(struct tallies *tallies, int64_t day, struct runs **runs, struct error *err)
{
    enum status status = STATUS_OK;
    *runs = tallies->runs_now;
    if (*runs && (*runs)->day == day)
        return STATUS_OK;
    *runs = NULL;
    for (size_t i = tallies->run_count; i-- > 0 && !*runs;)
        if (tallies->runs[i]->day == day)
            *runs = tallies->runs[i];
    if (!*runs) {
        TRY(array_reserve(&tallies->runs, &tallies->run_capacity, tallies->run_count + 1,
                          sizeof *tallies->runs, err));
        *runs = calloc(1, sizeof **runs);
        if (!*runs)
            return error_set(err, STATUS_NO_MEMORY, "repeated queries", "", "no room for a day");
        (*runs)->day = day;
        tallies->runs[tallies->run_count++] = *runs;
    }
    tallies->runs_now = *runs;
done:
    return status;
}

void runs_free(struct tallies *tallies, size_t at)
{
    if (tallies->runs_now == tallies->runs[at])
        tallies->runs_now = NULL;
    runs_clear(tallies->runs[at]);
    free(tallies->runs[at]);
    tallies->runs[at] = tallies->runs[--tallies->run_count];
}

void tallies_forget_misses(struct tallies *tallies, int64_t day)
{
    for (size_t i = tallies->run_count; i-- > 0;)
        if (tallies->runs[i]->day == day)
            runs_free(tallies, i);
}

size_t runs_bytes(const struct runs *runs)
{
    size_t bytes = runs->capacity * sizeof *runs->items + runs->all_bytes + run_bytes(&runs->spare);
    for (size_t i = runs->count > RUNS_OPEN ? runs->count - RUNS_OPEN : 0; i < runs->count; i++)
        bytes += run_bytes(&runs->items[i]);
    return bytes;
}

size_t tallies_miss_bytes(const struct tallies *tallies, int64_t first_day, int64_t last_day)
{
    size_t bytes = 0;
    for (size_t i = 0; i < tallies->run_count; i++)
        if (tallies->runs[i]->day >= first_day && tallies->runs[i]->day <= last_day)
            bytes += runs_bytes(tallies->runs[i]);
    return bytes;
}

/* ---- an open run ---- */

static size_t first_hash(const struct first *first, enum apart apart)
{
    // The name's hash can be foreseen by who chooses names; with the process's key it cannot be.
    uint64_t key = first->name ^ memory_seed();
    key += (uint64_t)first->resolver << 16 | first->qtype;
    if (apart == APART_BY_ASKER)
        key += (uint64_t)first->asker << 32;
    key *= 0x9e3779b97f4a7c15u;
    return (size_t)(key ^ key >> 29);
}

static bool is_same(const struct first *a, const struct first *b, enum apart apart)
{
    return a->name == b->name && a->resolver == b->resolver && a->qtype == b->qtype &&
           (apart == APART_BY_QUESTION || a->asker == b->asker);
}

static size_t index_of(const struct run *run, const struct first *first, enum apart apart)
{
    const size_t mask = run->index_count - 1;
    size_t at = first_hash(first, apart) & mask;
    while (run->index[at] != 0 && !is_same(&run->items[run->index[at] - 1], first, apart))
        at = (at + 1) & mask;
    return at;
}

static enum status index_grow(struct run *run, size_t count, enum apart apart, struct error *err)
{
    uint32_t *index = calloc(count, sizeof *index);
    if (!index)
        return error_set(err, STATUS_NO_MEMORY, "repeated queries", "use more ranks or a shorter span",
                         "no room for %zu questions", count);
    free(run->index);
    run->index = index;
    run->index_count = count;
    for (size_t i = 0; i < run->count; i++)
        index[index_of(run, &run->items[i], apart)] = (uint32_t)(i + 1);
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

enum status run_put(const struct tallies *tallies, struct run *run, const struct first *first,
                    enum apart apart, struct error *err)
{
    enum status status = STATUS_OK;
    assert(run);  // for clang-tidy, which does not see that a run that is not new has been found
    if (2 * (run->count + 1) > run->index_count)
        TRY(index_grow(run, run->index_count ? 2 * run->index_count : INDEX_LEAST, apart, err));
    const size_t at = index_of(run, first, apart);
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

enum status run_note(struct tallies *tallies, int64_t day, const struct first *first, int32_t slot,
                     struct error *err)
{
    enum status status = STATUS_OK;
    struct runs *runs = NULL;
    TRY(runs_of(tallies, day, &runs, err));
    for (size_t i = runs->count; i-- > 0 && i + RUNS_OPEN >= runs->count;)
        if (runs->items[i].slot == slot)
            return run_put(tallies, &runs->items[i], first, APART_BY_ASKER, err);
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
    TRY(run_put(tallies, run, first, APART_BY_ASKER, err));
done:
    return status;
}

/* ---- between ranks ---- */

static size_t runs_questions(const struct runs *runs)
{
    size_t count = 0;
    for (size_t i = 0; i < runs->count; i++)
        count += runs->items[i].count;
    return count;
}

static size_t runs_list(const struct tallies *tallies, const struct runs *runs, struct miss *misses)
{
    size_t count = 0;
    for (size_t i = 0; i < runs->count; i++)
        for (size_t m = 0; m < runs->items[i].count; m++) {
            const struct first *first = &runs->items[i].items[m];
            const struct asker *asker = map_at(&tallies->askers, first->asker);
            const struct resolver *resolver = map_at(&tallies->resolvers, first->resolver);
            misses[count++] =
                (struct miss){.name = first->name,
                              .resolver = resolver->hash,
                              .slot = runs->items[i].slot,
                              .qtype = first->qtype,
                              .day = runs->day,
                              .time_ms = (int64_t)runs->items[i].slot * MISS_SLOT_MS + first->ms,
                              .ip = asker->ip};
        }
    return count;
}

enum status tallies_misses(struct tallies *tallies, int64_t first_day, int64_t last_day, bool with_notes,
                           struct miss **misses, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    size_t total = 0;
    for (size_t i = 0; i < tallies->count && with_notes; i++) {
        struct tally *tally = tallies->shards[i];
        if (tally && tally->day >= first_day && tally->day <= last_day)
            TRY(notes_run(tallies, tally, err));
    }
    for (size_t d = 0; d < tallies->run_count; d++)
        if (tallies->runs[d]->day >= first_day && tallies->runs[d]->day <= last_day)
            total += runs_questions(tallies->runs[d]);
    *misses = malloc((total + 1) * sizeof **misses);
    *count = 0;
    if (!*misses)
        return error_set(err, STATUS_NO_MEMORY, "repeated queries", "use more ranks",
                         "no room for %zu questions", total);
    for (size_t d = tallies->run_count; d-- > 0;)
        if (tallies->runs[d]->day >= first_day && tallies->runs[d]->day <= last_day) {
            *count += runs_list(tallies, tallies->runs[d], *misses + *count);
            runs_free(tallies, d);
        }
done:
    return status;
}

/* ---- as bytes ---- */

#define HOUR_SLOTS (3600000 / MISS_SLOT_MS)

/* What stands before the items of a run. */
struct run_head {
    int64_t slot;
    uint64_t count;
};

static int64_t hour_of(int32_t slot)
{
    return slot >= 0 ? slot / HOUR_SLOTS : -((HOUR_SLOTS - 1 - slot) / HOUR_SLOTS);
}

int compare_runs(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* The runs of an hour, one behind the other. */
static enum status hour_pack(const struct run *runs, size_t count, tallies_packed *packed, void *context,
                             struct error *err)
{
    enum status status = STATUS_OK;
    unsigned char *bytes = NULL;
    size_t used = 0, capacity = 0;
    for (size_t i = 0; i < count; i++) {
        const struct run_head head = {runs[i].slot, runs[i].count};
        const size_t item_bytes = runs[i].count * sizeof *runs[i].items;
        TRY(array_reserve(&bytes, &capacity, used + sizeof head + item_bytes, 1, err));
        memcpy(bytes + used, &head, sizeof head);
        memcpy(bytes + used + sizeof head, runs[i].items, item_bytes);
        used += sizeof head + item_bytes;
    }
    TRY(packed(context, hour_of(runs[0].slot), bytes, used, err));
done:
    free(bytes);
    return status;
}

/* Notes of one hour, as candidates of the runs that they would be in. */
static enum status hour_notes_pack(struct tallies *tallies, const struct tally *tally,
                                   const struct miss_slots *slots, size_t from, size_t to,
                                   tallies_packed *packed, void *context, struct error *err)
{
    enum status status = STATUS_OK;
    struct run runs[HOUR_SLOTS] = {{0}};
    size_t count = 0;
    for (size_t slot = from; slot < to; slot++) {
        struct run *run = &runs[count];
        run->slot = slots->first + (int32_t)slot;
        for (size_t i = slot ? slots->ends[slot - 1] : 0; i < slots->ends[slot]; i++) {
            if (!note_competes(&tally->notes.items[i]))
                continue;
            TRY(array_reserve(&run->items, &run->capacity, run->count + 1, sizeof *run->items, err));
            TRY(note_first(tallies, tally, &tally->notes.items[i], &run->items[run->count++], err));
        }
        count += run->count > 0;
    }
    if (count > 0)
        TRY(hour_pack(runs, count, packed, context, err));
done:
    for (size_t i = 0; i < HOUR_SLOTS; i++)
        free(runs[i].items);
    return status;
}

static enum status shard_pack_noted(struct tallies *tallies, struct tally *tally, tallies_packed *packed,
                                    void *context, struct error *err)
{
    enum status status = STATUS_OK;
    struct miss_slots slots = {0};
    if (tally->notes.candidates == 0)
        return STATUS_OK;
    TRY(notes_by_miss_slot(tally, &slots, err));
    for (size_t from = 0, to = 0; from < slots.count; from = to) {
        const int64_t hour = hour_of(slots.first + (int32_t)from);
        while (to < slots.count && hour_of(slots.first + (int32_t)to) == hour)
            to++;
        TRY(hour_notes_pack(tallies, tally, &slots, from, to, packed, context, err));
    }
    notes_retire(tally);
done:
    free(slots.ends);
    return status;
}

enum status tallies_pack_noted(struct tallies *tallies, int64_t day, tallies_packed *packed, void *context,
                               struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < tallies->count; i++)
        if (tallies->shards[i] && tallies->shards[i]->day == day)
            TRY(shard_pack_noted(tallies, tallies->shards[i], packed, context, err));
done:
    return status;
}

void tallies_retire_notes(struct tallies *tallies, int64_t first_day, int64_t last_day)
{
    for (size_t i = 0; i < tallies->count; i++) {
        struct tally *tally = tallies->shards[i];
        if (tally && tally->day >= first_day && tally->day <= last_day)
            notes_retire(tally);
    }
}

enum status tallies_pack_misses(struct tallies *tallies, int64_t day, tallies_packed *packed, void *context,
                                struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t d = 0; d < tallies->run_count; d++) {
        struct runs *runs = tallies->runs[d];
        if (runs->day != day || runs->count == 0)
            continue;
        qsort(runs->items, runs->count, sizeof *runs->items, compare_runs);
        for (size_t from = 0, to = 0; from < runs->count; from = to) {
            while (to < runs->count && hour_of(runs->items[to].slot) == hour_of(runs->items[from].slot))
                to++;
            TRY(hour_pack(&runs->items[from], to - from, packed, context, err));
        }
    }
done:
    tallies_forget_misses(tallies, day);
    return status;
}

enum status tallies_put_misses(struct tallies *tallies, int64_t day, const unsigned char *bytes, size_t count,
                               struct error *err)
{
    enum status status = STATUS_OK;
    struct runs *runs = NULL;
    TRY(runs_of(tallies, day, &runs, err));
    for (size_t at = 0; at < count;) {
        struct run_head head;
        if (count - at < sizeof head)
            return error_set(err, STATUS_CORRUPT, "repeated queries", "", "a packed run ends early");
        memcpy(&head, bytes + at, sizeof head);
        at += sizeof head;
        if (head.count > (count - at) / sizeof(struct first))
            return error_set(err, STATUS_CORRUPT, "repeated queries", "", "a packed run ends early");
        TRY(array_reserve(&runs->items, &runs->capacity, runs->count + 1, sizeof *runs->items, err));
        struct first *kept = NULL;
        TRY(runs_room(runs, head.count * sizeof *kept, &kept, err));
        memcpy(kept, bytes + at, head.count * sizeof *kept);
        at += head.count * sizeof *kept;
        // Before the open ones, which are the last.
        memmove(runs->items + 1, runs->items, runs->count * sizeof *runs->items);
        runs->items[0] = (struct run){.slot = (int32_t)head.slot, .items = kept, .count = head.count};
        runs->count++;
    }
done:
    return status;
}

int miss_owner(const struct miss *miss, int ranks)
{
    return (int)(content_hash(miss, MISS_KEY_BYTES) % (uint64_t)ranks);
}
