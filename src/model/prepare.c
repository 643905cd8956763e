#include "model/prepare.h"

#include "base/hash.h"
#include "base/map.h"
#include "job/civil.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_S 3600
#define CALIBRATE_MODULUS 4
#define CALIBRATE_REMAINDER 1

/* What a level asks for (see the door). */
#define LEVEL0_ROWS 1000
#define LEVEL0_DAYS 3
#define LEVEL1_ROWS 500
#define LEVEL_IPS 8
#define LEVEL2_DAYS 3

/* Days of stored past without which new domains mean nothing. */
#define NEW_DOMAINS_HISTORY 7

void prepared_clear(struct prepared *prepared)
{
    free(prepared->talk_values);
    free(prepared->use);
    free(prepared->ip_hash);
    free(prepared->moments);
    *prepared = (struct prepared){0};
}

static const char *set_name(enum job_feature_set set)
{
    return set == FEATURE_SET_TALK ? "talk" : "full";
}

/* ---- days and IPs over all ranks ---- */

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static size_t unique(int64_t *values, size_t count)
{
    size_t kept = 0;
    if (count > 1)
        qsort(values, count, sizeof *values, compare_i64);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || values[kept - 1] != values[i])
            values[kept++] = values[i];
    return kept;
}

/* The distinct values over all ranks, ascending; takes `mine`. */
static enum status unique_gather(const struct team *team, int64_t *mine, size_t count, int64_t **all,
                                 size_t *total, struct error *err)
{
    enum status status = STATUS_OK;
    void *gathered = NULL;
    size_t bytes = 0;
    TRY(team_gather(team, mine, unique(mine, count) * sizeof *mine, &gathered, &bytes, err));
    *all = gathered;
    *total = unique(gathered, bytes / sizeof *mine);
done:
    free(mine);
    return status;
}

/* ---- which rows ---- */

struct split {
    const struct prepare_plan *plan;
    const struct rows *rows;
    const uint64_t *ip_hash;
    uint8_t *left_out;  // [rows->count] 1 for a row that plan->left_out covers
    int64_t *calibrate_days;
    size_t calibrate_count;
    size_t train_days;
};

static int64_t local_s(const struct zone *zone, int64_t utc_s)
{
    return utc_s + zone_offset_s(zone, utc_s);
}

static bool in_spans(const struct prepare_plan *plan, const struct span_list *spans, int64_t window_s)
{
    int64_t at = local_s(plan->zone, window_s);
    for (size_t i = 0; i < spans->count; i++)
        if (at >= spans->items[i].from_s && at < spans->items[i].to_s)
            return true;
    return false;
}

static bool may_train(const struct split *split, size_t row)
{
    return !split->left_out[row] &&
           (split->plan->train.count == 0 ||
            in_spans(split->plan, &split->plan->train, split->rows->items[row].window_s));
}

static bool in_calibrate_days(const struct split *split, size_t row)
{
    const struct row_data *item = &split->rows->items[row];
    if (split->left_out[row])
        return false;
    if (split->plan->calibrate.count > 0)
        return in_spans(split->plan, &split->plan->calibrate, item->window_s);
    return may_train(split, row) && bsearch(&item->day, split->calibrate_days, split->calibrate_count,
                                            sizeof *split->calibrate_days, compare_i64) != NULL;
}

/* The use of a row at a level; who may neither train nor calibrate is scored only. */
static uint8_t use_at(const struct split *split, int level, size_t row)
{
    bool other_ip = split->ip_hash[row] % CALIBRATE_MODULUS == CALIBRATE_REMAINDER;
    bool late = in_calibrate_days(split, row);
    bool train = may_train(split, row);
    switch (level) {
    case 0:
        return late                 ? (other_ip ? MODEL_CALIBRATE : MODEL_NEITHER)
               : train && !other_ip ? MODEL_TRAIN
                                    : MODEL_NEITHER;
    case 1: return (train || late) && other_ip ? MODEL_CALIBRATE : train ? MODEL_TRAIN : MODEL_NEITHER;
    case 2: return late ? MODEL_CALIBRATE : train ? MODEL_TRAIN : MODEL_NEITHER;
    default: return train ? MODEL_TRAIN : MODEL_NEITHER;
    }
}

/* Rows that train and calibrate, and calibrating IPs, over all ranks. */
struct level_counts {
    int64_t train, calibrate;
    size_t ips;
};

static enum status level_count(const struct team *team, const struct split *split, int level,
                               struct level_counts *counts, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t sums[2] = {0};
    int64_t *mine = malloc((split->rows->count + 1) * sizeof *mine), *all = NULL;
    size_t count = 0;
    enum status had =
        mine ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "calibration", "", "no room for IPs");
    TRY(team_agree(team, had, err));
    for (size_t row = 0; row < split->rows->count; row++) {
        uint8_t use = use_at(split, level, row);
        sums[0] += use == MODEL_TRAIN;
        sums[1] += use == MODEL_CALIBRATE;
        if (use == MODEL_CALIBRATE)
            mine[count++] = (int64_t)split->ip_hash[row];
    }
    team_sum_i64(team, sums, 2);
    int64_t *taken = mine;
    mine = NULL;
    TRY(unique_gather(team, taken, count, &all, &counts->ips, err));
    counts->train = sums[0];
    counts->calibrate = sums[1];
done:
    free(mine);
    free(all);
    return status;
}

static bool level_holds(const struct split *split, int level, const struct level_counts *counts)
{
    switch (level) {
    case 0:
        return counts->train > 0 && counts->calibrate >= LEVEL0_ROWS && counts->ips >= LEVEL_IPS &&
               split->train_days >= LEVEL0_DAYS;
    case 1: return counts->train > 0 && counts->calibrate >= LEVEL1_ROWS && counts->ips >= LEVEL_IPS;
    case 2: return counts->train > 0 && counts->calibrate > 0 && split->train_days >= LEVEL2_DAYS;
    default: return true;
    }
}

/* The last quarter of the days with training rows, rounded up. */
static enum status calibrate_days_find(const struct team *team, struct split *split, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *mine = malloc((split->rows->count + 1) * sizeof *mine);
    size_t count = 0;
    enum status had =
        mine ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "calibration", "", "no room for days");
    TRY(team_agree(team, had, err));
    for (size_t row = 0; row < split->rows->count; row++)
        if (may_train(split, row) && (count == 0 || mine[count - 1] != split->rows->items[row].day))
            mine[count++] = split->rows->items[row].day;
    int64_t *taken = mine, *days = NULL;
    mine = NULL;
    TRY(unique_gather(team, taken, count, &days, &split->train_days, err));
    size_t quarter = (split->train_days + 3) / 4;
    split->calibrate_days = days;
    split->calibrate_count = quarter;
    if (quarter > 0)
        memmove(days, days + split->train_days - quarter, quarter * sizeof *days);
done:
    free(mine);
    return status;
}

/* How many local days and IPs the training rows have. */
static enum status train_count(const struct team *team, const struct rows *rows, struct prepared *prepared,
                               struct error *err)
{
    enum status status = STATUS_OK;
    for (int what = 0; what < 2; what++) {
        int64_t *mine = malloc((rows->count + 1) * sizeof *mine), *all = NULL;
        size_t count = 0, total = 0;
        enum status had =
            mine ? STATUS_OK : error_set(err, STATUS_NO_MEMORY, "model", "", "no room for days and IPs");
        TRY(team_agree(team, had, err));
        for (size_t row = 0; row < rows->count; row++)
            if (prepared->use[row] == MODEL_TRAIN)
                mine[count++] = what ? (int64_t)prepared->ip_hash[row] : rows->items[row].day;
        TRY(unique_gather(team, mine, count, &all, &total, err));
        free(all);
        *(what ? &prepared->context.train_ips : &prepared->context.train_days) = (int64_t)total;
    }
done:
    return status;
}

static enum status left_out_local(const struct prepare_plan *plan, const struct rows *rows, uint8_t **out,
                                  int64_t *count, struct error *err)
{
    uint8_t *left_out = calloc(rows->count + 1, 1);
    if (!left_out)
        return error_set(err, STATUS_NO_MEMORY, "model.exclude", "use more ranks", "no room for %zu rows",
                         rows->count);
    for (size_t row = 0; row < rows->count; row++) {
        const struct row_data *item = &rows->items[row];
        left_out[row] = host_spans_cover(plan->left_out, &item->ip, local_s(plan->zone, item->window_s));
        *count += left_out[row];
    }
    *out = left_out;
    return STATUS_OK;
}

static enum status use_find(const struct team *team, const struct prepare_plan *plan, const struct rows *rows,
                            struct prepared *prepared, struct error *err)
{
    enum status status = STATUS_OK;
    struct split split = {.plan = plan, .rows = rows, .ip_hash = prepared->ip_hash};
    struct level_counts counts = {0};
    int level = 0;
    TRY(team_agree(team, left_out_local(plan, rows, &split.left_out, &prepared->left_out, err), err));
    team_sum_i64(team, &prepared->left_out, 1);
    TRY(calibrate_days_find(team, &split, err));
    for (level = 0; level <= 3; level++) {
        TRY(level_count(team, &split, level, &counts, err));
        if (level_holds(&split, level, &counts))
            break;
    }
    if (counts.train == 0) {
        status =
            error_set(err, STATUS_NO_INPUT, "model.train", "check the spans of model.train and model.exclude",
                      "no row of the store lies in the training spans");
        goto done;
    }
    for (size_t row = 0; row < rows->count; row++) {
        prepared->use[row] = use_at(&split, level, row);
        prepared->moments[row].role =
            (uint8_t)role_of_ip(plan->roles, plan->role_count, &rows->items[row].ip);
        // Also rows that the split leaves unused: every host has its own usual values.
        prepared->moments[row].counts = may_train(&split, row) || in_calibrate_days(&split, row);
    }
    prepared->context.calibration_level = level;
done:
    free(split.left_out);
    free(split.calibrate_days);
    return status;
}

/* ---- columns ---- */

static enum status arrays_make_local(const struct rows *rows, bool kmeans2_robust, struct prepared *prepared,
                                     struct error *err)
{
    const size_t count = rows->count + 1;
    *prepared = (struct prepared){0};
    if (kmeans2_robust)
        prepared->talk_values = calloc(count, TALK_FEATURES * sizeof *prepared->talk_values);
    prepared->use = calloc(count, 1);
    prepared->ip_hash = calloc(count, sizeof *prepared->ip_hash);
    prepared->moments = calloc(count, sizeof *prepared->moments);
    bool had =
        (prepared->talk_values || !kmeans2_robust) && prepared->use && prepared->ip_hash && prepared->moments;
    if (!had) {
        prepared_clear(prepared);
        return error_set(err, STATUS_NO_MEMORY, "models", "use more ranks", "no room for %zu rows",
                         rows->count);
    }
    for (size_t row = 0; row < rows->count; row++)
        prepared->ip_hash[row] = content_hash(&rows->items[row].ip, sizeof rows->items[row].ip);
    return STATUS_OK;
}

static void moments_fill(const struct zone *zone, const struct rows *rows, struct prepared *prepared)
{
    for (size_t row = 0; row < rows->count; row++) {
        const struct row_data *item = &rows->items[row];
        struct model_moment *at = &prepared->moments[row];
        at->hour = (uint8_t)(floor_mod(local_s(zone, item->window_s), DAY_S) / HOUR_S);
        at->is_holiday = item->is_holiday != 0;
        at->is_night = item->is_night != 0;
    }
}

static void columns_fill(const struct rows *rows, struct prepared *prepared)
{
    const size_t columns = rows->columns;
    for (size_t i = 0; prepared->talk_values && i < rows->count * TALK_FEATURES; i++)
        prepared->talk_values[i] = (float)((double)rows->raw[i] * 0x1p-12);
    for (size_t f = 0; f < columns; f++) {
        const struct feature_info *info = feature_info(rows->set, f);
        prepared->names[f] = info->name;
        prepared->definitions[f] = feature_definition(rows->set, f);
        prepared->floors[f] = info->floor;
        prepared->active[f] = 1;
    }
    if (rows->set == FEATURE_SET_FULL && prepared->context.history_days < NEW_DOMAINS_HISTORY)
        prepared->active[FULL_NEW_DOMAINS] = 0;
    for (size_t f = 0; f < TALK_FEATURES; f++)
        prepared->talk_floors[f] = feature_info(FEATURE_SET_TALK, f)->floor;
    prepared->input = (struct model_input){.row_count = rows->count,
                                           .columns = columns,
                                           .values = (const float *)rows->values,
                                           .raw = rows->raw,
                                           .talk_values = prepared->talk_values,
                                           .use = prepared->use,
                                           .ip_hash = prepared->ip_hash,
                                           .names = prepared->names,
                                           .definitions = prepared->definitions,
                                           .floors = prepared->floors,
                                           .talk_floors = prepared->talk_floors,
                                           .active = prepared->active,
                                           .shown = rows->shown,
                                           .moments = prepared->moments};
}

static void span_find(const struct team *team, const struct rows *rows, struct prepared *prepared)
{
    int64_t ends[2] = {INT64_MIN, INT64_MIN};  // −first and last
    for (size_t row = 0; row < rows->count; row++) {
        if (prepared->use[row] == MODEL_NEITHER)
            continue;
        int64_t window_s = rows->items[row].window_s;
        ends[0] = -window_s > ends[0] ? -window_s : ends[0];
        ends[1] = window_s > ends[1] ? window_s : ends[1];
    }
    team_max_i64(team, ends, 2);
    prepared->context.train_from_s = -ends[0];
    prepared->context.train_to_s = ends[1] + rows->window_s;
}

enum status prepare_training(const struct team *team, const struct prepare_plan *plan, struct rows *rows,
                             struct prepared *prepared, struct error *err)
{
    enum status status = STATUS_OK;
    *prepared = (struct prepared){0};
    TRY(team_agree(team, arrays_make_local(rows, plan->kmeans2_robust, prepared, err), err));
    moments_fill(plan->zone, rows, prepared);
    TRY(use_find(team, plan, rows, prepared, err));
    TRY(train_count(team, rows, prepared, err));
    rows_means(team, rows, prepared->use, MODEL_TRAIN, prepared->context.shrinkage);
    rows_shrink(rows, prepared->context.shrinkage);
    (void)snprintf(prepared->context.feature_set, sizeof prepared->context.feature_set, "%s",
                   set_name(rows->set));
    prepared->context.window_s = rows->window_s;
    prepared->context.unit_s = rows->unit_s;
    prepared->context.history_days = rows->history_days;
    span_find(team, rows, prepared);
    columns_fill(rows, prepared);
done:
    if (status != STATUS_OK)
        prepared_clear(prepared);
    return status;
}

enum status prepare_scoring(const struct model *model, const struct zone *zone, struct rows *rows,
                            struct prepared *prepared, struct error *err)
{
    enum status status = STATUS_OK;
    const struct model_context *context = model_context_of(model);
    *prepared = (struct prepared){0};
    if (strcmp(context->feature_set, set_name(rows->set)) != 0)
        return error_set(err, STATUS_MISMATCH, "features.set",
                         "train a model for this set, or score with the model's",
                         "the model was trained on the set \"%s\", the job says \"%s\"", context->feature_set,
                         set_name(rows->set));
    if (context->window_s != rows->window_s || context->unit_s != rows->unit_s)
        return error_set(err, STATUS_MISMATCH, "features.window",
                         "use a store with the model's window and unit",
                         "the model has windows of %" PRId64 " s in units of %" PRId64
                         " s, the store %" PRId64 " and %" PRId64,
                         context->window_s, context->unit_s, rows->window_s, rows->unit_s);
    TRY(arrays_make_local(rows, model_settings_of(model)->kmeans2_robust, prepared, err));
    rows_shrink(rows, context->shrinkage);
    prepared->context = *context;
    moments_fill(zone, rows, prepared);
    columns_fill(rows, prepared);
done:
    return status;
}
