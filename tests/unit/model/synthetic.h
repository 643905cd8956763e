/* Seeded rows for the model's tests: a function of (seed, row, column), so that any rank can make any of
 * them. */
#ifndef SYNTHETIC_H
#define SYNTHETIC_H

#include "model/model.h"

#include "base/random.h"

#include <stdlib.h>

#define SYNTHETIC_COLUMNS 12
#define SYNTHETIC_SEED 20220201u

static const char *const SYNTHETIC_NAMES[SYNTHETIC_COLUMNS] = {
    "queries", "active_time", "peak_unit", "type_a",  "type_aaaa", "type_ptr",
    "names",   "domains",     "repeated",  "encoded", "night",     "unused",
};
static const double SYNTHETIC_FLOORS[MODEL_TALK_COLUMNS] = {
    0.25, 0.01, 0.01, 0.01, 0.01, 0.01, 0.25, 0.25, 0.01, 0.01, 1, 1, 1, 1, 0.01,
};

struct synthetic {
    struct model_input input;
    float *values, *talk_values;
    int64_t *raw;
    uint8_t *use;
    uint64_t *ip_hash;
    struct model_moment *moments;
    uint8_t active[SYNTHETIC_COLUMNS];
};

static inline double synthetic_unit(size_t row, size_t column)
{
    return random_unit(SYNTHETIC_SEED, RANDOM_WEIGHTS, (uint32_t)column, row);
}

/* One of four kinds of host, each with its own level; one row in 400 is far from all. */
static inline float synthetic_value(size_t row, size_t column)
{
    const double kind = (double)(row % 37 % 4);
    const double level = kind * (double)(1 + column % 3) + (row % 400 == 7 ? 25.0 : 0.0);
    return column == SYNTHETIC_COLUMNS - 2 ? (float)(row % 24 < 8)
                                           : (float)(level + synthetic_unit(row, column) - 0.5);
}

/* Hours follow each other; of seven days two are holidays; 37 hosts have three roles. */
static inline struct model_moment synthetic_moment(size_t row)
{
    return (struct model_moment){.hour = (uint8_t)(row % 24),
                                 .is_holiday = row / 24 % 7 > 4,
                                 .is_night = row % 24 < 8,
                                 .role = (uint8_t)(row % 37 % MODEL_ROLES),
                                 .counts = row % 50 != 49};
}

/* Rows [from, to) of a table in which every `calibrate_every`-th row calibrates (0: none does). */
static inline void synthetic_make(size_t from, size_t to, size_t calibrate_every, struct synthetic *out)
{
    const size_t count = to - from;
    *out = (struct synthetic){0};
    out->values = calloc(count * SYNTHETIC_COLUMNS + 1, sizeof *out->values);
    out->talk_values = calloc(count * MODEL_TALK_COLUMNS + 1, sizeof *out->talk_values);
    out->raw = calloc(count * MODEL_TALK_COLUMNS + 1, sizeof *out->raw);
    out->use = calloc(count + 1, 1);
    out->ip_hash = calloc(count + 1, sizeof *out->ip_hash);
    out->moments = calloc(count + 1, sizeof *out->moments);
    for (size_t i = 0; i < count; i++) {
        const size_t row = from + i;
        for (size_t c = 0; c < SYNTHETIC_COLUMNS; c++)
            out->values[i * SYNTHETIC_COLUMNS + c] = synthetic_value(row, c);
        const int64_t queries = 1 + (int64_t)(row % 37) + (row % 400 == 7 ? 52557 : 0);
        for (size_t c = 0; c < MODEL_TALK_COLUMNS; c++) {
            int64_t raw = c == 0 ? queries * 4096 : (int64_t)(synthetic_unit(row, 100 + c) * 4096.0);
            out->raw[i * MODEL_TALK_COLUMNS + c] = raw;
            out->talk_values[i * MODEL_TALK_COLUMNS + c] = (float)raw / 4096.0f;
        }
        out->use[i] = calibrate_every && row % calibrate_every == 3 ? MODEL_CALIBRATE
                      : row % 50 == 49                              ? MODEL_NEITHER
                                                                    : MODEL_TRAIN;
        out->moments[i] = synthetic_moment(row);
        out->ip_hash[i] = random_u64(SYNTHETIC_SEED, RANDOM_DEAL, 1, row % 37);
    }
    for (size_t c = 0; c + 1 < SYNTHETIC_COLUMNS; c++)
        out->active[c] = 1;
    out->input = (struct model_input){.row_count = count,
                                      .columns = SYNTHETIC_COLUMNS,
                                      .values = out->values,
                                      .raw = out->raw,
                                      .talk_values = out->talk_values,
                                      .use = out->use,
                                      .ip_hash = out->ip_hash,
                                      .names = SYNTHETIC_NAMES,
                                      .floors = SYNTHETIC_FLOORS,
                                      .talk_floors = SYNTHETIC_FLOORS,
                                      .active = out->active,
                                      .shown = out->values,
                                      .moments = out->moments};
}

static inline void synthetic_clear(struct synthetic *rows)
{
    free(rows->values);
    free(rows->talk_values);
    free(rows->raw);
    free(rows->use);
    free(rows->ip_hash);
    free(rows->moments);
    *rows = (struct synthetic){0};
}

static inline struct model_settings synthetic_settings(int k)
{
    return (struct model_settings){
        .k = k, .kmeans_seed = 1, .hidden = {8, 3, 8}, .hidden_count = 3, .epochs = 6, .autoencoder_seed = 1};
}

static inline struct model_context synthetic_context(void)
{
    return (struct model_context){.feature_set = "full",
                                  .window_s = 3600,
                                  .unit_s = 60,
                                  .calibration_level = 1,
                                  .history_days = 8,
                                  .shrinkage = {0.5, 0.25},
                                  .train_from_s = 1643641200,
                                  .train_to_s = 1644332400,
                                  .train_days = 8,
                                  .train_ips = 37};
}

#endif
