/* From a merged tally to the finished table of a shard: numbers become places in the order by content, and
 * what needs the whole is worked out. */
#include "tally.h"

#include "base/exact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Σ c·log2(c) of a row must fit: 2^26 · 26 · 2^32 < 2^63. */
#define ROW_QUERIES_MOST ((int64_t)1 << 26)

/* An entry of asked_* with everything it may be sorted by, as places by content. */
struct place {
    uint32_t window, slot, client, domain, name;
    uint32_t at;  // in tally.asked
};

struct finish {
    const struct tallies *tallies;
    const struct tally *tally;
    struct day_table *table;
    uint32_t *client_order, *domain_order, *name_order;  // entry at a place
    uint32_t *client_place, *domain_place, *name_place;  // place of an entry
    struct place *places;  // [asked]
    struct place *rows;  // [rows], window and client filled
    struct place *pairs;  // [pairs], client and domain filled
};

/* ---- orders by content ---- */

struct keyed {
    unsigned char key[16];  // compared as bytes: an IP, or a hash with its most significant byte first
    uint32_t at;
};

static int compare_keyed(const void *a, const void *b)
{
    return memcmp(((const struct keyed *)a)->key, ((const struct keyed *)b)->key, 16);
}

/* Fills `order` and `place` of a table whose entries begin with an IP or a 64-bit hash. */
static enum status order_make(const struct map *map, uint32_t **order, uint32_t **place, struct error *err)
{
    size_t count = map->count;
    struct keyed *keyed = calloc(count + 1, sizeof *keyed);
    *order = calloc(count + 1, sizeof **order);
    *place = calloc(count + 1, sizeof **place);
    if (!keyed || !*order || !*place) {
        free(keyed);
        return error_set(err, STATUS_NO_MEMORY, "finishing a day", "use store.parts or more memory",
                         "no room to sort %zu entries", count);
    }
    for (size_t i = 0; i < count; i++) {
        const unsigned char *entry = map_at(map, i);
        keyed[i].at = (uint32_t)i;
        if (map->key_bytes == sizeof keyed[i].key) {
            memcpy(keyed[i].key, entry, sizeof keyed[i].key);
            continue;
        }
        uint64_t hash;
        memcpy(&hash, entry, sizeof hash);
        for (int byte = 0; byte < 8; byte++)
            keyed[i].key[byte] = (unsigned char)(hash >> (56 - 8 * byte));
    }
    qsort(keyed, count, sizeof *keyed, compare_keyed);
    for (size_t i = 0; i < count; i++) {
        (*order)[i] = keyed[i].at;
        (*place)[keyed[i].at] = (uint32_t)i;
    }
    free(keyed);
    return STATUS_OK;
}

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

/* (slot, IP, name): the order of asked_*. Rows have slot and name 0, pairs slot, window and name. */
static int compare_asked(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = compare_u32(x->slot, y->slot);
    order = order ? order : compare_u32(x->client, y->client);
    return order ? order : compare_u32(x->name, y->name);
}

/* (window, IP, domain, name): what a row is made from lies together. */
static int compare_in_row(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = compare_u32(x->window, y->window);
    order = order ? order : compare_u32(x->client, y->client);
    order = order ? order : compare_u32(x->domain, y->domain);
    return order ? order : compare_u32(x->name, y->name);
}

/* (IP, domain, name): what a pair is made from lies together. */
static int compare_in_pair(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = compare_u32(x->client, y->client);
    order = order ? order : compare_u32(x->domain, y->domain);
    return order ? order : compare_u32(x->name, y->name);
}

static enum status places_make(struct finish *finish, struct error *err)
{
    enum status status = STATUS_OK;
    const struct tally *tally = finish->tally;
    const int64_t slots = finish->tallies->plan->window_s / finish->tallies->slot_s;  // in a window
    TRY(order_make(&tally->clients, &finish->client_order, &finish->client_place, err));
    TRY(order_make(&tally->domains, &finish->domain_order, &finish->domain_place, err));
    TRY(order_make(&tally->names, &finish->name_order, &finish->name_place, err));
    finish->places = calloc(tally->asked.count + 1, sizeof *finish->places);
    finish->rows = calloc(tally->rows.count + 1, sizeof *finish->rows);
    finish->pairs = calloc(tally->pairs.count + 1, sizeof *finish->pairs);
    if (!finish->places || !finish->rows || !finish->pairs)
        return error_set(err, STATUS_NO_MEMORY, "finishing a day", "use store.parts or more memory",
                         "no room to sort %zu entries", tally->asked.count);
    for (size_t i = 0; i < tally->asked.count; i++) {
        const struct asked_key *key = map_at(&tally->asked, i);
        const struct name *name = map_at(&tally->names, key->name);
        finish->places[i] =
            (struct place){(uint32_t)(key->slot / (uint32_t)slots), key->slot,
                           finish->client_place[key->client],       finish->domain_place[name->domain],
                           finish->name_place[key->name],           (uint32_t)i};
    }
    for (size_t i = 0; i < tally->rows.count; i++) {
        const struct row_key *key = map_at(&tally->rows, i);
        finish->rows[i] = (struct place){
            .window = key->window, .client = finish->client_place[key->client], .at = (uint32_t)i};
    }
    qsort(finish->rows, tally->rows.count, sizeof *finish->rows, compare_in_row);
    for (size_t i = 0; i < tally->pairs.count; i++) {
        const struct pair_key *key = map_at(&tally->pairs, i);
        finish->pairs[i] = (struct place){.client = finish->client_place[key->client],
                                          .domain = finish->domain_place[key->domain],
                                          .at = (uint32_t)i};
    }
    qsort(finish->pairs, tally->pairs.count, sizeof *finish->pairs, compare_in_pair);
done:
    return status;
}

/* ---- sizes ---- */

static void sizes_find(struct finish *finish)
{
    const struct tally *tally = finish->tally;
    size_t *size = finish->table->size;
    char text[QNAME_TEXT_BYTES];
    size[DAY_row] = tally->rows.count;
    size[DAY_asked] = tally->asked.count;
    size[DAY_pair] = tally->pairs.count;
    size[DAY_domain] = tally->domains.count;
    size[DAY_name] = tally->names.count;
    size[DAY_source] = tally->sources.count;
    size[DAY_line] = tally->record_count;
    for (size_t i = 0; i < tally->pairs.count; i++) {
        struct pair *pair = map_at(&tally->pairs, i);
        pair_settle_seconds(pair, finish->tallies->plan->unit_s);
        size[DAY_type] += pair->types.count / 2;
        size[DAY_second] += pair->seconds.count;
    }
    for (size_t i = 0; i < tally->domains.count; i++) {
        const struct domain *domain = map_at(&tally->domains, i);
        size[DAY_client] += domain->clients.count;
        size[DAY_domain_byte] +=
            qname_text(tally->heap.bytes + domain->wire_at, domain->wire_bytes, text, sizeof text);
    }
    for (size_t i = 0; i < tally->names.count; i++) {
        const struct name *name = map_at(&tally->names, i);
        size[DAY_name_byte] +=
            qname_text(tally->heap.bytes + name->wire_at, name->wire_bytes, text, sizeof text);
    }
    for (size_t i = 0; i < tally->sources.count; i++)
        size[DAY_source_byte] += ((const struct source *)map_at(&tally->sources, i))->text_bytes;
    for (size_t i = 0; i < tally->record_count; i++) {
        const struct record *record = &tally->records[i];
        size[DAY_line_path_byte] += record->path_bytes;
        size[DAY_minute] += record->line.minute_count;
        size[DAY_reject] += record->line.reject_count;
        for (size_t r = 0; r < record->line.reject_count; r++) {
            const struct line_reject *rejects = (const void *)(tally->heap.bytes + record->rejects_at);
            size[DAY_reject_byte] += strnlen(rejects[r].text, REJECT_TEXT_BYTES);
        }
    }
}

/* ---- tables ---- */

static void names_fill(struct finish *finish)
{
    const struct tally *tally = finish->tally;
    struct day_table *table = finish->table;
    char text[QNAME_TEXT_BYTES];
    size_t end = 0;
    for (size_t i = 0; i < tally->names.count; i++) {
        const struct name *name = map_at(&tally->names, finish->name_order[i]);
        size_t count = qname_text(tally->heap.bytes + name->wire_at, name->wire_bytes, text, sizeof text);
        memcpy(table->name_text + end, text, count);
        end += count;
        table->name_hash[i] = name->hash;
        table->name_text_end[i] = (int64_t)end;
        table->name_domain[i] = finish->domain_place[name->domain];
        table->name_sub_bytes[i] = name->traits.sub_bytes;
        table->name_label_max[i] = name->traits.label_max;
        table->name_bigram_score[i] = name->traits.bigram_score;
        table->name_bigrams[i] = name->traits.bigrams;
        table->name_encodings[i] = name->traits.encodings;
        table->name_encoded_bytes[i] = name->traits.encoded_bytes;
        table->domain_names[table->name_domain[i]]++;
    }
}

static void domains_fill(struct finish *finish)
{
    const struct tally *tally = finish->tally;
    struct day_table *table = finish->table;
    char text[QNAME_TEXT_BYTES];
    size_t end = 0, clients = 0;
    for (size_t i = 0; i < tally->domains.count; i++) {
        const struct domain *domain = map_at(&tally->domains, finish->domain_order[i]);
        size_t count = qname_text(tally->heap.bytes + domain->wire_at, domain->wire_bytes, text, sizeof text);
        memcpy(table->domain_text + end, text, count);
        end += count;
        table->domain_text_end[i] = (int64_t)end;
        table->domain_hash[i] = domain->hash;
        table->domain_queries[i] = domain->queries;
        table->domain_first_ms[i] = domain->first_ms;
        for (size_t c = 0; c < domain->clients.count; c++)
            table->client_hash[clients++] = domain->clients.items[c];
        table->domain_client_end[i] = (int64_t)clients;
    }
}

static void ip_fill(uint8_t *octets, char *text, const struct ip *ip)
{
    char written[IP_TEXT_BYTES];
    memcpy(octets, ip->bytes, sizeof ip->bytes);
    if (text)
        memcpy(text, written, ip_write(ip, written));
}

static const struct ip *client_ip(const struct finish *finish, uint32_t place)
{
    return &((const struct client *)map_at(&finish->tally->clients, finish->client_order[place]))->ip;
}

static void rows_fill(struct finish *finish)
{
    int64_t *const columns[ROW_COUNTS] = {
#define COUNT(NAME, name, merge, unit, text) finish->table->row_##name,
#include "feature/row_counts.def"
#undef COUNT
    };
    const struct tally *tally = finish->tally;
    const struct tally_plan *plan = finish->tallies->plan;
    struct day_table *table = finish->table;
    for (size_t i = 0; i < tally->rows.count; i++) {
        const struct row *row = map_at(&tally->rows, finish->rows[i].at);
        int64_t start_s = tally->day_start_s + row->key.window * plan->window_s;
        int64_t length_s =
            tally->day_end_s - start_s < plan->window_s ? tally->day_end_s - start_s : plan->window_s;
        table->row_window[i] = start_s;
        table->row_units[i] = (uint32_t)((length_s + plan->unit_s - 1) / plan->unit_s);
        ip_fill(&table->row_ip[i * 16], &table->row_ip_text[i * IP_COLUMN_BYTES],
                client_ip(finish, finish->rows[i].client));
        for (int count = 0; count < ROW_COUNTS; count++)
            columns[count][i] = row->counts[count];
        // What was kept there until now are the misses.
        table->row_repeated[i] = row->counts[ROW_QUERIES] - row->counts[ROW_REPEATED];
        table->row_repeated_ptr[i] = row->counts[ROW_TYPE_PTR] - row->counts[ROW_REPEATED_PTR];
        table->row_resolvers[i] = (int64_t)row->resolvers.count;
        memcpy(&table->row_unit_queries[i * table->unit_count], row->unit_queries,
               table->unit_count * sizeof *row->unit_queries);
    }
}

/* Counts of a row over the distinct names and domains of its window. */
static enum status row_sets_fill(struct finish *finish, size_t row, const struct place *places, size_t count,
                                 struct error *err)
{
    const struct tally *tally = finish->tally;
    struct day_table *table = finish->table;
    int64_t domain_queries = 0, info_bytes = 0;
    if (table->row_queries[row] > ROW_QUERIES_MOST)
        return error_set(err, STATUS_LIMIT, "features.window", "choose a shorter window",
                         "one IP sent %" PRId64 " queries in a window, more than 2^26",
                         table->row_queries[row]);
    for (size_t i = 0; i < count; i++) {
        const struct asked *asked = map_at(&tally->asked, places[i].at);
        bool new_domain = i == 0 || places[i].domain != places[i - 1].domain;
        if (new_domain) {
            domain_queries = info_bytes = 0;
            table->row_domains[row]++;
        }
        if (new_domain || places[i].name != places[i - 1].name) {
            table->row_names[row]++;
            info_bytes += table->name_sub_bytes[places[i].name];
        }
        domain_queries += asked->queries;
        if (info_bytes > table->row_info_bytes[row])
            table->row_info_bytes[row] = info_bytes;
        if (i + 1 < count && places[i + 1].domain == places[i].domain)
            continue;
        table->row_domain_clog[row] += domain_queries * fixed_log2((uint64_t)domain_queries);
        if (domain_queries > table->row_domain_top[row])
            table->row_domain_top[row] = domain_queries;
    }
    return STATUS_OK;
}

static enum status rows_finish(struct finish *finish, struct error *err)
{
    enum status status = STATUS_OK;
    size_t from = 0, count = finish->tally->asked.count;
    qsort(finish->places, count, sizeof *finish->places, compare_in_row);
    for (size_t row = 0; row < finish->tally->rows.count; row++) {
        size_t to = from;
        while (to < count && finish->places[to].window == finish->rows[row].window &&
               finish->places[to].client == finish->rows[row].client)
            to++;
        TRY(row_sets_fill(finish, row, finish->places + from, to - from, err));
        from = to;
    }
done:
    return status;
}

static void asked_fill(struct finish *finish)
{
    const struct tally *tally = finish->tally;
    struct day_table *table = finish->table;
    qsort(finish->places, tally->asked.count, sizeof *finish->places, compare_asked);
    for (size_t i = 0; i < tally->asked.count; i++) {
        const struct place *place = &finish->places[i];
        const struct asked *asked = map_at(&tally->asked, place->at);
        table->asked_slot[i] = tally->day_start_s + place->slot * finish->tallies->slot_s;
        ip_fill(&table->asked_ip[i * 16], NULL, client_ip(finish, place->client));
        table->asked_name[i] = place->name;
        table->asked_queries[i] = asked->queries;
        table->asked_txt[i] = asked->txt;
        table->asked_odd[i] = asked->odd;
        table->asked_types[i] = asked->types;
        table->asked_mixed[i] = asked->mixed;
        table->asked_spelling[i] = asked->spelling;
        table->asked_case_changes[i] = asked->case_changes;
        table->asked_respelled[i] = asked->respelled;
        table->asked_encodings[i] = asked->encodings;
    }
}

static int compare_type(const void *a, const void *b)
{
    return compare_u32(*(const uint32_t *)a, *(const uint32_t *)b);
}

/* Counts the distinct names of a pair, whose entries begin at `from`; returns where they end. */
static size_t pair_names_count(const struct finish *finish, size_t from, const struct place *pair,
                               int64_t *names)
{
    const struct place *places = finish->places;
    size_t at = from;
    for (; at < finish->tally->asked.count && places[at].client == pair->client &&
           places[at].domain == pair->domain;
         at++)
        *names += at == from || places[at].name != places[at - 1].name;
    return at;
}

static enum status pairs_fill(struct finish *finish, struct error *err)
{
    const struct tally *tally = finish->tally;
    const struct tally_plan *plan = finish->tallies->plan;
    struct day_table *table = finish->table;
    size_t type = 0, second = 0, from = 0;
    int64_t ip_names = 0;
    qsort(finish->places, tally->asked.count, sizeof *finish->places, compare_in_pair);
    for (size_t i = 0; i < tally->pairs.count; i++) {
        const struct place *place = &finish->pairs[i];
        struct pair *pair = map_at(&tally->pairs, place->at);
        ip_fill(&table->pair_ip[i * 16], &table->pair_ip_text[i * IP_COLUMN_BYTES],
                client_ip(finish, place->client));
        table->pair_domain[i] = place->domain;
        table->pair_queries[i] = pair->queries;
        table->pair_first_ms[i] = pair->first_ms;
        table->pair_last_ms[i] = pair->last_ms;
        from = pair_names_count(finish, from, place, &table->pair_names[i]);
        ip_names = i > 0 && finish->pairs[i - 1].client == place->client ? ip_names : 0;
        ip_names += table->pair_names[i];
        if (ip_names > plan->ip_names_most)
            return error_set(err, STATUS_LIMIT, "limits.ip_names", "raise the limit in the job file",
                             "%.39s has more than %" PRId64 " names in one day",
                             &table->pair_ip_text[i * IP_COLUMN_BYTES], plan->ip_names_most);
        if (pair->types.count > 0)  // else there is no list, and qsort takes no NULL
            qsort(pair->types.items, pair->types.count / 2, 2 * sizeof *pair->types.items, compare_type);
        for (size_t t = 0; t < pair->types.count; t += 2, type++) {
            table->type_number[type] = (uint16_t)pair->types.items[t];
            table->type_queries[type] = pair->types.items[t + 1];
        }
        for (size_t s = 0; s < pair->seconds.count; s++)
            table->second_of_day[second++] = pair->seconds.items[s];
        table->pair_type_end[i] = (int64_t)type;
        table->pair_second_end[i] = (int64_t)second;
        table->pair_second_step[i] = pair->in_units ? (uint32_t)plan->unit_s : 1;
    }
    return STATUS_OK;
}

enum status tallies_finish(struct tallies *tallies, size_t at, struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    struct finish finish = {.tallies = tallies, .tally = tallies->shards[at], .table = table};
    *table = (struct day_table){
        .day = finish.tally->day, .part = finish.tally->part, .unit_count = tallies->unit_count};
    TRY(places_make(&finish, err));
    sizes_find(&finish);
    TRY(day_table_make(table, err));
    names_fill(&finish);
    domains_fill(&finish);
    rows_fill(&finish);
    TRY(rows_finish(&finish, err));
    asked_fill(&finish);
    TRY(pairs_fill(&finish, err));
    TRY(sources_fill(tallies, finish.tally, table, err));
    TRY(lines_fill(finish.tally, table, err));
done:
    free(finish.client_order);
    free(finish.client_place);
    free(finish.domain_order);
    free(finish.domain_place);
    free(finish.name_order);
    free(finish.name_place);
    free(finish.places);
    free(finish.rows);
    free(finish.pairs);
    if (status != STATUS_OK)
        day_table_clear(table);
    return status;
}
