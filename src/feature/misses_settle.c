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

static enum status miss_count(struct settling *settling, int64_t day, const struct first *first,
                              int64_t time_ms, struct error *err)
{
    enum status status = STATUS_OK;
    struct tallies *tallies = settling->tallies;
    struct asker *asker = map_at(&tallies->askers, first->asker);
    if (!asker->watched)
        return STATUS_OK;
    // The name at the bound itself tells where the bound lies, and nothing else.
    const uint64_t bound = bound_at(settling, asker, day, time_ms);
    struct win win = {.ip = asker->ip,
                      .day = day,
                      .slot = slot_of_time(tallies, day, time_ms),
                      .misses = bound == 0 || first->name < bound,
                      .misses_ptr = (bound == 0 || first->name < bound) && first->qtype == 12};
    if (!settling->wins)
        return win_add(tallies, asker, &win, err);
    void *found = NULL;
    TRY(map_put(settling->wins, &win, &found, NULL, err));
    ((struct win *)found)->misses += win.misses;
    ((struct win *)found)->misses_ptr += win.misses_ptr;
done:
    return status;
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

static enum status runs_settle(struct settling *settling, struct runs *runs, struct error *err)
{
    enum status status = STATUS_OK;
    struct run room = {0};
    if (runs->count > 1)
        qsort(runs->items, runs->count, sizeof *runs->items, compare_runs);
    for (size_t from = 0, to = 0; from < runs->count; from = to) {
        while (to < runs->count && runs->items[to].slot == runs->items[from].slot)
            to++;
        TRY(slot_settle(settling, runs->day, &runs->items[from], to - from, &room, err));
    }
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
    for (size_t i = 0; i < tallies->run_count; i++)
        if (tallies->runs[i]->day == day)
            TRY(runs_settle(&settling, tallies->runs[i], err));
    tallies_forget_misses(tallies, day);
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
    for (size_t i = 0; i < tallies->run_count; i++)
        if (tallies->runs[i]->day == day)
            TRY(runs_settle(&settling, tallies->runs[i], err));
    tallies_forget_misses(tallies, day);
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

enum status tallies_settle(struct tallies *tallies, const struct miss *misses, size_t count,
                           const struct name_bound *bounds, size_t bound_count, struct win **wins,
                           size_t *win_count, struct error *err)
{
    enum status status = STATUS_OK;
    struct map known, won;
    struct settling settling = {.tallies = tallies, .bounds = &known, .wins = &won};
    const struct own_runs own = own_runs_hide(tallies);
    map_init(&won, sizeof(struct win), offsetof(struct win, misses));
    TRY(bounds_put(&known, bounds, bound_count, err));
    for (size_t i = 0; i < count; i++) {
        const struct miss *miss = &misses[i];
        struct first first = {.name = miss->name,
                              .ms = (uint32_t)(miss->time_ms - (int64_t)miss->slot * MISS_SLOT_MS),
                              .qtype = (uint16_t)miss->qtype};
        TRY(asker_of(tallies, &miss->ip, &first.asker, err));
        TRY(resolver_of(tallies, miss->resolver, &first.resolver, err));
        TRY(run_note(tallies, miss->day, &first, miss->slot, err));
    }
    for (; tallies->run_count > 0; runs_free(tallies, 0))
        TRY(runs_settle(&settling, tallies->runs[0], err));
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
