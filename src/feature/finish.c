/* From a merged tally to the finished table of a shard: numbers become places in the order by content, and
 * what needs the whole is worked out. */
#include "finish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_type(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Brings a table's pair into the form of one that was made of notes. */
static void pair_settle(struct pair *pair, int64_t unit_s)
{
    pair_settle_seconds(pair, unit_s);
    if (pair->type_count > 1)
        qsort(pair->types, pair->type_count, 2 * sizeof *pair->types, compare_type);
}

/* ---- sizes ---- */

static void sizes_find(struct finishing *finish)
{
    const struct tally *tally = finish->tally;
    size_t *size = finish->table.size;
    char text[QNAME_TEXT_BYTES];
    size[DAY_row] = tally->rows.count;
    for (size_t i = 0; i < slots_used(tally); i++) {
        size[DAY_asked] += slot_asked(tally, i);
        for (size_t e = 0; e < slot_tabled(tally, i) && tally->is_sampled; e++)
            size[DAY_asked] -= !asked_is_stored(finish, &tally->slots[i], map_at(&tally->slots[i].asked, e));
    }
    size[DAY_pair] = finish->pairs.count;
    size[DAY_domain] = finish->domains.count;
    size[DAY_name] = finish->names.count;
    size[DAY_source] = tally->sources.count;
    size[DAY_line] = tally->record_count;
    for (size_t i = 0; i < finish->pairs.count; i++) {
        const size_t at = finish->pairs.entry[i];
        if (at < tally->pairs.count)
            pair_settle(map_at(&tally->pairs, at), finish->tallies->plan->unit_s);
        const struct pair_view pair = pair_view(tally, at);
        size[DAY_type] += pair.type_count;
        size[DAY_second] += pair.second_count;
    }
    for (size_t i = 0; i < finish->domains.count; i++) {
        const struct domain *domain = map_at(&tally->domains, finish->domains.entry[i]);
        size[DAY_client] += domain->clients.count;
        size[DAY_domain_byte] +=
            qname_text(tally->heap.bytes + domain->wire_at, domain->wire_bytes, text, sizeof text);
    }
    for (size_t i = 0; i < finish->names.count; i++) {
        const struct name *name = map_at(&tally->names, finish->names.entry[i]);
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

static void names_fill(struct finishing *finish)
{
    const struct tally *tally = finish->tally;
    struct day_table *table = &finish->table;
    char text[QNAME_TEXT_BYTES];
    size_t end = 0;
    for (size_t i = 0; i < finish->names.count; i++) {
        const struct name *name = map_at(&tally->names, finish->names.entry[i]);
        size_t count = qname_text(tally->heap.bytes + name->wire_at, name->wire_bytes, text, sizeof text);
        memcpy(table->name_text + end, text, count);
        end += count;
        table->name_hash[i] = name->hash;
        table->name_text_end[i] = (int64_t)end;
        table->name_domain[i] = finish->domains.place[name->domain];
        table->name_sub_bytes[i] = name->traits.sub_bytes;
        table->name_label_max[i] = name->traits.label_max;
        table->name_bigram_score[i] = name->traits.bigram_score;
        table->name_bigrams[i] = name->traits.bigrams;
        table->name_encodings[i] = name->traits.encodings;
        table->name_encoded_bytes[i] = name->traits.encoded_bytes;
        table->domain_names[table->name_domain[i]]++;
    }
}

static void domains_fill(struct finishing *finish)
{
    const struct tally *tally = finish->tally;
    struct day_table *table = &finish->table;
    char text[QNAME_TEXT_BYTES];
    size_t end = 0, clients = 0;
    for (size_t i = 0; i < finish->domains.count; i++) {
        const struct domain *domain = map_at(&tally->domains, finish->domains.entry[i]);
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

static enum status ip_texts_make(struct finishing *finish, struct error *err)
{
    const size_t count = finish->tally->clients.count;
    finish->ip_text = calloc(count + 1, sizeof *finish->ip_text);
    if (!finish->ip_text)
        return error_set(err, STATUS_NO_MEMORY, "finishing a day", "use store.parts or more memory",
                         "no room for %zu clients", count);
    for (size_t i = 0; i < count; i++) {
        char written[IP_TEXT_BYTES];
        const struct client *client = map_at(&finish->tally->clients, finish->clients.entry[i]);
        memcpy(finish->ip_text[i], written, ip_write(&client->ip, written));
    }
    return STATUS_OK;
}

/* Fills an IP's columns with a client, by the tally's number. */
static void ip_fill(const struct finishing *finish, uint32_t client, uint8_t *octets, char *text)
{
    const struct client *entry = map_at(&finish->tally->clients, client);
    memcpy(octets, entry->ip.bytes, sizeof entry->ip.bytes);
    memcpy(text, finish->ip_text[finish->clients.place[client]], IP_COLUMN_BYTES);
}

/* What a row counted while the logs were read. */
static void row_counts_find(const struct row *row, int64_t counts[ROW_COUNTS])
{
    static const enum row_count COUNTS[ROW_TICKS] = {
        [TICK_A] = ROW_TYPE_A,
        [TICK_AAAA] = ROW_TYPE_AAAA,
        [TICK_PTR] = ROW_TYPE_PTR,
        [TICK_TXT] = ROW_TYPE_TXT,
        [TICK_NULL] = ROW_TYPE_NULL,
        [TICK_MX] = ROW_TYPE_MX,
        [TICK_SRV] = ROW_TYPE_SRV,
        [TICK_HTTPS] = ROW_TYPE_HTTPS,
        [TICK_OTHER] = ROW_TYPE_OTHER,
        [TICK_MIXED] = ROW_MIXED,
        [TICK_ENCODED] = ROW_ENCODED,
        [TICK_NO_EDNS] = ROW_NO_EDNS,
        [TICK_ODD_FLAGS] = ROW_ODD_FLAGS,
        [TICK_DO] = ROW_DO,
        [TICK_COOKIE] = ROW_COOKIE,
        [TICK_MISSES] = ROW_REPEATED,
        [TICK_MISSES_PTR] = ROW_REPEATED_PTR,
        [TICK_PRIVATE] = ROW_TYPE_PRIVATE,
        [TICK_ANY] = ROW_TYPE_ANY,
    };
    memset(counts, 0, ROW_COUNTS * sizeof *counts);
    for (int tick = 0; tick < ROW_TICKS; tick++)
        counts[COUNTS[tick]] = row->ticks[tick];
    for (int tick = 0; tick < TICK_TYPES; tick++)
        counts[ROW_QUERIES] += row->ticks[tick];
    counts[ROW_REPEATED] = counts[ROW_QUERIES] - counts[ROW_REPEATED];
    counts[ROW_REPEATED_PTR] = counts[ROW_TYPE_PTR] - counts[ROW_REPEATED_PTR];
    counts[ROW_SUB_BYTES] = row->sub_bytes;
    counts[ROW_SUB_MAX] = row->sub_max;
    counts[ROW_LABEL_MAX] = row->label_max;
    counts[ROW_BIGRAM_SCORE] = row->bigram_score;
    counts[ROW_BIGRAMS] = row->bigrams;
    counts[ROW_FIRST_MS] = row->first_ms;
    counts[ROW_LAST_MS] = row->last_ms;
    counts[ROW_RESOLVERS] = (int64_t)row->resolvers.count;
    for (size_t i = 0; i < row->resolvers.count; i++)
        counts[ROW_RESOLVER_SET] ^= (int64_t)(row->resolvers.items[i] >> 1);
}

static void rows_fill(struct finishing *finish)
{
    int64_t *const columns[ROW_COUNTS] = {
#define COUNT(NAME, name, merge, unit, text) finish->table.row_##name,
#include "feature/row_counts.def"
#undef COUNT
    };
    const struct tally *tally = finish->tally;
    const struct tally_plan *plan = finish->tallies->plan;
    struct day_table *table = &finish->table;
    for (size_t i = 0; i < tally->rows.count; i++) {
        const struct row *row = map_at(&tally->rows, finish->rows.entry[i]);
        int64_t counts[ROW_COUNTS];
        int64_t start_s = tally->day_start_s + row->key.window * plan->window_s;
        int64_t length_s =
            tally->day_end_s - start_s < plan->window_s ? tally->day_end_s - start_s : plan->window_s;
        table->row_window[i] = start_s;
        table->row_units[i] = (uint32_t)((length_s + plan->unit_s - 1) / plan->unit_s);
        ip_fill(finish, row->key.client, &table->row_ip[i * 16], &table->row_ip_text[i * IP_COLUMN_BYTES]);
        row_counts_find(row, counts);
        for (int count = 0; count < ROW_COUNTS; count++)
            columns[count][i] = counts[count];
        memcpy(&table->row_unit_queries[i * table->unit_count], row->unit_queries,
               table->unit_count * sizeof *row->unit_queries);
    }
}

/* ---- all of it ---- */

static void finish_clear(struct finishing *finish)
{
    void *const arrays[] = {finish->ranked,       finish->spare,      finish->asked_entry,
                            finish->asked_client, finish->asked_name, finish->asked_queries,
                            finish->extras,       finish->slot_end,   finish->pair_names,
                            finish->ip_text,      finish->column};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        free(arrays[i]);
    order_free(&finish->clients);
    order_free(&finish->domains);
    order_free(&finish->names);
    order_free(&finish->rows);
    order_free(&finish->pairs);
    day_table_clear(&finish->table);
}

/* Arrays of the columns that are not made one by one. */
static enum status table_make(struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    for (int c = 0; c < DAY_COLUMNS; c++)
        if (!column_is_made((enum day_column)c))
            TRY(day_column_make(table, (enum day_column)c, err));
done:
    return status;
}

static enum status finish_all(struct finishing *finish, struct tallies *tallies, size_t at, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(tallies_limit(tallies, at, err));
    name_memos_clear(&finish->tally->memos);
    TRY(orders_make(finish, err));
    TRY(domains_add_pairs(finish, err));
    TRY(ip_texts_make(finish, err));
    sizes_find(finish);
    TRY(table_make(&finish->table, err));
    names_fill(finish);
    domains_fill(finish);
    rows_fill(finish);
    TRY(asked_order(finish, err));
    TRY(row_sets_fill(finish, err));
    TRY(pair_names_fill(finish, err));
    TRY(sources_fill(tallies, finish->tally, &finish->table, err));
    TRY(lines_fill(finish->tally, &finish->table, err));
    free(finish->ranked);
    free(finish->spare);
    finish->ranked = finish->spare = NULL;
done:
    return status;
}

enum status tallies_finish_begin(struct tallies *tallies, size_t at, struct finishing **out,
                                 struct error *err)
{
    struct finishing *finish = calloc(1, sizeof *finish);
    struct tally *tally = tallies->shards[at];
    *out = NULL;
    if (!finish)
        return error_set(err, STATUS_NO_MEMORY, "finishing a day", "", "no room for a day");
    *finish = (struct finishing){.tallies = tallies,
                                 .tally = tally,
                                 .table = {.day = tally->day,
                                           .start_s = tally->day_start_s,
                                           .part = tally->part,
                                           .unit_count = tallies->unit_count}};
    enum status status = finish_all(finish, tallies, at, err);
    if (status == STATUS_OK)
        *out = finish;
    else
        finishing_free(finish);
    return status;
}

const struct day_table *finishing_head(const struct finishing *finish)
{
    return &finish->table;
}

enum status finishing_column(struct finishing *finish, enum day_column column, const void **values,
                             struct error *err)
{
    enum status status = STATUS_OK;
    if (!column_is_made(column)) {
        *values = day_column_values(&finish->table, column);
        return STATUS_OK;
    }
    TRY(array_reserve(&finish->column, &finish->column_capacity, day_column_bytes(&finish->table, column) + 1,
                      1, err));
    column_make(finish, column, finish->column);
    *values = finish->column;
done:
    return status;
}

void finishing_free(struct finishing *finish)
{
    if (!finish)
        return;
    finish_clear(finish);
    free(finish);
}

enum status tallies_finish(struct tallies *tallies, size_t at, struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    struct finishing *finish = NULL;
    *table = (struct day_table){0};
    TRY(tallies_finish_begin(tallies, at, &finish, err));
    for (int c = 0; c < DAY_COLUMNS; c++) {
        const enum day_column column = (enum day_column)c;
        if (!column_is_made(column))
            continue;
        TRY(day_column_make(&finish->table, column, err));
        if (day_column_bytes(&finish->table, column) == 0)
            continue;
        column_make(finish, column, *day_column_array(&finish->table, column));
    }
    *table = finish->table;
    finish->table = (struct day_table){0};
done:
    finishing_free(finish);
    return status;
}
