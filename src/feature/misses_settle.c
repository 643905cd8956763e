/* Who was the first to ask a question in its slot, when all is read: those are left out who asked for more
 * than is kept of them. */
#include "crowd.h"
#include "misses.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* ---- bounds ---- */

/* In the place of a slot: the bound of all unwatched clients of the day and part. */
#define UNWATCHED_SLOT (-1)

static struct ip unwatched_ip(int part)
{
    struct ip ip = {{(uint8_t)part}};
    return ip;
}

static enum status bound_put(struct map *bounds, const struct ip *ip, int64_t day, int64_t slot,
                             uint64_t hash, struct error *err)
{
    struct name_bound key = {.ip = *ip, .day = day, .slot = slot};
    void *found = NULL;
    enum status status = map_put(bounds, &key, &found, NULL, err);
    if (status == STATUS_OK)
        ((struct name_bound *)found)->hash = hash;
    return status;
}

static enum status bounds_of(const struct tally *tally, struct map *bounds, struct error *err)
{
    enum status status = STATUS_OK;
    const struct ip unwatched = unwatched_ip(tally->part);
    for (size_t s = 0; s < tally->slot_count; s++)
        for (size_t i = 0; i < tally->slots[s].crowds.count; i++) {
            const struct crowd *crowd = map_at(&tally->slots[s].crowds, i);
            const struct client *client = map_at(&tally->clients, crowd->client);
            TRY(bound_put(bounds, &client->ip, tally->day, (int64_t)s, crowd->bound, err));
        }
    if (tally->unwatched_names.bound != 0)
        TRY(bound_put(bounds, &unwatched, tally->day, UNWATCHED_SLOT, tally->unwatched_names.bound, err));
done:
    return status;
}

static void bounds_init(struct map *bounds)
{
    map_init(bounds, sizeof(struct name_bound), offsetof(struct name_bound, hash));
}

enum status tallies_bounds(const struct tallies *tallies, int64_t first_day, int64_t last_day,
                           struct name_bound **bounds, size_t *count, struct error *err)
{
    enum status status = STATUS_OK;
    struct map found;
    bounds_init(&found);
    for (size_t i = 0; i < tallies->count; i++)
        if (tallies->shards[i] && tallies->shards[i]->day >= first_day && tallies->shards[i]->day <= last_day)
            TRY(bounds_of(tallies->shards[i], &found, err));
    *bounds = (void *)found.entries;
    *count = found.count;
    found.entries = NULL;
done:
    map_clear(&found);
    return status;
}

/* ---- settling ---- */

/* Where settled misses go: to their rows at once, or into a list for the rows' owners. */
struct settling {
    struct tallies *tallies;
    const struct map *bounds;
    struct map *wins;  // of struct win; NULL: the rows are here
};

static int64_t slot_of_time(const struct tallies *tallies, int64_t day, int64_t time_ms)
{
    return (time_ms - zone_day_start(tallies->plan->zone, day) * 1000) / (tallies->slot_s * 1000);
}

/* The bound of an asker at a time; 0: all names count. */
static uint64_t bound_at(const struct settling *settling, const struct asker *asker, int64_t day,
                         int64_t time_ms)
{
    if (settling->bounds->count == 0)
        return 0;
    struct name_bound key = {.ip = asker->ip, .day = day, .slot = UNWATCHED_SLOT};
    if (asker->watched)
        key.slot = slot_of_time(settling->tallies, day, time_ms);
    else
        key.ip = unwatched_ip(asker->part);
    const struct name_bound *found = map_get(settling->bounds, &key);
    return found ? found->hash : 0;
}

/* A miss is kept in its row's own tick until the row is finished, and only then taken from its queries: so it
 * merges like any other count. */
static enum status win_add(struct tallies *tallies, struct asker *asker, const struct win *win,
                           struct error *err)
{
    enum status status = STATUS_OK;
    struct tally *tally = NULL;
    struct row *row = NULL;
    TRY(tally_of(tallies, win->day, asker->part, &tally, err));
    TRY(asker_enter(asker, tally, err));
    struct crowd *crowd =
        (size_t)win->slot < tally->slot_count ? crowd_of(&tally->slots[win->slot], asker->client) : NULL;
    if (crowd) {
        crowd->misses += win->misses;
        crowd->misses_ptr += win->misses_ptr;
        return STATUS_OK;
    }
    const uint32_t window = (uint32_t)(win->slot * tallies->slot_s / tallies->plan->window_s);
    TRY(asker_row(asker, tally, window, &row, err));
    tick_add(row, TICK_MISSES, (uint32_t)win->misses);
    tick_add(row, TICK_MISSES_PTR, (uint32_t)win->misses_ptr);
done:
    return status;
}

/* Adds wins to their row, or to the list. */
static enum status win_count(void *context, const struct win *win, struct error *err)
{
    enum status status = STATUS_OK;
    struct settling *settling = context;
    struct tallies *tallies = settling->tallies;
    void *found = NULL;
    uint32_t asker = 0;
    if (!settling->wins) {
        TRY(asker_of(tallies, &win->ip, &asker, err));
        return win_add(tallies, map_at(&tallies->askers, asker), win, err);
    }
    TRY(map_put(settling->wins, win, &found, NULL, err));
    ((struct win *)found)->misses += win->misses;
    ((struct win *)found)->misses_ptr += win->misses_ptr;
done:
    return status;
}

static enum status miss_count(struct settling *settling, int64_t day, const struct first *first,
                              int64_t time_ms, struct error *err)
{
    struct tallies *tallies = settling->tallies;
    const struct asker *asker = map_at(&tallies->askers, first->asker);
    if (!asker->watched)
        return STATUS_OK;
    // The name at the bound itself tells where the bound lies, and nothing else.
    const uint64_t bound = bound_at(settling, asker, day, time_ms);
    const struct win win = {.ip = asker->ip,
                            .day = day,
                            .slot = slot_of_time(tallies, day, time_ms),
                            .misses = bound == 0 || first->name < bound,
                            .misses_ptr = (bound == 0 || first->name < bound) && first->qtype == QTYPE_PTR};
    return win_count(settling, &win, err);
}

/* Runs of one slot of a day: of each question the first asker wins, those left out who asked beyond their
 * bound. `room` is used again and again. */
static enum status slot_settle(struct settling *settling, int64_t day, const struct run *runs, size_t count,
                               struct run *room, struct error *err)
{
    enum status status = STATUS_OK;
    struct tallies *tallies = settling->tallies;
    const int64_t slot_ms = (int64_t)runs[0].slot * MISS_SLOT_MS;
    room->count = 0;
    if (room->index)
        memset(room->index, 0, room->index_count * sizeof *room->index);
    for (size_t i = 0; i < count; i++)
        for (size_t m = 0; m < runs[i].count; m++) {
            const struct first *first = &runs[i].items[m];
            const struct asker *asker = map_at(&tallies->askers, first->asker);
            if (is_kept(first->name, bound_at(settling, asker, day, slot_ms + first->ms)))
                TRY(run_put(tallies, room, first, APART_BY_QUESTION, err));
        }
    for (size_t m = 0; m < room->count; m++)
        TRY(miss_count(settling, day, &room->items[m], slot_ms + room->items[m].ms, err));
done:
    return status;
}

/* Runs of a slot that stand at `at` of a list by slot; returns how many. */
static size_t runs_at(const struct runs *runs, size_t at, int32_t slot)
{
    size_t count = 0;
    while (runs && at + count < runs->count && runs->items[at + count].slot == slot)
        count++;
    return count;
}

/* Candidates of both kinds in one slot: the notes become another run. */
static enum status mixed_settle(struct settling *settling, const struct tally *tally, int32_t slot,
                                const struct run *runs, size_t count, const struct note *notes,
                                size_t note_count, struct run *room, struct error *err)
{
    enum status status = STATUS_OK;
    struct run *all = calloc(count + 1, sizeof *all);
    if (!all)
        return error_set(err, STATUS_NO_MEMORY, "repeated queries", "", "no room for a slot");
    if (runs)
        memcpy(all, runs, count * sizeof *all);
    struct run *noted = &all[count];
    noted->slot = slot;
    for (size_t i = 0; i < note_count; i++) {
        if (!note_competes(&notes[i]))
            continue;
        TRY(array_reserve(&noted->items, &noted->capacity, noted->count + 1, sizeof *noted->items, err));
        TRY(note_first(settling->tallies, tally, &notes[i], &noted->items[noted->count++], err));
    }
    TRY(slot_settle(settling, tally->day, all, count + 1, room, err));
done:
    free(noted->items);
    free(all);
    return status;
}

/* A day of one tally with notes, and with runs or without. */
static enum status notes_settle(struct settling *settling, struct tally *tally, const struct runs *runs,
                                struct run *room, struct error *err)
{
    enum status status = STATUS_OK;
    struct miss_slots slots = {0};
    struct contest *contest = NULL;
    size_t run = 0;
    TRY(notes_by_miss_slot(tally, &slots, err));
    TRY(contest_new(settling->tallies, tally, win_count, settling, &contest, err));
    for (size_t i = 0; i < slots.count; i++) {
        const int32_t slot = slots.first + (int32_t)i;
        const size_t from = i ? slots.ends[i - 1] : 0, count = slots.ends[i] - from;
        const struct note *notes = tally->notes.items + from;
        const size_t beside = runs_at(runs, run, slot);
        bool settled = false;
        if (beside == 0)
            TRY(contest_slot(contest, notes, count, &settled, err));
        if (!settled)
            TRY(mixed_settle(settling, tally, slot, runs ? &runs->items[run] : NULL, beside, notes, count,
                             room, err));
        run += beside;
    }
    TRY(contest_end(contest, err));
    notes_retire(tally);
done:
    contest_free(contest);
    free(slots.ends);
    return status;
}

static enum status runs_settle(struct settling *settling, const struct runs *runs, struct run *room,
                               struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t from = 0, count = 0; from < runs->count; from += count) {
        count = runs_at(runs, from, runs->items[from].slot);
        TRY(slot_settle(settling, runs->day, &runs->items[from], count, room, err));
    }
done:
    return status;
}

static struct runs *runs_find(const struct tallies *tallies, int64_t day)
{
    for (size_t i = 0; i < tallies->run_count; i++)
        if (tallies->runs[i]->day == day)
            return tallies->runs[i];
    return NULL;
}

/* Candidates of a day in runs and in notes. */
static enum status day_settle(struct settling *settling, int64_t day, struct error *err)
{
    enum status status = STATUS_OK;
    struct tallies *tallies = settling->tallies;
    struct tally *noted = NULL;
    struct run room = {0};
    // The parts of a day have numbers of their own: notes of only one can compete as they are.
    for (size_t i = 0; i < tallies->count; i++) {
        struct tally *tally = tallies->shards[i];
        if (!tally || tally->day != day || tally->notes.candidates == 0)
            continue;
        if (noted || tallies->plan->parts > 1)
            TRY(notes_run(tallies, tally, err));
        else
            noted = tally;
    }
    struct runs *runs = runs_find(tallies, day);
    if (runs && runs->count > 1)
        qsort(runs->items, runs->count, sizeof *runs->items, compare_runs);
    if (noted)
        TRY(notes_settle(settling, noted, runs, &room, err));
    else if (runs)
        TRY(runs_settle(settling, runs, &room, err));
    tallies_forget_misses(tallies, day);
done:
    run_free(&room);
    return status;
}

enum status tallies_settle_day(struct tallies *tallies, int64_t day, struct error *err)
{
    enum status status = STATUS_OK;
    struct map bounds;
    struct settling settling = {.tallies = tallies, .bounds = &bounds};
    bounds_init(&bounds);
    for (size_t i = 0; i < tallies->count; i++)
        if (tallies->shards[i] && tallies->shards[i]->day == day)
            TRY(bounds_of(tallies->shards[i], &bounds, err));
    TRY(day_settle(&settling, day, err));
done:
    map_clear(&bounds);
    return status;
}

/* What was found out goes into a list. */
static void wins_take(struct map *won, struct win **wins, size_t *count)
{
    *wins = (void *)won->entries;
    *count = won->count;
    won->entries = NULL;
    map_clear(won);
}

static enum status bounds_put(struct map *known, const struct name_bound *bounds, size_t count,
                              struct error *err)
{
    enum status status = STATUS_OK;
    bounds_init(known);
    for (size_t i = 0; i < count; i++)
        TRY(bound_put(known, &bounds[i].ip, bounds[i].day, bounds[i].slot, bounds[i].hash, err));
done:
    return status;
}

enum status tallies_settle_own(struct tallies *tallies, int64_t day, const struct name_bound *bounds,
                               size_t bound_count, struct win **wins, size_t *win_count, struct error *err)
{
    enum status status = STATUS_OK;
    struct map known, won;
    struct settling settling = {.tallies = tallies, .bounds = &known, .wins = &won};
    map_init(&won, sizeof(struct win), offsetof(struct win, misses));
    TRY(bounds_put(&known, bounds, bound_count, err));
    TRY(day_settle(&settling, day, err));
    wins_take(&won, wins, win_count);
done:
    map_clear(&known);
    map_clear(&won);
    return status;
}

/* The tallies' own candidates are left aside. */
struct own_runs {
    struct runs **runs;
    size_t count, capacity;
};

static struct own_runs own_runs_hide(struct tallies *tallies)
{
    const struct own_runs own = {tallies->runs, tallies->run_count, tallies->run_capacity};
    tallies->runs = NULL;
    tallies->runs_now = NULL;
    tallies->run_count = tallies->run_capacity = 0;
    return own;
}

static void own_runs_show(struct tallies *tallies, const struct own_runs *own)
{
    while (tallies->run_count > 0)
        runs_free(tallies, 0);
    free(tallies->runs);
    tallies->runs = own->runs;
    tallies->run_count = own->count;
    tallies->run_capacity = own->capacity;
}

/* Notes candidates that came from other ranks. */
static enum status misses_note(struct tallies *tallies, const struct miss *misses, size_t count,
                               struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        const struct miss *miss = &misses[i];
        struct first first = {.name = miss->name,
                              .ms = (uint32_t)(miss->time_ms - (int64_t)miss->slot * MISS_SLOT_MS),
                              .qtype = (uint16_t)miss->qtype};
        TRY(asker_of(tallies, &miss->ip, &first.asker, err));
        TRY(resolver_of(tallies, miss->resolver, &first.resolver, err));
        TRY(run_note(tallies, miss->day, &first, miss->slot, err));
    }
done:
    return status;
}

/* Notes of days that nobody sent candidates of. */
static enum status noted_settle(struct settling *settling, const struct day_range *days, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tallies *tallies = settling->tallies;
    for (size_t i = 0; i < tallies->count; i++) {
        const struct tally *tally = tallies->shards[i];
        if (tally && tally->day >= days->first && tally->day <= days->last && tally->notes.candidates > 0)
            TRY(day_settle(settling, tally->day, err));
    }
done:
    return status;
}

enum status tallies_settle(struct tallies *tallies, const struct day_range *days, const struct miss *misses,
                           size_t count, const struct name_bound *bounds, size_t bound_count,
                           struct win **wins, size_t *win_count, struct error *err)
{
    enum status status = STATUS_OK;
    struct map known, won;
    struct settling settling = {.tallies = tallies, .bounds = &known, .wins = &won};
    const struct own_runs own = own_runs_hide(tallies);
    map_init(&won, sizeof(struct win), offsetof(struct win, misses));
    TRY(bounds_put(&known, bounds, bound_count, err));
    TRY(misses_note(tallies, misses, count, err));
    while (tallies->run_count > 0)
        TRY(day_settle(&settling, tallies->runs[0]->day, err));
    TRY(noted_settle(&settling, days, err));
    wins_take(&won, wins, win_count);
done:
    own_runs_show(tallies, &own);
    map_clear(&known);
    map_clear(&won);
    return status;
}

int win_part(const struct win *win, int parts)
{
    return parts == 1 ? 0 : (int)(content_hash(&win->ip, sizeof win->ip) % (uint64_t)parts);
}

enum status tallies_wins(struct tallies *tallies, const struct win *wins, size_t count, int slices, int slice,
                         struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        uint32_t asker = 0;
        if (slices > 1 && tally_slice(&wins[i].ip, TALLY_SLICES) * slices / TALLY_SLICES != slice)
            continue;
        TRY(asker_of(tallies, &wins[i].ip, &asker, err));
        TRY(win_add(tallies, map_at(&tallies->askers, asker), &wins[i], err));
    }
done:
    return status;
}
