/* Rows for the models: loaded by day, made into features, and dealt to the ranks in equal runs. */
#include "table/table.h"

#include "hosts.h"

#include "base/exact.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A row's features as fractions, before they become values. */
struct fraction {
    double num, den;
};

/* What a row is made of besides its own columns. */
struct row_context {
    const struct day_table *table;
    size_t row;
    int64_t new_queries;  // to domains that are new and rare
    int64_t encoded;  // for names that carry data, base64 in mixed names by their digits
    bool mixes_case;
    bool is_night, is_holiday;
};

static int64_t active_units(const struct row_context *context, int64_t *peak)
{
    const struct day_table *table = context->table;
    const uint32_t *units = &table->row_unit_queries[context->row * table->unit_count];
    int64_t active = 0;
    *peak = 0;
    for (size_t u = 0; u < table->unit_count; u++) {
        active += units[u] > 0;
        if (units[u] > *peak)
            *peak = units[u];
    }
    return active;
}

/* (n·log2 n − Σ c·log2 c)/n, as a share of the largest that so many domains allow. */
static struct fraction domain_entropy(int64_t queries, int64_t domains, int64_t clog)
{
    double bits = (double)(queries * fixed_log2((uint64_t)queries) - clog) * 0x1p-32 / (double)queries;
    return (struct fraction){bits > 0 ? bits : 0, exact_log2(1 + (double)domains)};
}

static void full_fractions(const struct row_context *context, struct fraction out[FULL_FEATURES])
{
    const struct day_table *t = context->table;
    const size_t i = context->row;
    int64_t peak = 0;
    const int64_t active = active_units(context, &peak);
    const double n = (double)t->row_queries[i];
    const struct fraction fractions[FULL_FEATURES] = {
        [FULL_QUERIES] = {n, 1},
        [FULL_ACTIVE_TIME] = {(double)active, (double)t->row_units[i]},
        [FULL_PEAK_UNIT] = {(double)peak, n},
        [FULL_TYPE_A] = {(double)t->row_type_a[i], n},
        [FULL_TYPE_AAAA] = {(double)t->row_type_aaaa[i], n},
        [FULL_TYPE_PTR] = {(double)t->row_type_ptr[i], n},
        [FULL_TYPE_TXT] = {(double)t->row_type_txt[i], n},
        [FULL_TYPE_NULL] = {(double)t->row_type_null[i], n},
        [FULL_TYPE_MX] = {(double)t->row_type_mx[i], n},
        [FULL_TYPE_SRV] = {(double)t->row_type_srv[i], n},
        [FULL_TYPE_HTTPS] = {(double)t->row_type_https[i], n},
        [FULL_TYPE_OTHER] = {(double)t->row_type_other[i], n},
        [FULL_NAMES] = {(double)t->row_names[i], 1},
        [FULL_DOMAINS] = {(double)t->row_domains[i], 1},
        [FULL_DOMAIN_ENTROPY] = domain_entropy(t->row_queries[i], t->row_domains[i], t->row_domain_clog[i]),
        [FULL_NEW_DOMAINS] = {(double)context->new_queries, n},
        [FULL_SUB_LENGTH_MEAN] = {(double)t->row_sub_bytes[i], n},
        [FULL_SUB_LENGTH_MAX] = {(double)t->row_sub_max[i], 1},
        [FULL_LABEL_LENGTH_MAX] = {(double)t->row_label_max[i], 1},
        [FULL_BIGRAM_LLR] = {(double)t->row_bigram_score[i], 256 * (double)t->row_bigrams[i]},
        [FULL_MIXED_CASE] = {context->mixes_case ? 0 : (double)t->row_mixed[i], n},
        [FULL_ENCODED] = {(double)(context->mixes_case ? context->encoded : t->row_encoded[i]), n},
        [FULL_INFO_BYTES] = {(double)t->row_info_bytes[i], 1},
        [FULL_REPEATED] = {(double)t->row_repeated[i], n},
        [FULL_TOP_DOMAIN] = {(double)t->row_domain_top[i], n},
        [FULL_NIGHT] = {context->is_night, 1},
        [FULL_HOLIDAY] = {context->is_holiday, 1},
        [FULL_NO_EDNS] = {(double)t->row_no_edns[i], n},
        [FULL_ODD_FLAGS] = {(double)t->row_odd_flags[i], n},
        [FULL_RESOLVERS] = {(double)t->row_resolvers[i], 1},
    };
    memcpy(out, fractions, sizeof fractions);
}

static void talk_fractions(const struct row_context *context, struct fraction out[TALK_FEATURES])
{
    const struct day_table *t = context->table;
    const size_t i = context->row;
    int64_t peak = 0;
    const int64_t active = active_units(context, &peak);
    const double n = (double)t->row_queries[i];
    const struct fraction fractions[TALK_FEATURES] = {
        [TALK_QUERIES] = {n, 1},
        [TALK_TYPE_A] = {(double)t->row_type_a[i], n},
        [TALK_TYPE_AAAA] = {(double)t->row_type_aaaa[i], n},
        [TALK_TYPE_PTR] = {(double)t->row_type_ptr[i], n},
        [TALK_TYPE_TXT] = {(double)t->row_type_txt[i], n},
        [TALK_TYPE_NULL] = {(double)t->row_type_null[i], n},
        [TALK_TYPE_MX] = {(double)t->row_type_mx[i], n},
        [TALK_TYPE_SRV] = {(double)t->row_type_srv[i], n},
        [TALK_TYPE_HTTPS] = {(double)t->row_type_https[i], n},
        [TALK_TYPE_OTHER] = {(double)t->row_type_other[i], n},
        [TALK_WORKDAY] = {!context->is_holiday, 1},
        [TALK_HOLIDAY] = {context->is_holiday, 1},
        [TALK_DAY] = {!context->is_night, 1},
        [TALK_NIGHT] = {context->is_night, 1},
        [TALK_ACTIVE_TIME] = {(double)active, (double)t->row_units[i]},
    };
    memcpy(out, fractions, sizeof fractions);
}

/* The grid of the raw scaling: counts and flags are exact, ratios rounded to 2^-12. */
static int64_t raw_of(const struct feature_info *info, struct fraction fraction)
{
    int64_t num = (int64_t)fraction.num, den = (int64_t)fraction.den;
    if (info->how != FEATURE_RATIO)
        return num * 4096;
    return den ? (num * 4096 + den / 2) / den : 0;
}

static float shown_of(const struct feature_info *info, struct fraction fraction)
{
    bool divides = info->how == FEATURE_SHARE || info->how == FEATURE_RATIO;
    if (!divides)
        return (float)fraction.num;
    return fraction.den != 0 ? (float)(fraction.num / fraction.den) : 0;
}

static void row_fill(struct row_data *row, const struct row_context *context, enum job_feature_set set)
{
    struct fraction talk[TALK_FEATURES], fractions[FEATURES_MOST];
    talk_fractions(context, talk);
    for (size_t f = 0; f < TALK_FEATURES; f++)
        row->raw[f] = raw_of(feature_info(FEATURE_SET_TALK, f), talk[f]);
    if (set == FEATURE_SET_TALK)
        memcpy(fractions, talk, sizeof talk);
    else
        full_fractions(context, fractions);
    for (size_t f = 0; f < feature_count(set); f++) {
        const struct feature_info *info = feature_info(set, f);
        row->shown[f] = shown_of(info, fractions[f]);
        if (info->how == FEATURE_SHARE)
            // No more than its queries, whatever the tables beside the row say.
            row->numerators[f] =
                (uint32_t)(fractions[f].num < (double)row->queries ? fractions[f].num : (double)row->queries);
        else
            row->values[f] = feature_value(info, fractions[f].num, fractions[f].den, 0);
    }
}

static bool is_night(const struct rows_plan *plan, int64_t window_s)
{
    int64_t local_s = window_s + zone_offset_s(plan->zone, window_s);
    int64_t minute = (local_s % 86400 + 86400) % 86400 / 60;
    int64_t from = plan->night.from_minute, to = plan->night.to_minute;
    return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
}

/* ---- a day ---- */

struct row_at {
    int64_t window_s;  // key: both
    struct ip ip;
    int64_t row;
};

/* What of a row comes from the asked entries of its window. */
struct row_sums {
    int64_t new_queries, encoded;
};

/* Base64 in a name whose case is mixed anew each time is told by its digits alone, a tenth of what stands
 * before the domain: spelled by chance, every long name has enough changes of case. */
#define DIGITS_OF 10

static bool is_encoded(const struct day_table *table, size_t asked)
{
    const uint32_t name = table->asked_name[asked];
    const int64_t from = name ? table->name_text_end[name - 1] : 0, end = table->name_text_end[name];
    const int64_t sub = end - from < table->name_sub_bytes[name] ? end - from : table->name_sub_bytes[name];
    int64_t digits = 0;
    if (table->name_encodings[name] != 0)
        return true;
    for (int64_t i = 0; i < sub; i++)
        digits += table->name_text[from + i] >= '0' && table->name_text[from + i] <= '9';
    return table->asked_encodings[asked] & ENCODING_BASE64 && DIGITS_OF * digits >= sub;
}

/* Adds up the asked entries of each row's window. */
static enum status row_sums_make(const struct day_table *table, const uint8_t *is_new, int64_t window_s,
                                 int64_t start_s, struct row_sums *sums, struct error *err)
{
    enum status status = STATUS_OK;
    struct map rows;
    map_init(&rows, sizeof(struct row_at), offsetof(struct row_at, row));
    for (size_t i = 0; i < table->size[DAY_row]; i++) {
        struct row_at key = {.window_s = table->row_window[i]};
        void *found = NULL;
        memcpy(&key.ip, &table->row_ip[16 * i], sizeof key.ip);
        TRY(map_put(&rows, &key, &found, NULL, err));
        ((struct row_at *)found)->row = (int64_t)i;
    }
    for (size_t i = 0; i < table->size[DAY_asked]; i++) {
        const bool to_new = is_new[table->name_domain[table->asked_name[i]]], encoded = is_encoded(table, i);
        if (!to_new && !encoded)
            continue;
        int64_t elapsed_s = table->asked_slot[i] - start_s;
        struct row_at key = {.window_s = start_s + elapsed_s / window_s * window_s};
        memcpy(&key.ip, &table->asked_ip[16 * i], sizeof key.ip);
        const struct row_at *row = map_get(&rows, &key);
        if (!row)
            continue;
        sums[row->row].new_queries += to_new ? table->asked_queries[i] : 0;
        sums[row->row].encoded += encoded ? table->asked_queries[i] : 0;
    }
done:
    map_clear(&rows);
    return status;
}

static struct day_span day_span_of(const struct rows_plan *plan, int64_t day)
{
    return (struct day_span){zone_day_start(plan->zone, day), zone_day_start(plan->zone, day + 1),
                             calendar_kind(plan->calendar, day) == DAY_HOLIDAY};
}

static enum status day_add(struct rows *rows, const struct rows_plan *plan, struct map *seen,
                           const struct day_table *table, struct error *err)
{
    enum status status = STATUS_OK;
    uint8_t *is_new = NULL;
    struct map hosts = {0};
    const struct day_span day = day_span_of(plan, table->day);
    struct row_sums *sums = calloc(table->size[DAY_row] + 1, sizeof *sums);
    if (!sums)
        return error_set(err, STATUS_NO_MEMORY, "rows", "use more ranks", "no room for the rows of a day");
    TRY(hosts_add(rows, table, &day, &hosts, err));
    TRY(domains_new(seen, table, hosts.count, &is_new, err));
    TRY(row_sums_make(table, is_new, rows->window_s, day.start_s, sums, err));
    TRY(seen_add(seen, table->domain_hash, table->size[DAY_domain], table->day, err));
    TRY(array_reserve(&rows->items, &rows->capacity, rows->count + table->size[DAY_row], sizeof *rows->items,
                      err));
    for (size_t i = 0; i < table->size[DAY_row]; i++) {
        if (table->row_window[i] < plan->from_s || table->row_window[i] >= plan->to_s)
            continue;
        struct row_data *row = &rows->items[rows->count++];
        *row = (struct row_data){.window_s = table->row_window[i],
                                 .queries = table->row_queries[i],
                                 .day = table->day,
                                 .is_night = is_night(plan, table->row_window[i]),
                                 .is_holiday = day.is_holiday};
        memcpy(&row->ip, &table->row_ip[16 * i], sizeof row->ip);
        const struct row_context context = {.table = table,
                                            .row = i,
                                            .new_queries = sums[i].new_queries,
                                            .encoded = sums[i].encoded,
                                            .mixes_case =
                                                host_mixes_case(rows, &hosts, &table->row_ip[16 * i]),
                                            .is_night = row->is_night,
                                            .is_holiday = row->is_holiday};
        row_fill(row, &context, rows->set);
    }
done:
    map_clear(&hosts);
    free(is_new);
    free(sums);
    return status;
}

/* ---- the span ---- */

/* Whether any window of the day can begin in the span. */
static bool day_in_span(const struct rows_plan *plan, int64_t day)
{
    return zone_day_start(plan->zone, day) < plan->to_s && zone_day_start(plan->zone, day + 1) > plan->from_s;
}

static enum status days_load(const struct rows_plan *plan, const struct store_day *days, size_t day_count,
                             size_t from, size_t to, struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    struct map seen;
    struct day_table table = {0};
    uint64_t *hashes = NULL;
    const struct machine_plan machines = {plan->leases, plan->zone, rows->window_s};
    seen_init(&seen);
    for (size_t i = 0; i < day_count && from < to && i < from; i++) {
        size_t count = 0;
        if (days[from].day - days[i].day > HISTORY_DAYS)
            continue;
        TRY(day_read_domains(plan->dir, &days[i], &hashes, &count, err));
        TRY(seen_add(&seen, hashes, count, days[i].day, err));
        free(hashes);
        hashes = NULL;
    }
    for (size_t i = from; i < to; i++) {
        TRY(day_read_machines(plan->dir, &days[i], DAY_ALL, &machines, &table, err));
        TRY(day_add(rows, plan, &seen, &table, err));
        day_table_clear(&table);
    }
done:
    map_clear(&seen);
    day_table_clear(&table);
    free(hashes);
    return status;
}

/* Deals the rows anew, so that each rank has an equal run of them in the same order. */
static enum status rows_balance(const struct team *team, struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    size_t ranks = (size_t)team_size(team);
    size_t *out = calloc(2 * ranks, sizeof *out);
    void *arrived = NULL;
    TRY(team_agree(team, out ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "rows", "", "no room for counts"),
                   err));
    int64_t total = (int64_t)rows->count;
    int64_t first = (int64_t)team_sum_before(team, rows->count);
    team_sum_i64(team, &total, 1);
    size_t in_bytes = 0;
    for (size_t rank = 0; rank < ranks; rank++) {
        // This rank's rows [first, first + count) that fall into the run of `rank`.
        int64_t from =
            total / (int64_t)ranks * (int64_t)rank + total % (int64_t)ranks * (int64_t)rank / (int64_t)ranks;
        int64_t to = total / (int64_t)ranks * (int64_t)(rank + 1) +
                     total % (int64_t)ranks * (int64_t)(rank + 1) / (int64_t)ranks;
        int64_t low = from > first ? from : first;
        int64_t high = to < first + (int64_t)rows->count ? to : first + (int64_t)rows->count;
        out[rank] = high > low ? (size_t)(high - low) * sizeof *rows->items : 0;
        if (rank == (size_t)team_rank(team))
            rows->first = from;
    }
    TRY(team_exchange(team, rows->items, out, &arrived, out + ranks, err));
    for (size_t rank = 0; rank < ranks; rank++)
        in_bytes += out[ranks + rank];
    free(rows->items);
    rows->items = arrived;
    arrived = NULL;
    rows->count = rows->capacity = in_bytes / sizeof *rows->items;
    rows->total = total;
done:
    free(arrived);
    free(out);
    return status;
}

static int64_t setting_number(const char *settings, const char *key)
{
    const char *found = strstr(settings, key);
    return found ? strtoll(found + strlen(key), NULL, 10) : 0;
}

/* Window and unit of the store, by its first day; the others have the same, or extract would have refused. */
static enum status store_shape_read(const char *dir, const struct store_day *day, struct rows *rows,
                                    struct error *err)
{
    char *settings = NULL;
    uint64_t *inputs = NULL;
    size_t input_count = 0;
    enum status status = shard_origin_read(dir, day, &settings, &inputs, &input_count, err);
    if (status == STATUS_OK) {
        rows->window_s = setting_number(settings, "features.window=");
        rows->unit_s = setting_number(settings, "features.unit=");
        if (rows->window_s <= 0 || rows->unit_s <= 0)
            status = error_set(err, STATUS_CORRUPT, dir, "extract into another store.dir",
                               "the store does not say its window and unit");
    }
    free(settings);
    free(inputs);
    return status;
}

/* Finds the stored days of the span, [*first, *end) of days[*count], and says what is the same for all rows.
 */
static enum status span_find(const struct team *team, const struct rows_plan *plan, struct store_day **days,
                             size_t *count, size_t *first, size_t *end, struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    *rows = (struct rows){.set = plan->set};
    TRY(store_days_shared(team, plan->dir, days, count, err));
    for (*first = 0; *first < *count && !day_in_span(plan, (*days)[*first].day);)
        (*first)++;
    for (*end = *first; *end < *count && day_in_span(plan, (*days)[*end].day);)
        (*end)++;
    if (*first == *end)  // on every rank, since all have the same list
        return error_set(err, STATUS_NO_INPUT, plan->dir, "check archive.from and archive.to",
                         "the store has no day in the span");
    for (size_t i = 0; i < *first; i++)
        rows->history_days += (*days)[*first].day - (*days)[i].day <= HISTORY_DAYS;
    rows->day_count = (int64_t)(*end - *first);
    TRY(team_agree(team, store_shape_read(plan->dir, &(*days)[*first], rows, err), err));
done:
    return status;
}

static enum status no_row(const char *dir, struct error *err)
{
    return error_set(err, STATUS_NO_INPUT, dir, "check archive.from, archive.to and archive.clients",
                     "the store has no row in the span");
}

enum status rows_load(const struct team *team, const struct rows_plan *plan, struct rows *rows,
                      struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t count = 0, first = 0, end = 0;
    TRY(span_find(team, plan, &days, &count, &first, &end, rows, err));
    size_t ranks = (size_t)team_size(team), rank = (size_t)team_rank(team);
    size_t from = first + (end - first) * rank / ranks, to = first + (end - first) * (rank + 1) / ranks;
    TRY(team_agree(team, days_load(plan, days, count, from, to, rows, err), err));
    TRY(rows_balance(team, rows, err));
    if (rows->total == 0)
        status = no_row(plan->dir, err);
done:
    free(days);
    if (status != STATUS_OK)
        rows_clear(rows);
    return status;
}

/* ---- blocks ---- */

/* This rank's share of the days: how many rows each has in the span. */
static enum status rows_count_local(const struct team *team, const struct rows_plan *plan, int64_t window_s,
                                    const struct store_day *days, size_t count, int64_t *counts,
                                    struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    const struct machine_plan machines = {plan->leases, plan->zone, window_s};
    for (size_t i = (size_t)team_rank(team); i < count; i += (size_t)team_size(team)) {
        const int64_t start_s = zone_day_start(plan->zone, days[i].day);
        if (!plan->leases && start_s >= plan->from_s &&
            zone_day_start(plan->zone, days[i].day + 1) <= plan->to_s) {
            TRY(day_row_count(plan->dir, &days[i], &counts[i], err));
            continue;
        }
        TRY(day_read_machines(plan->dir, &days[i], UINT32_C(1) << DAY_row, &machines, &table, err));
        for (size_t row = 0; row < table.size[DAY_row]; row++)
            counts[i] += table.row_window[row] >= plan->from_s && table.row_window[row] < plan->to_s;
        day_table_clear(&table);
    }
done:
    day_table_clear(&table);
    return status;
}

enum status rows_blocks_cut(const struct team *team, const struct rows_plan *plan, int64_t rows_most,
                            struct rows_blocks *blocks, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    int64_t *counts = NULL;
    size_t count = 0, first = 0, end = 0, taken = 0;
    const int64_t ranks = team_size(team);
    *blocks = (struct rows_blocks){0};
    TRY(span_find(team, plan, &days, &count, &first, &end, &blocks->whole, err));
    counts = calloc(end - first + 1, sizeof *counts);
    blocks->items = calloc(end - first + 1, sizeof *blocks->items);
    bool had = counts && blocks->items;
    TRY(team_agree(team, had ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "rows", "", "no room for days"),
                   err));
    TRY(team_agree(
        team, rows_count_local(team, plan, blocks->whole.window_s, days + first, end - first, counts, err),
        err));
    team_sum_i64(team, counts, end - first);
    int64_t rows = 0;
    for (size_t i = 0; i < end - first; i++) {
        struct rows_block *block = &blocks->items[blocks->count];
        const int64_t start_s = zone_day_start(plan->zone, days[first + i].day);
        const int64_t end_s = zone_day_start(plan->zone, days[first + i].day + 1);
        if (taken++ == 0) {
            block->first = blocks->whole.total;
            block->from_s = start_s > plan->from_s ? start_s : plan->from_s;
        }
        block->to_s = end_s < plan->to_s ? end_s : plan->to_s;
        rows += counts[i];
        blocks->whole.total += counts[i];
        const bool is_full = (int64_t)taken >= ranks && rows >= rows_most * ranks;
        if (rows > 0 && (is_full || i + 1 == end - first)) {
            blocks->count++;
            rows = 0;
            taken = 0;
        }
    }
    if (blocks->whole.total == 0)
        status = no_row(plan->dir, err);
done:
    free(days);
    free(counts);
    if (status != STATUS_OK)
        rows_blocks_clear(blocks);
    return status;
}

void rows_blocks_clear(struct rows_blocks *blocks)
{
    free(blocks->items);
    *blocks = (struct rows_blocks){0};
}

enum status rows_load_block(const struct team *team, const struct rows_plan *plan,
                            const struct rows_blocks *blocks, size_t block, struct rows *rows,
                            struct error *err)
{
    struct rows_plan of_block = *plan;
    of_block.from_s = blocks->items[block].from_s;
    of_block.to_s = blocks->items[block].to_s;
    enum status status = rows_load(team, &of_block, rows, err);
    if (status != STATUS_OK)
        return status;
    const int64_t end = block + 1 < blocks->count ? blocks->items[block + 1].first : blocks->whole.total;
    if (rows->total != end - blocks->items[block].first) {
        rows_clear(rows);
        return error_set(err, STATUS_FAILED, plan->dir, "run it again",
                         "a day was written anew, with other rows, while it was read");
    }
    rows->first += blocks->items[block].first;
    rows->history_days = blocks->whole.history_days;
    return STATUS_OK;
}

static enum status hosts_load_local(const struct rows_plan *plan, const struct store_day *days, size_t from,
                                    size_t to, struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    struct map hosts = {0};
    const struct machine_plan machines = {plan->leases, plan->zone, rows->window_s};
    for (size_t i = from; i < to; i++) {
        TRY(day_read_machines(plan->dir, &days[i], DAY_PAIRS | UINT32_C(1) << DAY_row, &machines, &table,
                              err));
        const struct day_span day = day_span_of(plan, table.day);
        TRY(hosts_add(rows, &table, &day, &hosts, err));
        map_clear(&hosts);
        day_table_clear(&table);
    }
done:
    map_clear(&hosts);
    day_table_clear(&table);
    return status;
}

enum status rows_load_hosts(const struct team *team, const struct rows_plan *plan,
                            const struct rows_blocks *blocks, struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_day *days = NULL;
    size_t count = 0, first = 0, end = 0;
    struct rows_plan of_blocks = *plan;  // the days that rows are loaded of
    of_blocks.from_s = blocks->items[0].from_s;
    of_blocks.to_s = blocks->items[blocks->count - 1].to_s;
    TRY(span_find(team, &of_blocks, &days, &count, &first, &end, rows, err));
    const size_t ranks = (size_t)team_size(team), rank = (size_t)team_rank(team);
    const size_t from = first + (end - first) * rank / ranks, to = first + (end - first) * (rank + 1) / ranks;
    TRY(team_agree(team, hosts_load_local(&of_blocks, days, from, to, rows, err), err));
done:
    free(days);
    return status;
}

void rows_clear(struct rows *rows)
{
    free(rows->items);
    free(rows->hosts);
    *rows = (struct rows){0};
}

void rows_means(const struct team *team, const struct rows *rows, const uint8_t *use, uint8_t wanted,
                double means[FEATURES_MOST])
{
    int64_t sums[FEATURES_MOST + 1] = {0};
    for (size_t i = 0; i < rows->count; i++) {
        if (use[i] != wanted)
            continue;
        sums[FEATURES_MOST] += rows->items[i].queries;
        for (size_t f = 0; f < FEATURES_MOST; f++)
            sums[f] += rows->items[i].numerators[f];
    }
    team_sum_i64(team, sums, FEATURES_MOST + 1);
    for (size_t f = 0; f < FEATURES_MOST; f++)
        means[f] = sums[FEATURES_MOST] ? (double)sums[f] / (double)sums[FEATURES_MOST] : 0;
}

void rows_shrink(struct rows *rows, const double means[FEATURES_MOST])
{
    for (size_t i = 0; i < rows->count; i++) {
        struct row_data *row = &rows->items[i];
        for (size_t f = 0; f < feature_count(rows->set); f++) {
            const struct feature_info *info = feature_info(rows->set, f);
            if (info->how == FEATURE_SHARE)
                row->values[f] = feature_value(info, row->numerators[f], (double)row->queries, means[f]);
        }
    }
}
