/* Which stored days a span has, and what is the same for all of them. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Whether any window of the day can begin in the span. */
static bool day_in_span(const struct rows_plan *plan, int64_t day)
{
    return zone_day_start(plan->zone, day) < plan->to_s && zone_day_start(plan->zone, day + 1) > plan->from_s;
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

enum status span_find(const struct team *team, const struct rows_plan *plan, struct stored_span *span,
                      struct rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t ranks = (size_t)team_size(team), rank = (size_t)team_rank(team);
    size_t first = 0;
    *rows = (struct rows){.set = plan->set, .columns = feature_count(plan->set)};
    *span = (struct stored_span){0};
    TRY(store_days_shared(team, plan->dir, &span->all, &span->before, err));
    const size_t stored = span->before;
    while (first < stored && !day_in_span(plan, span->all[first].day))
        first++;
    span->before = first;
    span->days = span->all + first;
    while (first + span->count < stored && day_in_span(plan, span->days[span->count].day))
        span->count++;
    if (span->count == 0)  // on every rank, since all have the same list
        return error_set(err, STATUS_NO_INPUT, plan->dir, "check archive.from and archive.to",
                         "the store has no day in the span");
    span->from = span->count * rank / ranks;
    span->to = span->count * (rank + 1) / ranks;
    for (size_t i = 0; i < span->before; i++)
        rows->history_days += span->days[0].day - span->all[i].day <= HISTORY_DAYS;
    rows->day_count = (int64_t)span->count;
    TRY(team_agree(team, store_shape_read(plan->dir, &span->days[0], rows, err), err));
done:
    return status;
}

void span_clear(struct stored_span *span)
{
    free(span->all);
    *span = (struct stored_span){0};
}

enum status span_no_row(const struct rows_plan *plan, struct error *err)
{
    return error_set(err, STATUS_NO_INPUT, plan->dir, "check archive.from, archive.to and archive.clients",
                     "the store has no row in the span");
}
