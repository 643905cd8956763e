/* The entries of a tally's tables: finding or making them, within the limits of the job. */
#include "crowd.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status heap_add(struct heap *heap, const void *bytes, size_t count, uint64_t *at, struct error *err)
{
    enum status status = STATUS_OK;
    size_t start = (heap->count + 7) & ~(size_t)7;
    TRY(array_reserve(&heap->bytes, &heap->capacity, start + count + 8, 1, err));
    memset(heap->bytes + heap->count, 0, start - heap->count);
    if (count > 0)
        memcpy(heap->bytes + start, bytes, count);
    *at = start;
    heap->count = start + count;
done:
    return status;
}

enum status list64_insert(struct tally *tally, struct list64 *list, uint64_t value, size_t most,
                          struct error *err)
{
    size_t at = list->count, room = list->capacity;
    while (at > 0 && list->items[at - 1] > value)
        at--;
    if ((at > 0 && list->items[at - 1] == value) || at >= most)
        return STATUS_OK;
    enum status status =
        array_reserve(&list->items, &list->capacity, list->count + 1, sizeof *list->items, err);
    if (status != STATUS_OK)
        return status;
    tally->list_bytes += (list->capacity - room) * sizeof *list->items;
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof *list->items);
    list->items[at] = value;
    if (++list->count > most)
        list->count = most;
    return STATUS_OK;
}

enum status tally_client(struct tally *tally, const struct ip *ip, uint32_t *client, struct error *err)
{
    void *entry = NULL;
    enum status status = map_put(&tally->clients, ip, &entry, NULL, err);
    if (status == STATUS_OK)
        *client =
            (uint32_t)(((unsigned char *)entry - tally->clients.entries) / (ptrdiff_t)sizeof(struct client));
    return status;
}

enum status tally_domain(struct tally *tally, const uint8_t *wire, size_t bytes, uint32_t *domain,
                         struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t hash = content_hash(wire, bytes);
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&tally->domains, &hash, &found, &fresh, err));
    struct domain *entry = found;
    if (fresh) {
        entry->first_ms = INT64_MAX;
        entry->wire_bytes = (uint8_t)bytes;
        TRY(heap_add(&tally->heap, wire, bytes, &entry->wire_at, err));
    }
    *domain = (uint32_t)(entry - (struct domain *)(void *)tally->domains.entries);
done:
    return status;
}

enum status tally_name(struct tally *tally, const struct suffixes *suffixes, const struct qname *qname,
                       uint64_t hash, struct name **name, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&tally->names, &hash, &found, &fresh, err));
    *name = found;
    if (!fresh)
        return STATUS_OK;
    struct name_traits *traits = &(*name)->traits;
    name_traits_find(suffixes, qname, traits);
    (*name)->wire_bytes = qname->bytes;
    TRY(heap_add(&tally->heap, qname->wire, qname->bytes, &(*name)->wire_at, err));
    size_t from = traits->sub_labels ? qname->label_at[traits->sub_labels] : 0;
    TRY(tally_domain(tally, qname->wire + from, qname->bytes - from, &(*name)->domain, err));
done:
    return status;
}

enum status tally_row(struct tally *tally, struct row_key key, struct row **row, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&tally->rows, &key, &found, &fresh, err));
    *row = found;
    if (!fresh)
        return STATUS_OK;
    (*row)->first_ms = INT64_MAX;
    (*row)->last_ms = INT64_MIN;
done:
    return status;
}

/* The slot's table, and in it a place for this client. */
enum status tally_slot(struct tally *tally, uint32_t slot, uint32_t client, struct slot **out,
                       struct error *err)
{
    enum status status = STATUS_OK;
    if (slot >= tally->slot_count) {
        TRY(array_reserve(&tally->slots, &tally->slot_capacity, slot + 1, sizeof *tally->slots, err));
        for (; tally->slot_count <= slot; tally->slot_count++) {
            tally->slots[tally->slot_count] = (struct slot){0};
            map_init(&tally->slots[tally->slot_count].asked, sizeof(struct asked), sizeof(struct asked_key));
            map_init(&tally->slots[tally->slot_count].crowds, sizeof(struct crowd), sizeof(uint64_t));
        }
        // An hour is much like the one before it: its table need not grow step by step again.
        if (slot > 0)
            TRY(map_reserve(&tally->slots[slot].asked, tally->slots[slot - 1].asked.count, err));
    }
    *out = &tally->slots[slot];
    ((struct client *)map_at(&tally->clients, client))->tabled = 1;
    const size_t had = (*out)->client_capacity;
    if (client >= had) {
        TRY(array_reserve(&(*out)->clients, &(*out)->client_capacity, client + 1, sizeof *(*out)->clients,
                          err));
        memset((*out)->clients + had, 0, ((*out)->client_capacity - had) * sizeof *(*out)->clients);
    }
done:
    return status;
}

enum status tally_asked(struct tally *tally, const struct tally_plan *plan, struct slot *slot,
                        struct asked_key key, uint64_t hash, struct asked **asked, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    const struct crowd *crowd = crowd_of(slot, key.client);
    *asked = NULL;
    if (crowd && ((const struct name *)map_at(&tally->names, key.name))->hash > crowd->bound)
        return STATUS_OK;
    TRY(map_put_hashed(&slot->asked, &key, hash, &found, &fresh, err));
    *asked = found;
    if (!fresh)
        return STATUS_OK;
    struct slot_client *client = &slot->clients[key.client];
    (*asked)->next = client->last;
    client->last = (uint32_t)slot->asked.count;
    // What this query adds comes to the crowd, too, once it is one; the entry has none yet.
    if (++client->count > 2 * (uint64_t)plan->names_most)
        TRY(names_limit(tally, slot, key.client, (size_t)plan->names_most, err));
done:
    return status;
}

enum status tally_pair(struct tally *tally, const struct tally_plan *plan, struct pair_key key, uint64_t hash,
                       struct pair **pair, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    *pair = NULL;
    if (tally->is_sampled && !pair_is_kept(tally, key.client, key.domain))
        return STATUS_OK;
    TRY(map_put_hashed(&tally->pairs, &key, hash, &found, &fresh, err));
    *pair = found;
    if (!fresh)
        return STATUS_OK;
    struct client *client = map_at(&tally->clients, key.client);
    client->tabled = 1;
    (*pair)->first_ms = UINT32_MAX;
    (*pair)->second_capacity = PAIR_FEW_SECONDS;
    (*pair)->next = client->last_pair;
    client->last_pair = (uint32_t)tally->pairs.count;
    if (++client->pairs > 2 * (uint64_t)plan->pairs_most)
        TRY(pairs_limit(tally, key.client, (size_t)plan->pairs_most, err));
done:
    return status;
}

enum status tally_source(struct tally *tally, uint64_t resolver, uint32_t window, struct span text,
                         size_t unit_count, struct source **source, struct error *err)
{
    enum status status = STATUS_OK;
    struct source_key key = {resolver, window};
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&tally->sources, &key, &found, &fresh, err));
    *source = found;
    if (!fresh)
        return STATUS_OK;
    (*source)->text_bytes = (uint32_t)text.count;
    TRY(heap_add(&tally->heap, text.at, text.count, &(*source)->text_at, err));
    (*source)->unit_seen = calloc(unit_count, 1);
    if (!(*source)->unit_seen)
        status = error_set(err, STATUS_NO_MEMORY, "features.unit", "use a longer unit or more ranks",
                           "no room for the %zu units of a window", unit_count);
    tally->list_bytes += unit_count;
done:
    return status;
}

enum status tally_record(struct tally *tally, const struct line_record *record, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(array_reserve(&tally->records, &tally->record_capacity, tally->record_count + 1,
                      sizeof *tally->records, err));
    struct record *kept = &tally->records[tally->record_count];
    *kept = (struct record){.line = *record, .path_bytes = strlen(record->path)};
    TRY(heap_add(&tally->heap, record->path, kept->path_bytes, &kept->path_at, err));
    TRY(heap_add(&tally->heap, record->minutes, record->minute_count * sizeof *record->minutes,
                 &kept->minutes_at, err));
    TRY(heap_add(&tally->heap, record->offsets, record->minute_count * sizeof *record->offsets,
                 &kept->offsets_at, err));
    TRY(heap_add(&tally->heap, record->rejects, record->reject_count * sizeof *record->rejects,
                 &kept->rejects_at, err));
    kept->line.path = NULL;
    kept->line.minutes = kept->line.offsets = NULL;
    kept->line.rejects = NULL;
    tally->record_count++;
done:
    return status;
}

void pair_clear(struct pair *pair)
{
    free(pair->types);
    if (pair->second_capacity != PAIR_FEW_SECONDS)
        free(pair->seconds.items);
}

enum status pair_add_type(struct pair *pair, uint32_t qtype, uint32_t queries, struct error *err)
{
    const size_t count = pair->type_count;
    for (size_t i = 0; i < count; i++)
        if (pair->types[2 * i] == qtype) {
            pair->types[2 * i + 1] += queries;
            return STATUS_OK;
        }
    // Full at each power of two.
    if ((count & (count - 1)) == 0) {
        size_t room = count ? 2 * count : 1;
        uint32_t *grown = realloc(pair->types, 2 * room * sizeof *grown);
        if (!grown)
            return error_set(err, STATUS_NO_MEMORY, "types of a pair", "use more ranks or a shorter span",
                             "no room for %zu types", room);
        pair->types = grown;
    }
    pair->types[2 * count] = qtype;
    pair->types[2 * count + 1] = queries;
    pair->type_count++;
    return STATUS_OK;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts and drops doubles; returns how many are left. */
static uint32_t seconds_sort(uint32_t *seconds, uint32_t count)
{
    uint32_t ascending = count > 0, kept = 0;
    while (ascending < count && seconds[ascending - 1] < seconds[ascending])
        ascending++;
    if (ascending == count)
        return count;
    qsort(seconds, count, sizeof *seconds, compare_u32);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || seconds[kept - 1] != seconds[i])
            seconds[kept++] = seconds[i];
    return kept;
}

static uint32_t seconds_to_units(uint32_t *seconds, uint32_t count, int64_t unit_s)
{
    for (uint32_t i = 0; i < count; i++)
        seconds[i] /= (uint32_t)unit_s;
    return seconds_sort(seconds, count);
}

uint32_t seconds_settle(uint32_t *seconds, uint32_t count, int64_t unit_s, bool *in_units)
{
    count = seconds_sort(seconds, count);
    if (!*in_units && count > PAIR_SECONDS_MOST) {
        *in_units = true;
        count = seconds_to_units(seconds, count, unit_s);
    }
    return count;
}

void pair_to_units(struct pair *pair, int64_t unit_s)
{
    if (pair->in_units)
        return;
    pair->second_count = seconds_to_units(pair_seconds(pair), pair->second_count, unit_s);
    pair->in_units = 1;
}

void pair_settle_seconds(struct pair *pair, int64_t unit_s)
{
    bool in_units = pair->in_units;
    pair->second_count = seconds_settle(pair_seconds(pair), pair->second_count, unit_s, &in_units);
    pair->in_units = in_units;
}

static enum status seconds_grow(struct pair *pair, struct error *err)
{
    const bool few = pair->second_capacity == PAIR_FEW_SECONDS;
    const uint32_t room =
        4 * PAIR_FEW_SECONDS > 2 * pair->second_capacity ? 4 * PAIR_FEW_SECONDS : 2 * pair->second_capacity;
    uint32_t *grown = realloc(few ? NULL : pair->seconds.items, room * sizeof *grown);
    if (!grown)
        return error_set(err, STATUS_NO_MEMORY, "seconds of a pair", "use more ranks or a shorter span",
                         "no room for %u seconds", room);
    if (few)
        memcpy(grown, pair->seconds.few, sizeof pair->seconds.few);
    pair->seconds.items = grown;
    pair->second_capacity = room;
    return STATUS_OK;
}

enum status pair_add_second(struct pair *pair, uint32_t second, int64_t unit_s, struct error *err)
{
    uint32_t value = pair->in_units ? second / (uint32_t)unit_s : second;
    uint32_t count = pair->second_count;
    if (count > 0 && pair_seconds(pair)[count - 1] == value)
        return STATUS_OK;
    // A list that fills up first loses its doubles; only what is then still too long becomes units.
    if (count == pair->second_capacity && count > PAIR_SECONDS_MOST) {
        pair_settle_seconds(pair, unit_s);
        value = pair->in_units ? second / (uint32_t)unit_s : second;
        count = pair->second_count;
    }
    if (count == pair->second_capacity) {
        enum status status = seconds_grow(pair, err);
        if (status != STATUS_OK)
            return status;
    }
    uint32_t *seconds = pair_seconds(pair);
    seconds[count] = value;
    pair->second_count = count + 1;
    return STATUS_OK;
}

void spelling_add(uint64_t *kept, uint16_t *kept_changes, uint8_t *kept_respelled, uint64_t spelling,
                  uint16_t case_changes, bool respelled)
{
    if (spelling == 0)
        return;
    *kept_respelled |= respelled || (*kept != 0 && *kept != spelling);
    if (*kept == 0 || spelling < *kept) {
        *kept = spelling;
        *kept_changes = case_changes;
    }
}
