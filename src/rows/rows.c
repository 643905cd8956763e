/* Rows for the models: loaded by day, and dealt to the ranks in equal runs. */
#include "internal.h"

#include <stdlib.h>

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

/* Deals the rows anew, so that each rank has an equal run of them in the same order. */
static enum status rows_balance(const struct team *team, struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t ranks = (size_t)team_size(team);
    size_t *out = calloc(2 * ranks, sizeof *out), in_bytes = 0;
    void *arrived = NULL;
    TRY(team_agree(team, out ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "rows", "", "no room for counts"),
                   err));
    size_t *in = out + ranks;
    int64_t total = (int64_t)rows->count;
    const int64_t first = (int64_t)team_sum_before(team, rows->count), end = first + total;
    team_sum_i64(team, &total, 1);
    for (size_t rank = 0; rank < ranks; rank++) {
        const int64_t from = run_begin(total, (int64_t)ranks, (int64_t)rank);
        const int64_t to = run_begin(total, (int64_t)ranks, (int64_t)rank + 1);
        out[rank] = overlap(from, to, first, end) * sizeof *rows->items;
    }
    TRY(team_exchange(team, rows->items, out, &arrived, in, err));
    for (size_t rank = 0; rank < ranks; rank++)
        in_bytes += in[rank];
    free(rows->items);
    rows->items = arrived;
    arrived = NULL;
    rows->count = rows->capacity = in_bytes / sizeof *rows->items;
    rows->first = run_begin(total, (int64_t)ranks, team_rank(team));
    rows->total = total;
done:
    free(arrived);
    free(out);
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
