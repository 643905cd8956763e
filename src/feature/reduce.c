/* From notes to entries: client by client, so that what is known of its names and domains stays near.
 *
 * The entries of a client lie one behind the other, and each name knows where it was met last. If that place
 * is among the client's entries of the slot, and they agree on the name, it is the right one: so nothing is
 * cleared between clients (Briggs, Torczon 1993, "An efficient representation for sparse sets"). */
#include "crowd.h"
#include "misses.h"

#include <stdlib.h>
#include <string.h>

/* A name's domain, and where its last entry is. */
struct place {
    uint32_t domain, last;
};

/* A type of a pair, of those that are counted one by one. */
struct pair_type {
    uint32_t pair, qtype;
};

struct reduction {
    struct tallies *tallies;
    struct tally *tally;
    struct reduced *into;
    struct place *names;  // [names]
    uint32_t *pair_of_domain;  // [domains]
    uint32_t *pair_of;  // [pair_capacity]: of each note of the client
    size_t pair_of_capacity;
    struct pair_type *types;  // of the client
    size_t type_count, type_capacity;
    struct note *sorted;  // a client's notes by slot, where they are not so already
    size_t sorted_capacity;
    uint32_t slot_ms;
    size_t asked_count;  // of the client
    struct error *err;
};

static enum status no_room(size_t count, struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "queries of a day", "use store.parts or more ranks",
                     "no room for %zu queries", count);
}

static enum status reduction_new(struct reduction *reduction)
{
    const struct tally *tally = reduction->tally;
    const size_t names = tally->names.count;
    reduction->slot_ms = (uint32_t)reduction->tallies->slot_s * 1000;
    reduction->names = large_alloc((names + 1) * sizeof *reduction->names, true);
    reduction->pair_of_domain = large_alloc((tally->domains.count + 1) * sizeof(uint32_t), true);
    if (!reduction->names || !reduction->pair_of_domain)
        return no_room(names, reduction->err);
    for (size_t i = 0; i < names; i++)
        reduction->names[i].domain = ((const struct name *)map_at(&tally->names, i))->domain;
    return STATUS_OK;
}

static void reduction_clear(struct reduction *reduction)
{
    free(reduction->names);
    free(reduction->pair_of_domain);
    free(reduction->pair_of);
    free(reduction->types);
    free(reduction->sorted);
}

/* ---- asked names ---- */

static enum status slot_of(struct reduction *reduction, uint32_t slot, struct reduced_slot **out)
{
    enum status status = STATUS_OK;
    struct reduced *into = reduction->into;
    const size_t had = into->slot_capacity;
    TRY(array_reserve(&into->slots, &into->slot_capacity, slot + 1, sizeof *into->slots, reduction->err));
    if (into->slot_capacity > had)
        memset(into->slots + had, 0, (into->slot_capacity - had) * sizeof *into->slots);
    if (slot >= into->slot_count)
        into->slot_count = slot + 1;
    *out = &into->slots[slot];
done:
    return status;
}

static enum status extra_count(struct reduction *reduction, struct reduced_asked *asked,
                               const struct note *note, bool odd)
{
    enum status status = STATUS_OK;
    struct reduced *into = reduction->into;
    if (asked->extra == 0) {
        TRY(array_reserve(&into->extras, &into->extra_capacity, into->extra_count + 1, sizeof *into->extras,
                          reduction->err));
        into->extras[into->extra_count++] = (struct asked_extra){0};
        if (into->extra_count >= (size_t)1 << 28)
            return error_set(reduction->err, STATUS_LIMIT, "queries of a day", "use store.parts",
                             "more than 2^28 names asked in an odd way");
        asked->extra = into->extra_count & (((uint32_t)1 << 28) - 1);
    }
    struct asked_extra *extra = &into->extras[asked->extra - 1];
    extra->txt += note->qtype == QTYPE_TXT;
    extra->odd += odd;
    if (note->bits & NOTE_MIXED) {
        extra->mixed++;
        spelling_add(&extra->spelling, &extra->case_changes, &extra->respelled,
                     (uint64_t)note[1].ms << 32 | note[1].name, note[1].qtype, false);
    }
done:
    return status;
}

/* Counts a note in the entry of its name among those of the slot from `first` on. */
static inline enum status asked_count(struct reduction *reduction, struct reduced_slot *slot, size_t first,
                                      const struct note *note)
{
    enum status status = STATUS_OK;
    struct place *place = &reduction->names[note->name];
    bool odd = false;
    const uint64_t type = (uint64_t)1 << asked_bit(note->qtype, &odd);
    size_t at = place->last;
    if (at < first || at >= slot->count || slot->items[at].name != note->name) {
        if (slot->count == slot->capacity)
            TRY(array_reserve(&slot->items, &slot->capacity, slot->count + 1, sizeof *slot->items,
                              reduction->err));
        at = slot->count++;
        place->last = (uint32_t)at;
        slot->items[at] = (struct reduced_asked){.client = note->client, .name = note->name};
        reduction->asked_count++;
    }
    struct reduced_asked *asked = &slot->items[at];
    asked->queries++;
    asked->types |= type;
    asked->encodings = (asked->encodings | note->bits) & 15u;
    if (odd || note->qtype == QTYPE_TXT || note->bits & NOTE_MIXED)
        TRY(extra_count(reduction, asked, note, odd));
done:
    return status;
}

/* Whether the client has more names in a slot than are kept. */
static bool is_too_many(const struct reduction *reduction, const struct reduced_slot *slot, size_t first)
{
    return slot && slot->count - first > (size_t)reduction->tallies->plan->names_most;
}

/* Makes the entries of a client's notes, which are in the order of slots. `fits` returns whether all are
 * kept. */
static enum status client_asked(struct reduction *reduction, const struct note *notes, size_t count,
                                bool *fits)
{
    enum status status = STATUS_OK;
    struct reduced_slot *slot = NULL;
    size_t first = 0;
    uint32_t from_ms = 0, to_ms = 0;
    *fits = true;
    reduction->asked_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct note *note = &notes[i];
        if (note->bits & NOTE_SPELLING)
            continue;
        if (note->ms < from_ms || note->ms >= to_ms) {
            const uint32_t number = note->ms / reduction->slot_ms;
            *fits = *fits && !is_too_many(reduction, slot, first);
            TRY(slot_of(reduction, number, &slot));
            first = slot->count;
            from_ms = number * reduction->slot_ms;
            to_ms = from_ms + reduction->slot_ms;
        }
        TRY(asked_count(reduction, slot, first, note));
    }
    *fits = *fits && !is_too_many(reduction, slot, first) &&
            reduction->asked_count <= (size_t)reduction->tallies->plan->ip_names_most;
done:
    return status;
}

/* ---- pairs ---- */

/* Finds the pair of each note of the client, the first of which will be number `first`. */
static enum status client_pairs(struct reduction *reduction, size_t first, const struct note *notes,
                                size_t count)
{
    enum status status = STATUS_OK;
    struct reduced *into = reduction->into;
    TRY(array_reserve(&reduction->pair_of, &reduction->pair_of_capacity, count, sizeof *reduction->pair_of,
                      reduction->err));
    reduction->type_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct note *note = &notes[i];
        if (note->bits & NOTE_SPELLING)
            continue;
        const uint32_t domain = reduction->names[note->name].domain;
        size_t at = reduction->pair_of_domain[domain];
        if (at < first || at >= into->pair_count || into->pairs[at].domain != domain) {
            if (into->pair_count == into->pair_capacity)
                TRY(array_reserve(&into->pairs, &into->pair_capacity, into->pair_count + 1,
                                  sizeof *into->pairs, reduction->err));
            at = into->pair_count++;
            reduction->pair_of_domain[domain] = (uint32_t)at;
            into->pairs[at] = (struct reduced_pair){
                .client = note->client, .domain = domain, .first_ms = note->ms, .last_ms = note->ms};
        }
        struct reduced_pair *pair = &into->pairs[at];
        reduction->pair_of[i] = (uint32_t)at;
        pair->queries++;
        pair->first_ms = note->ms < pair->first_ms ? note->ms : pair->first_ms;
        pair->last_ms = note->ms > pair->last_ms ? note->ms : pair->last_ms;
        if (is_type_listed(note->qtype)) {
            TRY(array_reserve(&reduction->types, &reduction->type_capacity, reduction->type_count + 1,
                              sizeof *reduction->types, reduction->err));
            reduction->types[reduction->type_count++] = (struct pair_type){(uint32_t)at, note->qtype};
        }
    }
done:
    return status;
}

/* Brings the seconds of each of the client's pairs together. */
static enum status client_seconds(struct reduction *reduction, size_t first, const struct note *notes,
                                  size_t count)
{
    enum status status = STATUS_OK;
    struct reduced *into = reduction->into;
    const int64_t unit_s = reduction->tallies->plan->unit_s;
    size_t at = into->second_count;
    TRY(array_reserve(&into->seconds, &into->second_capacity, at + count, sizeof *into->seconds,
                      reduction->err));
    for (size_t i = first; i < into->pair_count; i++) {
        into->pairs[i].seconds_at = at & (UINT64_MAX >> 1);
        at += into->pairs[i].queries;
    }
    for (size_t i = 0; i < count; i++) {
        if (notes[i].bits & NOTE_SPELLING)
            continue;
        struct reduced_pair *pair = &into->pairs[reduction->pair_of[i]];
        uint32_t *seconds = into->seconds + pair->seconds_at;
        const uint32_t second = notes[i].ms / 1000;
        if (pair->second_count == 0 || seconds[pair->second_count - 1] != second)
            seconds[pair->second_count++] = second;
    }
    // What doubles leave free is closed up, from pair to pair.
    for (size_t i = first; i < into->pair_count; i++) {
        struct reduced_pair *pair = &into->pairs[i];
        uint32_t *seconds = into->seconds + into->second_count;
        memmove(seconds, into->seconds + pair->seconds_at, pair->second_count * sizeof *seconds);
        bool in_units = false;
        pair->second_count = seconds_settle(seconds, pair->second_count, unit_s, &in_units);
        pair->in_units = in_units;
        pair->seconds_at = into->second_count & (UINT64_MAX >> 1);
        into->second_count += pair->second_count;
    }
done:
    return status;
}

static int compare_types(const void *a, const void *b)
{
    const struct pair_type *x = a, *y = b;
    if (x->pair != y->pair)
        return x->pair < y->pair ? -1 : 1;
    return (x->qtype > y->qtype) - (x->qtype < y->qtype);
}

/* Counts the types of each of the client's pairs. */
static enum status client_types(struct reduction *reduction)
{
    enum status status = STATUS_OK;
    struct reduced *into = reduction->into;
    const size_t count = reduction->type_count;
    if (count > 1)
        qsort(reduction->types, count, sizeof *reduction->types, compare_types);
    TRY(array_reserve(&into->types, &into->type_capacity, into->type_count + 2 * count, sizeof *into->types,
                      reduction->err));
    for (size_t i = 0, to = 0; i < count; i = to) {
        struct reduced_pair *pair = &into->pairs[reduction->types[i].pair];
        while (to < count && compare_types(&reduction->types[i], &reduction->types[to]) == 0)
            to++;
        if (pair->type_count++ == 0)
            pair->types_at = (uint32_t)into->type_count;
        into->types[into->type_count++] = reduction->types[i].qtype;
        into->types[into->type_count++] = (uint32_t)(to - i);
    }
done:
    return status;
}

/* ---- a client ---- */

/* Two files of one day follow each other, so a client's notes may go back in time. */
static enum status notes_by_slot(struct reduction *reduction, const struct note **notes, size_t count)
{
    enum status status = STATUS_OK;
    uint32_t last = 0;
    size_t *ends = NULL, end = 0;
    bool sorted = true;
    const struct note *from = *notes;
    for (size_t i = 0; i < count && sorted; i++) {
        const uint32_t ms = from[i].bits & NOTE_SPELLING ? last : from[i].ms;
        sorted = ms >= last || ms / reduction->slot_ms == last / reduction->slot_ms;
        last = ms > last ? ms : last;
    }
    if (sorted)
        return STATUS_OK;
    const struct tally *tally = reduction->tally;
    const size_t slots = (size_t)((tally->day_end_s - tally->day_start_s) / reduction->tallies->slot_s) + 1;
    ends = calloc(slots, sizeof *ends);
    if (!ends)
        return no_room(count, reduction->err);
    TRY(array_reserve(&reduction->sorted, &reduction->sorted_capacity, count, sizeof *reduction->sorted,
                      reduction->err));
    for (size_t i = 0; i < count; i++)
        if (!(from[i].bits & NOTE_SPELLING))
            ends[from[i].ms / reduction->slot_ms] += from[i].bits & NOTE_MIXED ? 2 : 1;
    for (size_t slot = 0; slot < slots; slot++) {
        const size_t here = ends[slot];
        ends[slot] = end;
        end += here;
    }
    for (size_t i = 0, slot = 0; i < count; i++) {
        if (!(from[i].bits & NOTE_SPELLING))
            slot = from[i].ms / reduction->slot_ms;
        reduction->sorted[ends[slot]++] = from[i];
    }
    *notes = reduction->sorted;
done:
    free(ends);
    return status;
}

/* Takes back what was made of a client that has more than is kept. */
static void client_undo(struct reduced *into, uint32_t client, size_t extras)
{
    for (size_t slot = 0; slot < into->slot_count; slot++) {
        struct reduced_slot *entries = &into->slots[slot];
        while (entries->count > 0 && entries->items[entries->count - 1].client == client)
            entries->count--;
    }
    into->extra_count = extras;
}

/* Makes the entries of a client; `fits` returns whether all are kept, else there are none. */
static enum status client_reduce(struct reduction *reduction, const struct note *notes, size_t count,
                                 bool *fits)
{
    enum status status = STATUS_OK;
    struct reduced *into = reduction->into;
    const uint32_t client = notes[0].client;
    const size_t first = into->pair_count, extras = into->extra_count;
    TRY(notes_by_slot(reduction, &notes, count));
    TRY(client_asked(reduction, notes, count, fits));
    if (*fits) {
        TRY(client_pairs(reduction, first, notes, count));
        *fits = into->pair_count - first <= (size_t)reduction->tallies->plan->pairs_most;
    }
    if (!*fits) {
        client_undo(into, client, extras);
        into->pair_count = first;
        return STATUS_OK;
    }
    TRY(client_seconds(reduction, first, notes, count));
    TRY(client_types(reduction));
done:
    return status;
}

/* ---- all clients ---- */

/* Who has entries in the tables has all of them there. */
static enum status tabled_take(struct tallies *tallies, struct tally *tally, uint8_t *tabled,
                               struct error *err)
{
    bool any = false;
    for (size_t i = 0; i < tally->clients.count; i++) {
        tabled[i] = ((const struct client *)map_at(&tally->clients, i))->tabled != 0;
        any = any || tabled[i];
    }
    return any ? notes_table(tallies, tally, tabled, err) : STATUS_OK;
}

static enum status clients_reduce(struct reduction *reduction, const size_t *ends, uint8_t *tabled,
                                  bool *all_fit)
{
    enum status status = STATUS_OK;
    const struct tally *tally = reduction->tally;
    for (size_t client = 0; client < tally->clients.count; client++) {
        const size_t from = client ? ends[client - 1] : 0;
        bool fits = true;
        tabled[client] = 0;
        if (ends[client] > from)
            TRY(client_reduce(reduction, tally->notes.items + from, ends[client] - from, &fits));
        tabled[client] = !fits;
        *all_fit = *all_fit && fits;
    }
done:
    return status;
}

enum status notes_reduce(struct tallies *tallies, struct tally *tally, struct error *err)
{
    enum status status = STATUS_OK;
    struct reduction reduction = {.tallies = tallies, .tally = tally, .into = &tally->reduced, .err = err};
    const size_t clients = tally->clients.count;
    uint8_t *tabled = NULL;
    uint32_t *group = NULL;
    size_t *ends = NULL;
    bool all_fit = true;
    if (tally->notes.count == 0 || tally->is_reduced)
        return STATUS_OK;
    tabled = calloc(clients + 1, 1);
    group = malloc((clients + 1) * sizeof *group);
    ends = malloc((clients + 1) * sizeof *ends);
    if (!tabled || !group || !ends) {
        status = no_room(tally->notes.count, err);
        goto done;
    }
    for (size_t i = 0; i < clients; i++)
        group[i] = (uint32_t)i;
    TRY(tabled_take(tallies, tally, tabled, err));
    TRY(notes_sort(&tally->notes, group, clients, ends, err));
    TRY(reduction_new(&reduction));
    TRY(clients_reduce(&reduction, ends, tabled, &all_fit));
    if (!all_fit)
        TRY(notes_table(tallies, tally, tabled, err));
    tally->is_reduced = true;
    if (tally->notes.candidates == 0)
        notes_retire(tally);
done:
    reduction_clear(&reduction);
    free(tabled);
    free(group);
    free(ends);
    return status;
}
