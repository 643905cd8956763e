/* A span in blocks of days, for who need not have all rows in memory. */
#include "internal.h"

#include <stdlib.h>

/* Counts the rows of a part of the days, as many as ranks: how many each day has in the span. */
static enum status rows_count_local(const struct team *team, const struct rows_plan *plan, int64_t window_s,
                                    const struct stored_span *span, int64_t *counts, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    const struct machine_plan machines = {plan->leases, plan->zone, window_s};
    for (size_t i = (size_t)team_rank(team); i < span->count; i += (size_t)team_size(team)) {
        const struct store_day *day = &span->days[i];
        const int64_t start_s = zone_day_start(plan->zone, day->day);
        if (!plan->leases && start_s >= plan->from_s &&
            zone_day_start(plan->zone, day->day + 1) <= plan->to_s) {
            TRY(day_row_count(plan->dir, day, &counts[i], err));
            continue;
        }
        TRY(day_read_machines(plan->dir, day, UINT32_C(1) << DAY_row, &machines, &table, err));
        for (size_t row = 0; row < table.size[DAY_row]; row++)
            counts[i] += table.row_window[row] >= plan->from_s && table.row_window[row] < plan->to_s;
        day_table_clear(&table);
    }
done:
    day_table_clear(&table);
    return status;
}

/* Cuts behind the day that fills a block: a day a rank, and `least` rows. */
static void days_cut(const struct rows_plan *plan, const struct stored_span *span, const int64_t *counts,
                     int64_t ranks, int64_t least, struct rows_blocks *blocks)
{
    int64_t rows = 0, days = 0;  // of the block
    for (size_t i = 0; i < span->count; i++) {
        struct rows_block *block = &blocks->items[blocks->count];
        const int64_t start_s = zone_day_start(plan->zone, span->days[i].day);
        const int64_t end_s = zone_day_start(plan->zone, span->days[i].day + 1);
        if (days++ == 0) {
            block->first = blocks->whole.total;
            block->from_s = start_s > plan->from_s ? start_s : plan->from_s;
        }
        block->to_s = end_s < plan->to_s ? end_s : plan->to_s;
        rows += counts[i];
        blocks->whole.total += counts[i];
        const bool is_full = days >= ranks && rows >= least;
        if (rows > 0 && (is_full || i + 1 == span->count)) {
            blocks->count++;
            rows = days = 0;
        }
    }
}

enum status rows_blocks_cut(const struct team *team, const struct rows_plan *plan, int64_t rows_most,
                            struct rows_blocks *blocks, struct error *err)
{
    enum status status = STATUS_OK;
    struct stored_span span = {0};
    int64_t *counts = NULL;
    const int64_t ranks = team_size(team);
    *blocks = (struct rows_blocks){0};
    TRY(span_find(team, plan, &span, &blocks->whole, err));
    counts = calloc(span.count + 1, sizeof *counts);
    blocks->items = calloc(span.count + 1, sizeof *blocks->items);
    bool had = counts && blocks->items;
    TRY(team_agree(team, had ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "rows", "", "no room for days"),
                   err));
    TRY(team_agree(team, rows_count_local(team, plan, blocks->whole.window_s, &span, counts, err), err));
    team_sum_i64(team, counts, span.count);
    days_cut(plan, &span, counts, ranks, rows_most * ranks, blocks);
    if (blocks->whole.total == 0)
        status = span_no_row(plan, err);
done:
    span_clear(&span);
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

static enum status hosts_load_local(const struct rows_plan *plan, const struct stored_span *span,
                                    struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_table table = {0};
    struct map hosts = {0};
    const struct machine_plan machines = {plan->leases, plan->zone, rows->window_s};
    const uint32_t wanted = DAY_PAIRS | UINT32_C(1) << DAY_row;
    for (size_t i = span->from; i < span->to; i++) {
        TRY(day_read_machines(plan->dir, &span->days[i], wanted, &machines, &table, err));
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
    struct stored_span span = {0};
    struct rows_plan of_blocks = *plan;  // the days that rows are loaded of
    of_blocks.from_s = blocks->items[0].from_s;
    of_blocks.to_s = blocks->items[blocks->count - 1].to_s;
    TRY(span_find(team, &of_blocks, &span, rows, err));
    TRY(team_agree(team, hosts_load_local(&of_blocks, &span, rows, err), err));
done:
    span_clear(&span);
    return status;
}
