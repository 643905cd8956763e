/* A day's pairs by machine. A pair whose address served two machines is divided: its seconds by who had the
 * address in their window, its queries and names by the windows of the asked names. What the asked names do
 * not tell (queries beyond the limits, types) goes to the machine that asked most. */
#include "machines.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A pair, or a machine's share of one. */
struct piece {
    struct ip number;
    uint32_t domain, at;  // at: in the table that was
    int64_t queries, names, first_ms, last_ms;
    bool is_share;
    bool has_types;
};

/* An asked name of somebody whose pairs are divided or brought together. */
struct share {
    struct ip ip;  // the address, or the machine
    struct ip number;  // the machine
    uint32_t domain, name;
    int64_t queries;
};

struct pieces {
    struct piece *items;
    size_t count, capacity;
};

struct shares {
    struct share *items;
    size_t count, capacity;
};

struct values {
    uint32_t *items;
    size_t count, capacity;
};

struct type_count {
    uint16_t number;
    uint32_t queries;
};

struct types {
    struct type_count *items;
    size_t count, capacity;
};

static size_t begin_of(const int64_t *ends, size_t at)
{
    return at ? (size_t)ends[at - 1] : 0;
}

/* ---- pieces ---- */

static void second_add(struct piece *piece, int64_t first_ms, int64_t last_ms)
{
    piece->first_ms = first_ms < piece->first_ms ? first_ms : piece->first_ms;
    piece->last_ms = last_ms > piece->last_ms ? last_ms : piece->last_ms;
}

static enum status piece_put(struct pieces *pieces, size_t first, const struct ip *number,
                             const struct day_table *from, size_t pair, struct piece **piece,
                             struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = first; i < pieces->count; i++)
        if (ip_compare(&pieces->items[i].number, number) == 0) {
            *piece = &pieces->items[i];
            return STATUS_OK;
        }
    TRY(array_reserve(&pieces->items, &pieces->capacity, pieces->count + 1, sizeof *pieces->items, err));
    *piece = &pieces->items[pieces->count++];
    **piece = (struct piece){.number = *number,
                             .domain = from->pair_domain[pair],
                             .at = (uint32_t)pair,
                             .first_ms = INT64_MAX,
                             .last_ms = INT64_MIN,
                             .is_share = true};
done:
    return status;
}

/* The pieces of a pair: one when its address was one machine's whenever it asked. */
static enum status pair_cut(struct placing *placing, size_t pair, struct pieces *pieces, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *from = placing->from;
    const size_t first = pieces->count, begin = begin_of(from->pair_second_end, pair);
    const size_t end = (size_t)from->pair_second_end[pair];
    const int64_t step = from->pair_second_step[pair];
    const int64_t first_ms = pair_first_ms(from, pair), last_ms = pair_last_ms(from, pair);
    struct ip number;
    struct piece *piece = NULL;
    for (size_t i = begin; i < end; i++) {
        const int64_t at_s = placing->start_s + from->second_of_day[i] * step;
        TRY(placing_find(placing, from->pair_ip + 16 * pair, at_s, &number, err));
        TRY(piece_put(pieces, first, &number, from, pair, &piece, err));
        // The day's first and last query are known to the millisecond, others by the second or unit.
        second_add(piece, i == begin ? first_ms : at_s * 1000, i + 1 == end ? last_ms : at_s * 1000);
    }
    for (size_t i = first; i < pieces->count; i++) {
        struct piece *one = &pieces->items[i];
        if (pieces->count > first + 1)
            continue;
        *one = (struct piece){
            one->number, one->domain, one->at, from->pair_queries[pair], from->pair_names[pair], first_ms,
            last_ms,     false,       true};
    }
done:
    return status;
}

/* ---- shares ---- */

static int compare_shares(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    int order = ip_compare(&x->ip, &y->ip);
    if (order)
        return order;
    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    order = ip_compare(&x->number, &y->number);
    return order ? order : (x->name > y->name) - (x->name < y->name);
}

/* Asked names of the addresses in `who`: of a table, with the machine of their window or as they are. */
static enum status shares_gather(struct placing *placing, const struct day_table *table,
                                 const struct map *who, bool are_placed, struct shares *shares,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < table->size[DAY_asked] && who->count > 0; i++) {
        if (!map_get(who, table->asked_ip + 16 * i))
            continue;
        TRY(array_reserve(&shares->items, &shares->capacity, shares->count + 1, sizeof *shares->items, err));
        struct share *share = &shares->items[shares->count++];
        *share = (struct share){.domain = placing->from->name_domain[table->asked_name[i]],
                                .name = table->asked_name[i],
                                .queries = table->asked_queries[i]};
        memcpy(&share->ip, table->asked_ip + 16 * i, sizeof share->ip);
        share->number = share->ip;
        if (!are_placed)
            TRY(placing_find(placing, table->asked_ip + 16 * i, table->asked_slot[i], &share->number, err));
    }
    if (shares->count > 0)
        qsort(shares->items, shares->count, sizeof *shares->items, compare_shares);
done:
    return status;
}

/* Queries and distinct names of (address, domain, machine). */
static void share_sum(const struct shares *shares, const struct ip *ip, uint32_t domain,
                      const struct ip *number, int64_t *queries, int64_t *names)
{
    const struct share key = {.ip = *ip, .number = *number, .domain = domain};
    size_t low = 0, high = shares->count;
    *queries = *names = 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_shares(&shares->items[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i < shares->count; i++) {
        const struct share *share = &shares->items[i];
        if (share->domain != domain || ip_compare(&share->ip, ip) != 0 ||
            ip_compare(&share->number, number) != 0)
            return;
        *queries += share->queries;
        *names += i == low || share->name != shares->items[i - 1].name;
    }
}

/* Divides the queries of the pair that pieces[first … end) share. */
static void shares_divide(const struct day_table *from, const struct shares *shares, struct piece *pieces,
                          size_t count)
{
    struct ip ip;
    const size_t pair = pieces[0].at;
    int64_t left = from->pair_queries[pair];
    size_t most = 0;
    memcpy(&ip, from->pair_ip + 16 * pair, sizeof ip);
    for (size_t i = 0; i < count; i++) {
        share_sum(shares, &ip, pieces[i].domain, &pieces[i].number, &pieces[i].queries, &pieces[i].names);
        // Whose seconds are there has asked.
        pieces[i].queries = pieces[i].queries > 0 ? pieces[i].queries : 1;
        pieces[i].names = pieces[i].names > 0 ? pieces[i].names : 1;
        left -= pieces[i].queries;
        if (pieces[i].queries > pieces[most].queries)
            most = i;
    }
    pieces[most].queries += left > 0 ? left : 0;
    pieces[most].has_types = true;
}

static enum status shares_make(struct placing *placing, struct pieces *pieces, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *from = placing->from;
    struct shares shares = {0};
    struct map divided;
    map_init(&divided, sizeof(struct ip), sizeof(struct ip));
    for (size_t i = 0; i < pieces->count; i++) {
        void *found = NULL;
        if (pieces->items[i].is_share)
            TRY(map_put(&divided, from->pair_ip + 16 * (size_t)pieces->items[i].at, &found, NULL, err));
    }
    TRY(shares_gather(placing, from, &divided, false, &shares, err));
    for (size_t first = 0, end = 0; first < pieces->count; first = end) {
        for (end = first; end < pieces->count && pieces->items[end].at == pieces->items[first].at;)
            end++;
        if (pieces->items[first].is_share)
            shares_divide(from, &shares, &pieces->items[first], end - first);
    }
done:
    map_clear(&divided);
    free(shares.items);
    return status;
}

/* ---- pieces of one machine and domain ---- */

static int compare_pieces(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    const int order = ip_compare(&x->number, &y->number);
    if (order)
        return order;
    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static size_t group_end(const struct pieces *pieces, size_t first)
{
    size_t end = first + 1;
    while (end < pieces->count && pieces->items[end].domain == pieces->items[first].domain &&
           ip_compare(&pieces->items[end].number, &pieces->items[first].number) == 0)
        end++;
    return end;
}

/* Names of machines that have a pair of several pieces. */
static enum status united_gather(struct placing *placing, const struct pieces *pieces, struct shares *shares,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    struct map united;
    map_init(&united, sizeof(struct ip), sizeof(struct ip));
    for (size_t first = 0, end = 0; first < pieces->count; first = end) {
        void *found = NULL;
        end = group_end(pieces, first);
        if (end - first > 1)
            TRY(map_put(&united, &pieces->items[first].number, &found, NULL, err));
    }
    TRY(shares_gather(placing, &placing->to, &united, true, shares, err));
done:
    map_clear(&united);
    return status;
}

static struct piece group_sum(const struct shares *shares, const struct piece *pieces, size_t count)
{
    struct piece sum = pieces[0];
    int64_t queries = 0, names = 0;
    for (size_t i = 1; i < count; i++) {
        sum.queries += pieces[i].queries;
        sum.names = pieces[i].names > sum.names ? pieces[i].names : sum.names;
        second_add(&sum, pieces[i].first_ms, pieces[i].last_ms);
    }
    if (count == 1)
        return sum;
    share_sum(shares, &sum.number, sum.domain, &sum.number, &queries, &names);
    // Where some names are not there, those that are and those of a part are the least that there can be.
    sum.names = queries == sum.queries || names > sum.names ? names : sum.names;
    return sum;
}

/* ---- lists ---- */

static int compare_u32(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The seconds of a group, or its units where one of its parts has no more than these. */
static enum status seconds_add(struct placing *placing, const struct piece *pieces, size_t count,
                               struct values *out, uint32_t *step, struct error *err)
{
    enum status status = STATUS_OK;
    const struct day_table *from = placing->from;
    const size_t begin = out->count;
    *step = 1;
    for (size_t p = 0; p < count; p++)
        *step = from->pair_second_step[pieces[p].at] > *step ? from->pair_second_step[pieces[p].at] : *step;
    for (size_t p = 0; p < count; p++) {
        const size_t pair = pieces[p].at, end = (size_t)from->pair_second_end[pair];
        const uint32_t own = from->pair_second_step[pair];
        for (size_t i = begin_of(from->pair_second_end, pair); i < end; i++) {
            const int64_t second = (int64_t)from->second_of_day[i] * own;
            struct ip number = pieces[p].number;
            if (pieces[p].is_share)
                TRY(placing_find(placing, from->pair_ip + 16 * pair, placing->start_s + second, &number,
                                 err));
            if (ip_compare(&number, &pieces[p].number) != 0)
                continue;
            TRY(array_reserve(&out->items, &out->capacity, out->count + 1, sizeof *out->items, err));
            out->items[out->count++] = (uint32_t)(second / *step);
        }
    }
    size_t kept = begin;
    if (count > 1 && out->count > begin)
        qsort(out->items + begin, out->count - begin, sizeof *out->items, compare_u32);
    for (size_t i = begin; i < out->count; i++)
        if (kept == begin || out->items[kept - 1] != out->items[i])
            out->items[kept++] = out->items[i];
    out->count = kept;
done:
    return status;
}

static int compare_types(const void *a, const void *b)
{
    const struct type_count *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static enum status types_add(const struct day_table *from, const struct piece *pieces, size_t count,
                             struct types *out, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t begin = out->count;
    for (size_t p = 0; p < count; p++) {
        const size_t pair = pieces[p].at, end = (size_t)from->pair_type_end[pair];
        for (size_t i = begin_of(from->pair_type_end, pair); pieces[p].has_types && i < end; i++) {
            TRY(array_reserve(&out->items, &out->capacity, out->count + 1, sizeof *out->items, err));
            out->items[out->count++] = (struct type_count){from->type_number[i], from->type_queries[i]};
        }
    }
    size_t kept = begin;
    if (count > 1 && out->count > begin)
        qsort(out->items + begin, out->count - begin, sizeof *out->items, compare_types);
    for (size_t i = begin; i < out->count; i++) {
        if (kept == begin || out->items[kept - 1].number != out->items[i].number)
            out->items[kept++] = out->items[i];
        else
            out->items[kept - 1].queries += out->items[i].queries;
    }
    out->count = kept;
done:
    return status;
}

/* ---- the table ---- */

/* What is known of a pair once its lists are made. */
struct united {
    struct piece sum;
    size_t type_end, second_end;
    uint32_t step;
};

static void table_fill(struct day_table *made, int64_t start_s, const struct united *pairs, size_t count,
                       const struct types *types, const struct values *seconds)
{
    assert(count == 0 || seconds->items);  // every pair has a second, or its file is refused
    for (size_t i = 0; i < count; i++) {
        const struct piece *sum = &pairs[i].sum;
        const size_t first = i ? pairs[i - 1].second_end : 0, last = pairs[i].second_end - 1;
        const int64_t step = pairs[i].step;
        memcpy(made->pair_ip + 16 * i, &sum->number, sizeof sum->number);
        made->pair_domain[i] = sum->domain;
        made->pair_queries[i] = sum->queries;
        made->pair_names[i] = sum->names;
        made->pair_first_part[i] =
            (uint32_t)(sum->first_ms - (start_s + seconds->items[first] * step) * 1000);
        const int64_t last_begin_ms =
            last > first ? (start_s + seconds->items[last] * step) * 1000 : sum->first_ms;
        made->pair_last_part[i] = (uint32_t)(sum->last_ms - last_begin_ms);
        made->pair_type_end[i] = (int64_t)pairs[i].type_end;
        made->pair_second_end[i] = (int64_t)pairs[i].second_end;
        made->pair_second_step[i] = pairs[i].step;
    }
    for (size_t i = 0; i < types->count; i++) {
        made->type_number[i] = types->items[i].number;
        made->type_queries[i] = types->items[i].queries;
    }
    if (seconds->count > 0)
        memcpy(made->second_of_day, seconds->items, seconds->count * sizeof *seconds->items);
}

static enum status table_make(struct placing *placing, const struct pieces *pieces,
                              const struct shares *shares, struct day_table *made, struct error *err)
{
    enum status status = STATUS_OK;
    struct types types = {0};
    struct values seconds = {0};
    struct united *pairs = NULL;
    size_t count = 0, capacity = 0;
    for (size_t first = 0, end = 0; first < pieces->count; first = end) {
        end = group_end(pieces, first);
        TRY(array_reserve(&pairs, &capacity, count + 1, sizeof *pairs, err));
        struct united *pair = &pairs[count++];
        pair->sum = group_sum(shares, &pieces->items[first], end - first);
        TRY(types_add(placing->from, &pieces->items[first], end - first, &types, err));
        TRY(seconds_add(placing, &pieces->items[first], end - first, &seconds, &pair->step, err));
        pair->type_end = types.count;
        pair->second_end = seconds.count;
    }
    *made = (struct day_table){.day = placing->from->day, .unit_count = placing->from->unit_count};
    made->size[DAY_pair] = count;
    made->size[DAY_type] = types.count;
    made->size[DAY_second] = seconds.count;
    TRY(day_table_make(made, err));
    table_fill(made, placing->start_s, pairs, count, &types, &seconds);
done:
    free(types.items);
    free(seconds.items);
    free(pairs);
    return status;
}

enum status machine_pairs_make(struct placing *placing, struct error *err)
{
    enum status status = STATUS_OK;
    struct pieces pieces = {0};
    struct shares shares = {0};
    struct day_table made = {0};
    for (size_t pair = 0; pair < placing->from->size[DAY_pair]; pair++)
        TRY(pair_cut(placing, pair, &pieces, err));
    TRY(shares_make(placing, &pieces, err));
    if (pieces.count > 0)
        qsort(pieces.items, pieces.count, sizeof *pieces.items, compare_pieces);
    TRY(united_gather(placing, &pieces, &shares, err));
    TRY(table_make(placing, &pieces, &shares, &made, err));
    tables_move(&placing->to, &made, PAIR_TABLES);
done:
    day_table_clear(&made);
    free(pieces.items);
    free(shares.items);
    return status;
}
