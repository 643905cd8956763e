/* The parts of a day as one table, as if the day had never been cut. Clients are disjoint between parts;
 * names and domains are not, so they are united by content and what refers to them is renumbered. */
#include "shard.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define DOMAIN_CLIENTS_MOST 64

/* An entry of some part, and what it is ordered by. A hash stands in `octets`, most significant byte first.
 */
struct entry {
    int64_t time;
    uint8_t octets[16];
    uint32_t index;
    uint32_t part;
    size_t at;
};

/* The entries of one table over all parts. */
struct entries {
    struct entry *items;
    size_t count;
};

struct merging {
    const struct day_table *parts;
    size_t part_count;
    struct day_table *merged;
    struct entries rows, asked, pairs, names, domains;
    uint32_t **name_place, **domain_place;  // [part][entry]: place in the merged table
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    int order = memcmp(x->octets, y->octets, sizeof x->octets);
    if (order == 0)
        order = (x->index > y->index) - (x->index < y->index);
    return order ? order : (x->part > y->part) - (x->part < y->part);
}

static bool is_same(const struct entry *x, const struct entry *y)
{
    return x->time == y->time && x->index == y->index && memcmp(x->octets, y->octets, sizeof x->octets) == 0;
}

typedef void fill_entry(const struct merging *merging, const struct day_table *part, struct entry *entry);

static enum status entries_make(const struct merging *merging, enum day_dimension dimension, fill_entry *fill,
                                struct entries *entries, struct error *err)
{
    size_t count = 0;
    for (size_t p = 0; p < merging->part_count; p++)
        count += merging->parts[p].size[dimension];
    entries->items = calloc(count + 1, sizeof *entries->items);
    if (!entries->items)
        return error_set(err, STATUS_NO_MEMORY, "merging a day", "", "no room for %zu entries", count);
    for (size_t p = 0; p < merging->part_count; p++)
        for (size_t i = 0; i < merging->parts[p].size[dimension]; i++) {
            struct entry *entry = &entries->items[entries->count++];
            entry->part = (uint32_t)p;
            entry->at = i;
            fill(merging, &merging->parts[p], entry);
        }
    qsort(entries->items, entries->count, sizeof *entries->items, compare_entries);
    return STATUS_OK;
}

static void hash_into(struct entry *entry, uint64_t hash)
{
    for (int byte = 0; byte < 8; byte++)
        entry->octets[byte] = (uint8_t)(hash >> (56 - 8 * byte));
}

static void fill_row(const struct merging *merging, const struct day_table *part, struct entry *entry)
{
    (void)merging;
    entry->time = part->row_window[entry->at];
    memcpy(entry->octets, &part->row_ip[16 * entry->at], 16);
}

static void fill_asked(const struct merging *merging, const struct day_table *part, struct entry *entry)
{
    entry->time = part->asked_slot[entry->at];
    entry->index = merging->name_place[entry->part][part->asked_name[entry->at]];
    memcpy(entry->octets, &part->asked_ip[16 * entry->at], 16);
}

static void fill_pair(const struct merging *merging, const struct day_table *part, struct entry *entry)
{
    entry->index = merging->domain_place[entry->part][part->pair_domain[entry->at]];
    memcpy(entry->octets, &part->pair_ip[16 * entry->at], 16);
}

static void fill_name(const struct merging *merging, const struct day_table *part, struct entry *entry)
{
    (void)merging;
    hash_into(entry, part->name_hash[entry->at]);
}

static void fill_domain(const struct merging *merging, const struct day_table *part, struct entry *entry)
{
    (void)merging;
    hash_into(entry, part->domain_hash[entry->at]);
}

/* Where each part's entries go when equal ones become one; returns how many are left. */
static enum status places_make(const struct merging *merging, enum day_dimension dimension,
                               const struct entries *entries, uint32_t **places, size_t *count,
                               struct error *err)
{
    for (size_t p = 0; p < merging->part_count; p++) {
        places[p] = calloc(merging->parts[p].size[dimension] + 1, sizeof *places[p]);
        if (!places[p])
            return error_set(err, STATUS_NO_MEMORY, "merging a day", "", "no room for the places of a part");
    }
    *count = 0;
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->items[i];
        *count += i == 0 || !is_same(entry, entry - 1);
        places[entry->part][entry->at] = (uint32_t)(*count - 1);
    }
    return STATUS_OK;
}

/* Copies entry `at` of a part to place `to`, in every column of the dimension. Ends and indices are mended
 * later. */
static void entry_copy(const struct merging *merging, enum day_dimension dimension, const struct entry *entry,
                       size_t to)
{
    for (int c = 0; c < DAY_COLUMNS; c++) {
        enum day_column column = (enum day_column)c;
        if (day_column_info(column)->dimension != dimension)
            continue;
        const struct day_table *part = &merging->parts[entry->part];
        size_t bytes = day_column_width(part, column) * column_type_bytes(day_column_info(column)->type);
        memcpy((unsigned char *)*day_column_array(merging->merged, column) + to * bytes,
               (const unsigned char *)day_column_values(part, column) + entry->at * bytes, bytes);
    }
}

static int64_t begin_of(const int64_t *ends, size_t at)
{
    return at ? ends[at - 1] : 0;
}

/* Appends one entry's bytes to a text heap; returns the heap's new end. */
static int64_t text_append(char *heap, int64_t end, const char *from, const int64_t *ends, size_t at)
{
    int64_t begin = begin_of(ends, at);
    memcpy(heap + end, from + begin, (size_t)(ends[at] - begin));
    return end + ends[at] - begin;
}

static void names_fill(struct merging *merging)
{
    struct day_table *merged = merging->merged;
    int64_t end = 0;
    size_t to = 0;
    for (size_t i = 0; i < merging->names.count; i++) {
        const struct entry *entry = &merging->names.items[i];
        const struct day_table *part = &merging->parts[entry->part];
        if (i > 0 && is_same(entry, entry - 1))
            continue;
        entry_copy(merging, DAY_name, entry, to);
        end = text_append(merged->name_text, end, part->name_text, part->name_text_end, entry->at);
        merged->name_text_end[to] = end;
        merged->name_domain[to] = merging->domain_place[entry->part][part->name_domain[entry->at]];
        to++;
    }
}

/* Unites two ascending lists of hashes, the least 64 of them, into `out`; returns how many there are. */
static size_t clients_unite(uint64_t *out, size_t count, const uint64_t *more, size_t more_count)
{
    uint64_t united[DOMAIN_CLIENTS_MOST];
    size_t at = 0, from = 0, to = 0;
    while (to < DOMAIN_CLIENTS_MOST && (at < count || from < more_count)) {
        uint64_t next = from == more_count || (at < count && out[at] < more[from]) ? out[at] : more[from];
        at += at < count && out[at] == next;
        from += from < more_count && more[from] == next;
        united[to++] = next;
    }
    memcpy(out, united, to * sizeof *united);
    return to;
}

static void domains_fill(struct merging *merging)
{
    struct day_table *merged = merging->merged;
    int64_t end = 0;
    uint64_t clients[DOMAIN_CLIENTS_MOST];
    size_t client_count = 0, to = 0, client_end = 0;
    for (size_t i = 0; i < merging->domains.count; i++) {
        const struct entry *entry = &merging->domains.items[i];
        const struct day_table *part = &merging->parts[entry->part];
        bool is_new = i == 0 || !is_same(entry, entry - 1);
        if (is_new) {
            client_count = 0;
            entry_copy(merging, DAY_domain, entry, to);
            end = text_append(merged->domain_text, end, part->domain_text, part->domain_text_end, entry->at);
            merged->domain_text_end[to] = end;
            merged->domain_names[to] = 0;
            to++;
        } else {
            merged->domain_queries[to - 1] += part->domain_queries[entry->at];
            if (part->domain_first_ms[entry->at] < merged->domain_first_ms[to - 1])
                merged->domain_first_ms[to - 1] = part->domain_first_ms[entry->at];
        }
        int64_t begin = begin_of(part->domain_client_end, entry->at);
        client_count = clients_unite(clients, client_count, part->client_hash + begin,
                                     (size_t)(part->domain_client_end[entry->at] - begin));
        if (i + 1 < merging->domains.count && is_same(entry, entry + 1))
            continue;
        memcpy(merged->client_hash + client_end, clients, client_count * sizeof *clients);
        client_end += client_count;
        merged->domain_client_end[to - 1] = (int64_t)client_end;
    }
    merged->size[DAY_client] = client_end;  // room was made for all parts' clients
}

static void rows_fill(struct merging *merging)
{
    for (size_t i = 0; i < merging->rows.count; i++)
        entry_copy(merging, DAY_row, &merging->rows.items[i], i);
    for (size_t i = 0; i < merging->asked.count; i++) {
        entry_copy(merging, DAY_asked, &merging->asked.items[i], i);
        merging->merged->asked_name[i] = merging->asked.items[i].index;
    }
}

static void pairs_fill(struct merging *merging)
{
    struct day_table *merged = merging->merged;
    size_t type = 0, second = 0;
    for (size_t i = 0; i < merging->pairs.count; i++) {
        const struct entry *entry = &merging->pairs.items[i];
        const struct day_table *part = &merging->parts[entry->part];
        entry_copy(merging, DAY_pair, entry, i);
        merged->pair_domain[i] = entry->index;
        for (int64_t t = begin_of(part->pair_type_end, entry->at); t < part->pair_type_end[entry->at];
             t++, type++) {
            merged->type_number[type] = part->type_number[t];
            merged->type_queries[type] = part->type_queries[t];
        }
        for (int64_t s = begin_of(part->pair_second_end, entry->at); s < part->pair_second_end[entry->at];
             s++)
            merged->second_of_day[second++] = part->second_of_day[s];
        merged->pair_type_end[i] = (int64_t)type;
        merged->pair_second_end[i] = (int64_t)second;
    }
}

/* Resolvers and files are in the first part alone. */
static void others_copy(struct merging *merging)
{
    static const enum day_dimension FIRST_ONLY[] = {
        DAY_source, DAY_source_byte, DAY_line, DAY_line_path_byte, DAY_minute, DAY_reject, DAY_reject_byte};
    for (size_t d = 0; d < sizeof FIRST_ONLY / sizeof FIRST_ONLY[0]; d++)
        for (size_t i = 0; i < merging->parts[0].size[FIRST_ONLY[d]]; i++)
            entry_copy(merging, FIRST_ONLY[d], &(struct entry){.at = i}, i);
}

static enum status merged_make(struct merging *merging, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table *merged = merging->merged;
    size_t names = 0, domains = 0;
    TRY(entries_make(merging, DAY_domain, fill_domain, &merging->domains, err));
    TRY(places_make(merging, DAY_domain, &merging->domains, merging->domain_place, &domains, err));
    TRY(entries_make(merging, DAY_name, fill_name, &merging->names, err));
    TRY(places_make(merging, DAY_name, &merging->names, merging->name_place, &names, err));
    TRY(entries_make(merging, DAY_row, fill_row, &merging->rows, err));
    TRY(entries_make(merging, DAY_asked, fill_asked, &merging->asked, err));
    TRY(entries_make(merging, DAY_pair, fill_pair, &merging->pairs, err));
    for (int d = 0; d < DAY_DIMENSIONS; d++)
        for (size_t p = 0; p < merging->part_count; p++)
            merged->size[d] += merging->parts[p].size[d];
    merged->size[DAY_name] = names;
    merged->size[DAY_domain] = domains;
    TRY(day_table_make(merged, err));
done:
    return status;
}

enum status day_tables_merge(const struct day_table *parts, size_t part_count, struct day_table *merged,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct merging merging = {.parts = parts, .part_count = part_count, .merged = merged};
    *merged = (struct day_table){.day = parts[0].day, .unit_count = parts[0].unit_count};
    merging.name_place = calloc(part_count, sizeof *merging.name_place);
    merging.domain_place = calloc(part_count, sizeof *merging.domain_place);
    if (!merging.name_place || !merging.domain_place) {
        status = error_set(err, STATUS_NO_MEMORY, "merging a day", "", "no room for the parts");
        goto done;
    }
    TRY(merged_make(&merging, err));
    rows_fill(&merging);
    pairs_fill(&merging);
    domains_fill(&merging);
    names_fill(&merging);
    others_copy(&merging);
    for (size_t i = 0; i < merged->size[DAY_name]; i++)
        merged->domain_names[merged->name_domain[i]]++;
    merged->size[DAY_name_byte] =
        merged->size[DAY_name] ? (size_t)merged->name_text_end[merged->size[DAY_name] - 1] : 0;
    merged->size[DAY_domain_byte] =
        merged->size[DAY_domain] ? (size_t)merged->domain_text_end[merged->size[DAY_domain] - 1] : 0;
done:
    for (size_t p = 0; p < part_count; p++) {
        if (merging.name_place)
            free(merging.name_place[p]);
        if (merging.domain_place)
            free(merging.domain_place[p]);
    }
    free(merging.name_place);
    free(merging.domain_place);
    free(merging.rows.items);
    free(merging.asked.items);
    free(merging.pairs.items);
    free(merging.names.items);
    free(merging.domains.items);
    if (status != STATUS_OK)
        day_table_clear(merged);
    return status;
}
