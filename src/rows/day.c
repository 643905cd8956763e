/* The rows of a day, made of its tables. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static bool is_night(const struct rows_plan *plan, int64_t window_s)
{
    int64_t local_s = window_s + zone_offset_s(plan->zone, window_s);
    int64_t minute = (local_s % 86400 + 86400) % 86400 / 60;
    int64_t from = plan->night.from_minute, to = plan->night.to_minute;
    return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
}

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

struct day_span day_span_of(const struct rows_plan *plan, int64_t day)
{
    return (struct day_span){zone_day_start(plan->zone, day), zone_day_start(plan->zone, day + 1),
                             calendar_kind(plan->calendar, day) == DAY_HOLIDAY};
}

/* Room for some more rows. */
static enum status rows_reserve(struct rows *rows, size_t more, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t need = rows->count + more;
    const size_t wide = rows->columns * sizeof(float);
    TRY(array_reserve(&rows->items, &rows->capacity, need, sizeof *rows->items, err));
    TRY(array_reserve(&rows->values, &rows->value_capacity, need, wide, err));
    TRY(array_reserve(&rows->shown, &rows->shown_capacity, need, wide, err));
    TRY(array_reserve(&rows->raw, &rows->raw_capacity, need, TALK_FEATURES * sizeof *rows->raw, err));
done:
    return status;
}

enum status rows_add_day(struct rows *rows, const struct rows_plan *plan, struct map *seen,
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
    TRY(rows_reserve(rows, table->size[DAY_row], err));
    for (size_t i = 0; i < table->size[DAY_row]; i++) {
        if (table->row_window[i] < plan->from_s || table->row_window[i] >= plan->to_s)
            continue;
        struct row_data *row = &rows->items[rows->count];
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
        row_fill(rows, rows->count++, &context);
    }
done:
    map_clear(&hosts);
    free(is_new);
    free(sums);
    return status;
}
