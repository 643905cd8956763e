/* Rows for the models: loaded by day, and dealt to the ranks in equal runs. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Remembers the domains of the days before this rank's first one. */
static enum status seen_load(const struct rows_plan *plan, const struct stored_span *span, struct map *seen,
                             struct error *err)
{
    enum status status = STATUS_OK;
    uint64_t *hashes = NULL;
    for (const struct store_day *day = span->all; day < span->days + span->from; day++) {
        size_t count = 0;
        if (span->days[span->from].day - day->day > HISTORY_DAYS)
            continue;
        TRY(day_read_domains(plan->dir, day, &hashes, &count, err));
        TRY(seen_add(seen, hashes, count, day->day, err));
        free(hashes);
        hashes = NULL;
    }
done:
    free(hashes);
    return status;
}

/* Loads this rank's days. */
static enum status days_load(const struct rows_plan *plan, const struct stored_span *span, struct rows *rows,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct map seen;
    struct day_table table = {0};
    const struct machine_plan machines = {plan->leases, plan->zone, rows->window_s};
    seen_init(&seen);
    if (span->from < span->to)
        TRY(seen_load(plan, span, &seen, err));
    for (size_t i = span->from; i < span->to; i++) {
        TRY(day_read_machines(plan->dir, &span->days[i], DAY_ALL, &machines, &table, err));
        TRY(rows_add_day(rows, plan, &seen, &table, err));
        day_table_clear(&table);
    }
done:
    map_clear(&seen);
    day_table_clear(&table);
    return status;
}

/* Number of the first row of a rank, of `total` in equal runs. */
static int64_t run_begin(int64_t total, int64_t ranks, int64_t rank)
{
    return total / ranks * rank + total % ranks * rank / ranks;
}

/* How many of the numbers [from, to) are in [begin, end). */
static size_t overlap(int64_t from, int64_t to, int64_t begin, int64_t end)
{
    const int64_t low = from > begin ? from : begin, high = to < end ? to : end;
    return high > low ? (size_t)(high - low) : 0;
}

/* Sends each rank its part of an array of rows, and puts what arrives in its place.
 *
 * rows_to: [ranks] rows for each rank; counts: [2 * ranks], room. Returns the bytes that arrived. */
static enum status array_deal(const struct team *team, void *array, size_t row_bytes, const size_t *rows_to,
                              size_t *counts, size_t *in_bytes, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t ranks = (size_t)team_size(team);
    void *old = NULL, *arrived = NULL;
    memcpy(&old, array, sizeof old);  // any type's pointer to pointer
    for (size_t rank = 0; rank < ranks; rank++)
        counts[rank] = rows_to[rank] * row_bytes;
    TRY(team_exchange(team, old, counts, &arrived, counts + ranks, err));
    free(old);
    memcpy(array, &arrived, sizeof arrived);
    *in_bytes = 0;
    for (size_t rank = 0; rank < ranks; rank++)
        *in_bytes += counts[ranks + rank];
done:
    return status;
}

/* Deals the rows anew, so that each rank has an equal run of them in the same order. One array after the
 * other: what is there twice meanwhile is the widest of them. */
static enum status rows_balance(const struct team *team, struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t ranks = (size_t)team_size(team), wide = rows->columns * sizeof(float);
    size_t *rows_to = calloc(3 * ranks, sizeof *rows_to), bytes = 0;
    TRY(team_agree(
        team, rows_to ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "rows", "", "no room for counts"), err));
    size_t *counts = rows_to + ranks;
    int64_t total = (int64_t)rows->count;
    const int64_t first = (int64_t)team_sum_before(team, rows->count), end = first + total;
    team_sum_i64(team, &total, 1);
    for (size_t rank = 0; rank < ranks; rank++)
        rows_to[rank] = overlap(run_begin(total, (int64_t)ranks, (int64_t)rank),
                                run_begin(total, (int64_t)ranks, (int64_t)rank + 1), first, end);
    TRY(array_deal(team, &rows->values, wide, rows_to, counts, &bytes, err));
    TRY(array_deal(team, &rows->shown, wide, rows_to, counts, &bytes, err));
    TRY(array_deal(team, &rows->raw, TALK_FEATURES * sizeof *rows->raw, rows_to, counts, &bytes, err));
    TRY(array_deal(team, &rows->items, sizeof *rows->items, rows_to, counts, &bytes, err));
    rows->count = bytes / sizeof *rows->items;
    rows->capacity = rows->value_capacity = rows->shown_capacity = rows->raw_capacity = rows->count;
    rows->first = run_begin(total, (int64_t)ranks, team_rank(team));
    rows->total = total;
done:
    free(rows_to);
    return status;
}

enum status rows_load(const struct team *team, const struct rows_plan *plan, struct rows *rows,
                      struct error *err)
{
    enum status status = STATUS_OK;
    struct stored_span span = {0};
    TRY(span_find(team, plan, &span, rows, err));
    TRY(team_agree(team, days_load(plan, &span, rows, err), err));
    TRY(rows_balance(team, rows, err));
    if (rows->total == 0)
        status = span_no_row(plan, err);
done:
    span_clear(&span);
    if (status != STATUS_OK)
        rows_clear(rows);
    return status;
}

void rows_clear(struct rows *rows)
{
    free(rows->items);
    free(rows->values);
    free(rows->shown);
    free(rows->raw);
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
        for (size_t f = 0; f < rows->columns; f++)
            if (feature_info(rows->set, f)->how == FEATURE_SHARE)
                sums[f] += rows->values[i * rows->columns + f].numerator;
    }
    team_sum_i64(team, sums, FEATURES_MOST + 1);
    for (size_t f = 0; f < FEATURES_MOST; f++)
        means[f] = sums[FEATURES_MOST] ? (double)sums[f] / (double)sums[FEATURES_MOST] : 0;
}

void rows_shrink(struct rows *rows, const double means[FEATURES_MOST])
{
    for (size_t i = 0; i < rows->count; i++)
        for (size_t f = 0; f < rows->columns; f++) {
            const struct feature_info *info = feature_info(rows->set, f);
            union row_value *at = &rows->values[i * rows->columns + f];
            if (info->how == FEATURE_SHARE)
                at->value = feature_value(info, at->numerator, (double)rows->items[i].queries, means[f]);
        }
}
