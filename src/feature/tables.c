/* The entries of a tally's tables: finding or making them, within the limits of the job. */
#include "tally.h"

#include "base/hash.h"

#include <inttypes.h>
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

enum status tally_row(struct tally *tally, struct row_key key, size_t unit_count, struct row **row,
                      struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&tally->rows, &key, &found, &fresh, err));
    *row = found;
    if (!fresh)
        return STATUS_OK;
    (*row)->counts[ROW_FIRST_MS] = INT64_MAX;
    (*row)->counts[ROW_LAST_MS] = INT64_MIN;
    (*row)->unit_queries = calloc(unit_count, sizeof *(*row)->unit_queries);
    if (!(*row)->unit_queries)
        return error_set(err, STATUS_NO_MEMORY, "features.unit", "use a longer unit or more ranks",
                         "no room for the %zu units of a window", unit_count);
    tally->list_bytes += unit_count * sizeof *(*row)->unit_queries;
done:
    return status;
}

static enum status limit_reached(const struct client *client, const char *key, const char *what, int64_t most,
                                 struct error *err)
{
    char text[IP_TEXT_BYTES];
    (void)ip_write(&client->ip, text);
    return error_set(err, STATUS_LIMIT, key,
                     "raise the limit in the job file, or leave this client out of archive.clients",
                     "%s has more than %" PRId64 " %s", text, most, what);
}

enum status tally_asked(struct tally *tally, const struct tally_plan *plan, struct asked_key key,
                        struct asked **asked, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&tally->asked, &key, &found, &fresh, err));
    *asked = found;
    if (!fresh)
        return STATUS_OK;
    void *slot = NULL;
    TRY(map_put(&tally->slots, &(struct slot_key){key.slot, key.client}, &slot, NULL, err));
    if (++((struct slot *)slot)->names > plan->names_most)
        return limit_reached(map_at(&tally->clients, key.client), "limits.names", "names in one hour",
                             plan->names_most, err);
done:
    return status;
}

enum status tally_pair(struct tally *tally, const struct tally_plan *plan, struct pair_key key,
                       struct pair **pair, struct error *err)
{
    enum status status = STATUS_OK;
    void *found = NULL;
    bool fresh = false;
    TRY(map_put(&tally->pairs, &key, &found, &fresh, err));
    *pair = found;
    if (!fresh)
        return STATUS_OK;
    (*pair)->first_ms = INT64_MAX;
    (*pair)->last_ms = INT64_MIN;
    struct client *client = map_at(&tally->clients, key.client);
    if (++client->pairs > plan->pairs_most)
        return limit_reached(client, "limits.pairs", "registered domains in one day", plan->pairs_most, err);
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

size_t pair_list_bytes(const struct pair *pair)
{
    return (pair->types.capacity + pair->seconds.capacity) * sizeof *pair->types.items;
}

enum status pair_add_type(struct pair *pair, uint32_t qtype, uint32_t queries, struct error *err)
{
    struct list32 *types = &pair->types;
    for (size_t i = 0; i < types->count; i += 2)
        if (types->items[i] == qtype) {
            types->items[i + 1] += queries;
            return STATUS_OK;
        }
    enum status status =
        array_reserve(&types->items, &types->capacity, types->count + 2, sizeof *types->items, err);
    if (status == STATUS_OK) {
        types->items[types->count++] = qtype;
        types->items[types->count++] = queries;
    }
    return status;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void seconds_sort(struct pair *pair)
{
    struct list32 *seconds = &pair->seconds;
    if (pair->sorted < seconds->count)
        qsort(seconds->items, seconds->count, sizeof *seconds->items, compare_u32);
    size_t kept = 0;
    for (size_t i = 0; i < seconds->count; i++)
        if (kept == 0 || seconds->items[kept - 1] != seconds->items[i])
            seconds->items[kept++] = seconds->items[i];
    seconds->count = kept;
    pair->sorted = (uint32_t)kept;
}

void pair_to_units(struct pair *pair, int64_t unit_s)
{
    if (pair->in_units)
        return;
    for (size_t i = 0; i < pair->seconds.count; i++)
        pair->seconds.items[i] /= (uint32_t)unit_s;
    pair->in_units = 1;
    seconds_sort(pair);
}

void pair_settle_seconds(struct pair *pair, int64_t unit_s)
{
    seconds_sort(pair);
    if (!pair->in_units && pair->seconds.count > PAIR_SECONDS_MOST)
        pair_to_units(pair, unit_s);
}

enum status pair_add_second(struct pair *pair, uint32_t second, int64_t unit_s, struct error *err)
{
    struct list32 *seconds = &pair->seconds;
    uint32_t value = pair->in_units ? second / (uint32_t)unit_s : second;
    if (seconds->count > 0 && seconds->items[seconds->count - 1] == value)
        return STATUS_OK;
    // A list that fills up first loses its doubles; only what is then still too long becomes units.
    if (seconds->count == seconds->capacity && seconds->count > PAIR_SECONDS_MOST) {
        pair_settle_seconds(pair, unit_s);
        value = pair->in_units ? second / (uint32_t)unit_s : second;
    }
    enum status status =
        array_reserve(&seconds->items, &seconds->capacity, seconds->count + 1, sizeof *seconds->items, err);
    if (status != STATUS_OK)
        return status;
    bool in_order =
        pair->sorted == seconds->count && (seconds->count == 0 || seconds->items[seconds->count - 1] < value);
    seconds->items[seconds->count++] = value;
    if (in_order)
        pair->sorted = (uint32_t)seconds->count;
    return STATUS_OK;
}

void asked_add_spelling(struct asked *asked, uint64_t spelling, uint16_t case_changes, bool respelled)
{
    if (spelling == 0)
        return;
    asked->respelled |= respelled || (asked->spelling != 0 && asked->spelling != spelling);
    if (asked->spelling == 0 || spelling < asked->spelling) {
        asked->spelling = spelling;
        asked->case_changes = case_changes;
    }
}

void row_count_merge(struct row *row, enum row_count count, int64_t value)
{
    static const enum merge MERGES[] = {
#define COUNT(NAME, name, merge, unit, text) MERGE_##merge,
#include "feature/row_counts.def"
#undef COUNT
    };
    int64_t *now = &row->counts[count];
    switch (MERGES[count]) {
    case MERGE_SUM: *now += value; break;
    case MERGE_MAX: *now = value > *now ? value : *now; break;
    case MERGE_MIN: *now = value < *now ? value : *now; break;
    case MERGE_MADE: break;
    }
}
