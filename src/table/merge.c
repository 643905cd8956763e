/* The parts of a day as one table, as if the day had never been cut, column by column. Clients are disjoint
 * between parts; names and domains are not, so they are united by content and what refers to them is
 * renumbered.
 *
 * In each part the entries of a client lie together, so that rows, asked names and pairs are merged in runs:
 * what is in memory of them is a few numbers a client and window. */
#include "merge.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define DOMAIN_CLIENTS_MOST 64

/* Entries of one part with the same time and client. */
struct run {
    int64_t time;
    uint8_t ip[16];
    size_t part, from, count;
    size_t to;  // in the merged table
};

struct runs {
    struct run *items;  // [count], by part and place there
    size_t count, capacity;
};

struct table_merge {
    const struct day_table *parts;
    size_t part_count;
    part_column *read;
    void *context;
    struct day_table head;  // sizes of the merged table
    struct runs rows, asked, pairs;
    uint32_t **name_place, **domain_place;  // [part][entry]: place in the merged table
    int64_t *type_end, *second_end;  // [pairs]
    int64_t *name_text_end, *domain_text_end, *client_end;
    uint32_t *name_domain;
    uint64_t *client_hash;
};

static enum status no_room(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "merging a day", "", "no room for its tables");
}

/* ---- a part's columns ---- */

/* Of a part without entries *values is a place that nobody reads, but never NULL. */
static enum status column_read(const struct table_merge *merge, size_t part, enum day_column column,
                               const void **values, struct error *err)
{
    enum status status = STATUS_OK;
    *values = merge;
    if (merge->parts[part].size[day_column_info(column)->dimension] > 0)
        TRY(merge->read(merge->context, part, column, values, err));
done:
    return status;
}

static size_t entry_bytes(const struct table_merge *merge, enum day_column column)
{
    return day_column_width(&merge->head, column) * column_type_bytes(day_column_info(column)->type);
}

/* A copy, for what is needed beside another column. */
static enum status column_copy(const struct table_merge *merge, size_t part, enum day_column column,
                               void *copied, struct error *err)
{
    enum status status = STATUS_OK;
    const void *values = NULL;
    const size_t bytes =
        merge->parts[part].size[day_column_info(column)->dimension] * entry_bytes(merge, column);
    void *copy = malloc(bytes + 1);
    if (!copy)
        return no_room(err);
    TRY(column_read(merge, part, column, &values, err));
    if (bytes > 0)
        memcpy(copy, values, bytes);
    memcpy(copied, &copy, sizeof copy);
    copy = NULL;
done:
    free(copy);
    return status;
}

static int64_t begin_of(const int64_t *ends, size_t at)
{
    return at ? ends[at - 1] : 0;
}

/* ---- runs ---- */

static int compare_content(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    const int order = memcmp(x->ip, y->ip, sizeof x->ip);
    if (order != 0)
        return order;
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static int compare_place(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static enum status part_runs(const struct table_merge *merge, size_t part, enum day_dimension dimension,
                             const int64_t *times, const uint8_t *ips, struct runs *runs, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t first = runs->count;
    for (size_t i = 0; i < merge->parts[part].size[dimension]; i++) {
        const int64_t time = times ? times[i] : 0;
        struct run *run = runs->count > first ? &runs->items[runs->count - 1] : NULL;
        if (run && run->time == time && memcmp(run->ip, ips + 16 * i, sizeof run->ip) == 0) {
            run->count++;
            continue;
        }
        TRY(array_reserve(&runs->items, &runs->capacity, runs->count + 1, sizeof *runs->items, err));
        run = &runs->items[runs->count++];
        *run = (struct run){.time = time, .part = part, .from = i, .count = 1};
        memcpy(run->ip, ips + 16 * i, sizeof run->ip);
    }
done:
    return status;
}

/* Finds where the entries of a table go. Pairs have no time: DAY_COLUMNS. */
static enum status runs_find(struct table_merge *merge, enum day_dimension dimension, enum day_column time,
                             enum day_column ip, struct runs *runs, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *times = NULL;
    for (size_t part = 0; part < merge->part_count; part++) {
        const void *ips = NULL;
        free(times);
        times = NULL;
        if (time != DAY_COLUMNS)
            TRY(column_copy(merge, part, time, &times, err));
        TRY(column_read(merge, part, ip, &ips, err));
        TRY(part_runs(merge, part, dimension, times, ips, runs, err));
    }
    size_t to = 0;
    if (runs->count > 0)
        qsort(runs->items, runs->count, sizeof *runs->items, compare_content);
    for (size_t i = 0; i < runs->count; i++) {
        runs->items[i].to = to;
        to += runs->items[i].count;
    }
    if (runs->count > 0)
        qsort(runs->items, runs->count, sizeof *runs->items, compare_place);
    merge->head.size[dimension] = to;
done:
    free(times);
    return status;
}

/* The runs of a part, [*from, *to), after those of the part before. */
static void runs_of_part(const struct runs *runs, size_t part, size_t *from, size_t *to)
{
    *from = *to;
    while (*to < runs->count && runs->items[*to].part == part)
        ++*to;
}

static enum status runs_fill(const struct table_merge *merge, const struct runs *runs, enum day_column column,
                             unsigned char *out, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t bytes = entry_bytes(merge, column);
    for (size_t part = 0, from = 0, to = 0; part < merge->part_count; part++) {
        const void *values = NULL;
        TRY(column_read(merge, part, column, &values, err));
        for (runs_of_part(runs, part, &from, &to); from < to; from++) {
            const struct run *run = &runs->items[from];
            memcpy(out + run->to * bytes, (const unsigned char *)values + run->from * bytes,
                   run->count * bytes);
        }
    }
done:
    return status;
}

/* Indices of names or domains, as they are in the merged table. */
static enum status indices_fill(const struct table_merge *merge, const struct runs *runs,
                                enum day_column column, uint32_t *const *places, uint32_t *out,
                                struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t part = 0, from = 0, to = 0; part < merge->part_count; part++) {
        const void *values = NULL;
        TRY(column_read(merge, part, column, &values, err));
        const uint32_t *indices = values;
        for (runs_of_part(runs, part, &from, &to); from < to; from++) {
            const struct run *run = &runs->items[from];
            for (size_t i = 0; i < run->count; i++)
                out[run->to + i] = places[part][indices[run->from + i]];
        }
    }
done:
    return status;
}

static int64_t ends_sum(int64_t *lengths, size_t count)
{
    int64_t end = 0;
    for (size_t i = 0; i < count; i++)
        end = lengths[i] += end;
    return end;
}

/* Ends of the pairs' lists in the merged table. */
static enum status pair_ends_find(const struct table_merge *merge, enum day_column column, int64_t **ends,
                                  size_t *total, struct error *err)
{
    enum status status = STATUS_OK;
    const struct runs *runs = &merge->pairs;
    *ends = calloc(merge->head.size[DAY_pair] + 1, sizeof **ends);
    if (!*ends)
        return no_room(err);
    for (size_t part = 0, from = 0, to = 0; part < merge->part_count; part++) {
        const void *values = NULL;
        TRY(column_read(merge, part, column, &values, err));
        const int64_t *own = values;
        for (runs_of_part(runs, part, &from, &to); from < to; from++) {
            const struct run *run = &runs->items[from];
            for (size_t i = 0; i < run->count; i++)
                (*ends)[run->to + i] = own[run->from + i] - begin_of(own, run->from + i);
        }
    }
    *total = (size_t)ends_sum(*ends, merge->head.size[DAY_pair]);
done:
    return status;
}

/* A heap of the pairs' lists. */
static enum status pair_heap_fill(const struct table_merge *merge, enum day_column end_column,
                                  const int64_t *ends, enum day_column column, unsigned char *out,
                                  struct error *err)
{
    enum status status = STATUS_OK;
    const size_t bytes = entry_bytes(merge, column);
    int64_t *own = NULL;
    for (size_t part = 0, from = 0, to = 0; part < merge->part_count; part++) {
        const void *values = NULL;
        free(own);
        own = NULL;
        TRY(column_copy(merge, part, end_column, &own, err));
        TRY(column_read(merge, part, column, &values, err));
        for (runs_of_part(&merge->pairs, part, &from, &to); from < to && values; from++) {
            const struct run *run = &merge->pairs.items[from];
            const int64_t begin = begin_of(own, run->from), end = own[run->from + run->count - 1];
            memcpy(out + (size_t)begin_of(ends, run->to) * bytes,
                   (const unsigned char *)values + (size_t)begin * bytes, (size_t)(end - begin) * bytes);
        }
    }
done:
    free(own);
    return status;
}

/* ---- names and domains ---- */

/* Where each part's entries go when equal hashes become one. */
static enum status places_find(struct table_merge *merge, enum day_dimension dimension,
                               enum day_column column, uint32_t ***out, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t parts = merge->part_count;
    uint64_t **hashes = calloc(parts, sizeof *hashes);
    size_t *at = calloc(parts, sizeof *at);
    uint32_t **places = *out = calloc(parts, sizeof *places);
    size_t count = 0;
    if (!hashes || !at || !places) {
        status = no_room(err);
        goto done;
    }
    for (size_t part = 0; part < parts; part++) {
        TRY(column_copy(merge, part, column, &hashes[part], err));
        places[part] = malloc((merge->parts[part].size[dimension] + 1) * sizeof *places[part]);
        if (!places[part]) {
            status = no_room(err);
            goto done;
        }
    }
    for (;; count++) {
        uint64_t least = UINT64_MAX;
        bool any = false;
        for (size_t part = 0; part < parts; part++)
            if (at[part] < merge->parts[part].size[dimension] && hashes[part][at[part]] <= least) {
                least = hashes[part][at[part]];
                any = true;
            }
        if (!any)
            break;
        for (size_t part = 0; part < parts; part++)
            if (at[part] < merge->parts[part].size[dimension] && hashes[part][at[part]] == least)
                places[part][at[part]++] = (uint32_t)count;
    }
    merge->head.size[dimension] = count;
done:
    for (size_t part = 0; part < parts && hashes; part++)
        free(hashes[part]);
    free(hashes);
    free(at);
    return status;
}

static enum status places_fill(const struct table_merge *merge, uint32_t *const *places,
                               enum day_column column, unsigned char *out, struct error *err)
{
    enum status status = STATUS_OK;
    const enum day_dimension dimension = day_column_info(column)->dimension;
    const size_t bytes = entry_bytes(merge, column);
    for (size_t part = 0; part < merge->part_count; part++) {
        const void *values = NULL;
        TRY(column_read(merge, part, column, &values, err));
        for (size_t i = 0; i < merge->parts[part].size[dimension]; i++)
            memcpy(out + places[part][i] * bytes, (const unsigned char *)values + i * bytes, bytes);
    }
done:
    return status;
}

/* Ends of the texts in the merged table. */
static enum status text_ends_find(const struct table_merge *merge, uint32_t *const *places,
                                  enum day_column column, int64_t **ends, size_t *total, struct error *err)
{
    enum status status = STATUS_OK;
    const enum day_dimension dimension = day_column_info(column)->dimension;
    *ends = calloc(merge->head.size[dimension] + 1, sizeof **ends);
    if (!*ends)
        return no_room(err);
    for (size_t part = 0; part < merge->part_count; part++) {
        const void *values = NULL;
        TRY(column_read(merge, part, column, &values, err));
        for (size_t i = 0; i < merge->parts[part].size[dimension]; i++)
            (*ends)[places[part][i]] = ((const int64_t *)values)[i] - begin_of(values, i);
    }
    *total = (size_t)ends_sum(*ends, merge->head.size[dimension]);
done:
    return status;
}

static enum status texts_fill(const struct table_merge *merge, uint32_t *const *places,
                              enum day_column end_column, const int64_t *ends, enum day_column column,
                              char *out, struct error *err)
{
    enum status status = STATUS_OK;
    const enum day_dimension dimension = day_column_info(end_column)->dimension;
    int64_t *own = NULL;
    for (size_t part = 0; part < merge->part_count; part++) {
        const void *texts = NULL;
        free(own);
        own = NULL;
        TRY(column_copy(merge, part, end_column, &own, err));
        TRY(column_read(merge, part, column, &texts, err));
        for (size_t i = 0; i < merge->parts[part].size[dimension]; i++)
            memcpy(out + begin_of(ends, places[part][i]), (const char *)texts + begin_of(own, i),
                   (size_t)(own[i] - begin_of(own, i)));
    }
done:
    free(own);
    return status;
}

static enum status name_domains_find(struct table_merge *merge, struct error *err)
{
    enum status status = STATUS_OK;
    merge->name_domain = calloc(merge->head.size[DAY_name] + 1, sizeof *merge->name_domain);
    if (!merge->name_domain)
        return no_room(err);
    for (size_t part = 0; part < merge->part_count; part++) {
        const void *values = NULL;
        TRY(column_read(merge, part, COLUMN_name_domain, &values, err));
        for (size_t i = 0; i < merge->parts[part].size[DAY_name]; i++)
            merge->name_domain[merge->name_place[part][i]] =
                merge->domain_place[part][((const uint32_t *)values)[i]];
    }
done:
    return status;
}

/* What parts have counted of the same domains. */
static enum status domain_counts_fill(const struct table_merge *merge, enum day_column column, int64_t *out,
                                      struct error *err)
{
    enum status status = STATUS_OK;
    const bool is_least = column == COLUMN_domain_first_ms;
    for (size_t i = 0; i < merge->head.size[DAY_domain]; i++)
        out[i] = is_least ? INT64_MAX : 0;
    for (size_t part = 0; part < merge->part_count; part++) {
        const void *values = NULL;
        TRY(column_read(merge, part, column, &values, err));
        for (size_t i = 0; i < merge->parts[part].size[DAY_domain]; i++) {
            const int64_t value = ((const int64_t *)values)[i];
            int64_t *into = &out[merge->domain_place[part][i]];
            if (!is_least)
                *into += value;
            else if (value < *into)
                *into = value;
        }
    }
done:
    return status;
}

static void domain_names_fill(const struct table_merge *merge, int64_t *out)
{
    memset(out, 0, merge->head.size[DAY_domain] * sizeof *out);
    for (size_t i = 0; i < merge->head.size[DAY_name]; i++)
        out[merge->name_domain[i]]++;
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

/* The clients of all domains: each part's lists are in memory together. */
static enum status clients_find(struct table_merge *merge, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t parts = merge->part_count, domains = merge->head.size[DAY_domain];
    int64_t **ends = calloc(parts, sizeof *ends);
    uint64_t **hashes = calloc(parts, sizeof *hashes);
    size_t *at = calloc(parts, sizeof *at), most = 0, end = 0;
    for (size_t part = 0; part < parts; part++)
        most += merge->parts[part].size[DAY_client];
    merge->client_hash = malloc((most + DOMAIN_CLIENTS_MOST) * sizeof *merge->client_hash);
    merge->client_end = malloc((domains + 1) * sizeof *merge->client_end);
    if (!ends || !hashes || !at || !merge->client_hash || !merge->client_end) {
        status = no_room(err);
        goto done;
    }
    for (size_t part = 0; part < parts; part++) {
        TRY(column_copy(merge, part, COLUMN_domain_client_end, &ends[part], err));
        TRY(column_copy(merge, part, COLUMN_client_hash, &hashes[part], err));
    }
    for (size_t domain = 0; domain < domains; domain++) {
        size_t count = 0;
        for (size_t part = 0; part < parts; part++) {
            const size_t own = at[part];
            if (own == merge->parts[part].size[DAY_domain] || merge->domain_place[part][own] != domain)
                continue;
            const int64_t begin = begin_of(ends[part], own);
            count = clients_unite(merge->client_hash + end, count, hashes[part] + begin,
                                  (size_t)(ends[part][own] - begin));
            at[part]++;
        }
        end += count;
        merge->client_end[domain] = (int64_t)end;
    }
    merge->head.size[DAY_client] = end;
done:
    for (size_t part = 0; part < parts && ends && hashes; part++) {
        free(ends[part]);
        free(hashes[part]);
    }
    free(ends);
    free(hashes);
    free(at);
    return status;
}

/* ---- all of it ---- */

static enum status merge_find(struct table_merge *merge, struct error *err)
{
    enum status status = STATUS_OK;
    size_t *size = merge->head.size;
    TRY(places_find(merge, DAY_domain, COLUMN_domain_hash, &merge->domain_place, err));
    TRY(places_find(merge, DAY_name, COLUMN_name_hash, &merge->name_place, err));
    TRY(name_domains_find(merge, err));
    TRY(text_ends_find(merge, merge->domain_place, COLUMN_domain_text_end, &merge->domain_text_end,
                       &size[DAY_domain_byte], err));
    TRY(text_ends_find(merge, merge->name_place, COLUMN_name_text_end, &merge->name_text_end,
                       &size[DAY_name_byte], err));
    TRY(clients_find(merge, err));
    TRY(runs_find(merge, DAY_row, COLUMN_row_window, COLUMN_row_ip, &merge->rows, err));
    TRY(runs_find(merge, DAY_asked, COLUMN_asked_slot, COLUMN_asked_ip, &merge->asked, err));
    TRY(runs_find(merge, DAY_pair, DAY_COLUMNS, COLUMN_pair_ip, &merge->pairs, err));
    TRY(pair_ends_find(merge, COLUMN_pair_type_end, &merge->type_end, &size[DAY_type], err));
    TRY(pair_ends_find(merge, COLUMN_pair_second_end, &merge->second_end, &size[DAY_second], err));
done:
    return status;
}

enum status table_merge_new(const struct day_table *parts, size_t part_count, part_column *read,
                            void *context, struct table_merge **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct table_merge *merge = calloc(1, sizeof *merge);
    if (!merge)
        return no_room(err);
    *merge = (struct table_merge){.parts = parts, .part_count = part_count, .read = read, .context = context};
    merge->head.day = parts[0].day;
    merge->head.start_s = parts[0].start_s;
    merge->head.unit_count = parts[0].unit_count;
    // Resolvers and files are in the first part alone.
    memcpy(merge->head.size, parts[0].size, sizeof merge->head.size);
    TRY(merge_find(merge, err));
    *out = merge;
    merge = NULL;
done:
    table_merge_free(merge);
    return status;
}

void table_merge_free(struct table_merge *merge)
{
    if (!merge)
        return;
    for (size_t part = 0; part < merge->part_count; part++) {
        if (merge->name_place)
            free(merge->name_place[part]);
        if (merge->domain_place)
            free(merge->domain_place[part]);
    }
    free(merge->name_place);
    free(merge->domain_place);
    free(merge->rows.items);
    free(merge->asked.items);
    free(merge->pairs.items);
    free(merge->type_end);
    free(merge->second_end);
    free(merge->name_text_end);
    free(merge->domain_text_end);
    free(merge->client_end);
    free(merge->name_domain);
    free(merge->client_hash);
    free(merge);
}

const struct day_table *table_merge_head(const struct table_merge *merge)
{
    return &merge->head;
}

/* What merging has found out already; NULL for other columns. */
static const void *found_column(const struct table_merge *merge, enum day_column column)
{
    if (column == COLUMN_name_domain)
        return merge->name_domain;
    if (column == COLUMN_name_text_end)
        return merge->name_text_end;
    if (column == COLUMN_domain_text_end)
        return merge->domain_text_end;
    if (column == COLUMN_domain_client_end)
        return merge->client_end;
    if (column == COLUMN_client_hash)
        return merge->client_hash;
    if (column == COLUMN_pair_type_end)
        return merge->type_end;
    return column == COLUMN_pair_second_end ? merge->second_end : NULL;
}

/* A column whose entries stay what they are. */
static enum status plain_fill(const struct table_merge *merge, enum day_column column, void *out,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const enum day_dimension dimension = day_column_info(column)->dimension;
    const void *values = found_column(merge, column);
    if (values == NULL && dimension == DAY_row)
        return runs_fill(merge, &merge->rows, column, out, err);
    if (values == NULL && dimension == DAY_asked)
        return runs_fill(merge, &merge->asked, column, out, err);
    if (values == NULL && dimension == DAY_pair)
        return runs_fill(merge, &merge->pairs, column, out, err);
    if (values == NULL && dimension == DAY_name)
        return places_fill(merge, merge->name_place, column, out, err);
    if (values == NULL && dimension == DAY_domain)
        return places_fill(merge, merge->domain_place, column, out, err);
    if (values == NULL)
        TRY(column_read(merge, 0, column, &values, err));
    memcpy(out, values, merge->head.size[dimension] * entry_bytes(merge, column));
done:
    return status;
}

enum status table_merge_column(const struct table_merge *merge, enum day_column column, void *out,
                               struct error *err)
{
    const enum day_dimension dimension = day_column_info(column)->dimension;
    if (merge->head.size[dimension] == 0)
        return STATUS_OK;
    if (column == COLUMN_asked_name)
        return indices_fill(merge, &merge->asked, column, merge->name_place, out, err);
    if (column == COLUMN_pair_domain)
        return indices_fill(merge, &merge->pairs, column, merge->domain_place, out, err);
    if (column == COLUMN_domain_queries || column == COLUMN_domain_first_ms)
        return domain_counts_fill(merge, column, out, err);
    if (column == COLUMN_domain_names) {
        domain_names_fill(merge, out);
        return STATUS_OK;
    }
    if (column == COLUMN_name_text)
        return texts_fill(merge, merge->name_place, COLUMN_name_text_end, merge->name_text_end, column, out,
                          err);
    if (column == COLUMN_domain_text)
        return texts_fill(merge, merge->domain_place, COLUMN_domain_text_end, merge->domain_text_end, column,
                          out, err);
    if (dimension == DAY_type)
        return pair_heap_fill(merge, COLUMN_pair_type_end, merge->type_end, column, out, err);
    if (dimension == DAY_second)
        return pair_heap_fill(merge, COLUMN_pair_second_end, merge->second_end, column, out, err);
    return plain_fill(merge, column, out, err);
}

/* ---- tables in memory ---- */

static enum status memory_column(void *context, size_t part, enum day_column column, const void **values,
                                 struct error *err)
{
    const struct day_table *const *tables = context;
    (void)err;
    *values = day_column_values(&(*tables)[part], column);
    return STATUS_OK;
}

enum status day_tables_merge(const struct day_table *parts, size_t part_count, struct day_table *merged,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct table_merge *merge = NULL;
    *merged = (struct day_table){0};
    TRY(table_merge_new(parts, part_count, memory_column, &parts, &merge, err));
    *merged = *table_merge_head(merge);
    TRY(day_table_make(merged, err));
    for (int c = 0; c < DAY_COLUMNS; c++)
        TRY(table_merge_column(merge, (enum day_column)c, *day_column_array(merged, (enum day_column)c),
                               err));
done:
    table_merge_free(merge);
    if (status != STATUS_OK)
        day_table_clear(merged);
    return status;
}
