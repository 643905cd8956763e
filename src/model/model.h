/**
 * The models over rows: what is usual for a (window, IP), learned by all ranks together, and how far a row is
 * from it.
 *
 *     struct model_input ── model_fit ──► struct model ── model_score ──► struct model_scores
 *                                           │    ▲
 *                                 model_write    model_read
 *                                           ▼    │
 *                                          model.h5
 *
 * Three models: kmeans2 (two clusters on the talk's columns), kmeans (k clusters) and an autoencoder on
 * scaled features; then p-values by comparison with calibration rows. Rows stand in their canonical (window,
 * IP) order and ranks hold consecutive runs of it, so a row's number is the same whoever holds it. Every sum
 * over rows is a sum of integers: a model has the same bits for any number of ranks.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/error.h"
#include "parallel/parallel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_COLUMNS_MOST 32
#define MODEL_TALK_COLUMNS 15
#define MODEL_LAYERS_MOST 8
#define MODEL_WIDTH_MOST 256
#define MODEL_K_MOST 1024
#define MODEL_EPOCHS_MOST 10000
#define MODEL_NETS_MOST 15
#define MODEL_NAME_BYTES 64  // of a feature's or a feature set's name, its '\0' counted

#define MODEL_ROLES 3  // as enum role of table/

enum model_use { MODEL_NEITHER, MODEL_TRAIN, MODEL_CALIBRATE };

/** When a row is, and who its host is. */
struct model_moment {
    uint8_t hour;  // local, 0 … 23
    uint8_t is_holiday, is_night;  // 0 or 1
    uint8_t role;  // of the host, below MODEL_ROLES; model_score takes the model's own
    uint8_t counts;  // 1 where the row is one of those that say what is usual
};

/** A rank's run of rows. Every array is borrowed; the columns are the same on every rank. */
struct model_input {
    size_t row_count;
    size_t columns;  // 1 … MODEL_COLUMNS_MOST
    const float *values;  // [row_count][columns], transformed but not scaled
    const int64_t *raw;  // [row_count][15] the talk's columns times 2^12, none below 0, all below 2^43
    const float
        *talk_values;  // [row_count][15] the talk's columns for kmeans2.scaling robust; else may be NULL
    const uint8_t *use;  // [row_count] enum model_use; model_score does not look at it
    const uint64_t *ip_hash;  // [row_count] content hash of the IP; model_score does not look at it
    const char *const *names;  // [columns]
    const uint64_t *definitions;  // [columns] what each column is, by content; NULL: all 0
    const double *floors;  // [columns] least scale, more than 0
    const double *talk_floors;  // [15] the same for talk_values; may be NULL where they are
    const uint8_t *active;  // [columns] 0: left out of every distance
    const float *shown;  // [row_count][columns] the values as a person would say them
    const struct model_moment
        *moments;  // [row_count]; NULL on every rank: nothing is learned of what is usual
};

struct model_settings {
    int k;  // 0: chosen by the rows (kmeans_choose.h)
    uint64_t kmeans_seed;
    bool kmeans2_robust;
    int hidden[MODEL_LAYERS_MOST];
    int hidden_count;
    int epochs;
    int batch;  // rows a step, a multiple of 64; 0: by the number of rows
    uint64_t autoencoder_seed;
    int nets;  // trained side by side, from seeds autoencoder_seed, + 1, …; 0: one
};

/** Where a fit saves its state, so that a later one goes on with it; model_resume. */
struct model_checkpoint {
    const char *path;  // borrowed; NULL: nowhere
    double every_s;  // at most this long between two checkpoints, or one step where that takes longer
};

/** What the rows were, kept in the model so that later rows can be made alike. The fit does not look at it.
 */
struct model_context {
    char feature_set[MODEL_NAME_BYTES];
    int64_t window_s;
    int64_t unit_s;
    int calibration_level;
    int64_t history_days;
    double shrinkage[MODEL_COLUMNS_MOST];  // s0 of each column's shrinkage, 0 where there is none
    int64_t train_from_s;
    int64_t train_to_s;
    int64_t train_days;  // local days with training rows
    int64_t train_ips;  // distinct IPs of training rows
};

/** Sizes of a fit, for messages and tests. Counts are over all ranks. */
struct model_summary {
    int64_t train_rows;
    int64_t calibration_rows;  // equal to the training rows where no calibration rows were given
    int64_t held_rows;  // training rows that only told the autoencoder when to stop
    int64_t epochs;  // epochs run
    int64_t clamps;  // gradient entries cut off at ±2^18: any at all means trouble
    int k;
    uint32_t constant_columns;  // bit c: column c has one value in all training rows, and is left out
};

#define MODEL_WARNING_BYTES 640
#define MODEL_WARNINGS_MOST 8

/** What is doubtful about a fit. */
struct model_warnings {
    size_t count;
    char texts[MODEL_WARNINGS_MOST][MODEL_WARNING_BYTES];
};

#define MODEL_DRIFT_BINS 12

/** This rank's rows by bins of their scaled values (drift.h), added up over blocks of rows. */
struct model_bins {
    int64_t rows[MODEL_COLUMNS_MOST][MODEL_DRIFT_BINS];
};

#define MODEL_DRIFT_MOST 0.25  // an index from here on is worth a warning

struct model;

/** A score and its parts for each row; arrays are [row_count] or [row_count][columns]. */
struct model_scores {
    size_t row_count;
    size_t columns;
    int8_t *kmeans2_group;  // 0 majority, 1 minority
    int32_t *kmeans_cluster;
    int8_t *kmeans_group;
    int64_t *kmeans_distance;  // D²·2^16 / (median D² of the cluster + 1), rounded down; D² on the 2^-9 grid
    double *kmeans_p;
    double *autoencoder_error;  // Σ Huber over the active features, a multiple of 2^-32
    double *autoencoder_p;
    int8_t *autoencoder_group;
    uint8_t *p_extrapolated;  // 1 where a p came from the exponential tail, not from counting
    double *score;  // −log10 min(1, 2·min(kmeans_p, autoencoder_p))
    float *kmeans_share;  // [row_count][columns] a feature's share of D²; a row's sum is 1, or all are 0
    float *autoencoder_share;  // [row_count][columns] the same of Σ Huber
    int32_t *cause;  // the feature with the largest sum of both shares, −1 where they are 0
    int32_t *usual_rows;  // rows behind usual_*, of the host at such times; 0: there are none
    float *usual_low, *usual_middle, *usual_high;  // 5, 50, 95 % of the cause's feature there, as shown
    int32_t *role_rows;  // the same of its role, at that hour of such days
    float *role_low, *role_middle, *role_high;
};

/**
 * Fits all models to the rows whose use is MODEL_TRAIN and calibrates them on those that are MODEL_CALIBRATE,
 * or on the training rows where there are none. Collective.
 *
 * A rank may have no row. Settings, context and the input's columns are the same on every rank.
 *
 * @param out  returns new; free it with model_free. Untouched on failure.
 * @return     STATUS_NO_INPUT without a training row; STATUS_USAGE for a setting out of bounds and for a k
 * above the number of distinct training rows; STATUS_LIMIT from 2^32 training rows on
 */
MUST_CHECK enum status model_fit(const struct team *team, const struct model_input *input,
                                 const struct model_settings *settings, const struct model_context *context,
                                 struct model **out, struct error *err);

/**
 * As model_fit, with checkpoints: goes on where an earlier fit of the same rows and settings was stopped or
 * killed, at any number of ranks, and ends in the same model. Collective.
 *
 * The file stays until model_checkpoint_remove, which is called once the model is on disk.
 *
 * @return  also STATUS_STOPPED when a rank was asked to stop (parallel/stop.h), after a checkpoint was
 * written; STATUS_MISMATCH when the file is of other rows or settings, STATUS_CORRUPT when it is damaged
 */
MUST_CHECK enum status model_resume(const struct team *team, const struct model_input *input,
                                    const struct model_settings *settings,
                                    const struct model_context *context,
                                    const struct model_checkpoint *checkpoint, struct model **out,
                                    struct error *err);

/** Removes the checkpoint; one that is not there is fine. Collective. */
MUST_CHECK enum status model_checkpoint_remove(const struct team *team,
                                               const struct model_checkpoint *checkpoint, struct error *err);

/**
 * Finds out whether a file holds the very model that a fit would end in, by rows and settings. Collective.
 *
 * @param out  returns new when it does, else NULL: also when there is no file, or one that cannot be read
 * @return     STATUS_NO_MEMORY, agreed on
 */
MUST_CHECK enum status model_find(const struct team *team, const char *path, const struct model_input *input,
                                  const struct model_settings *settings, const struct model_context *context,
                                  struct model **out, struct error *err);

/** Takes the model, or NULL. Local. */
void model_free(struct model *model);

/**
 * Scores rows, each by itself: a row's score depends on the model and that row alone. Local.
 *
 * @param out  filled with new arrays; free them with model_scores_free. Untouched on failure.
 * @return     STATUS_MISMATCH when the input's columns are not the model's, by name and definition
 */
MUST_CHECK enum status model_score(const struct model *model, const struct model_input *input,
                                   struct model_scores *out, struct error *err);

/** Frees what the scores hold and makes them empty. Local. */
void model_scores_free(struct model_scores *scores);

/**
 * Writes the model: rank 0 alone, under a temporary name first. Collective.
 *
 * @param path  borrowed; its folder exists
 * @return      STATUS_IO when it cannot be written, agreed on
 */
MUST_CHECK enum status model_write(const struct team *team, const struct model *model, const char *path,
                                   struct error *err);

/**
 * Reads a model, every rank for itself, and checks that all of it fits together. Collective.
 *
 * @param out  returns new; free it with model_free. Untouched on failure.
 * @return     STATUS_IO when it cannot be read, STATUS_MISMATCH when it is no model or one of another
 * version, STATUS_CORRUPT with the variable when the content is damaged; agreed on
 */
MUST_CHECK enum status model_read(const struct team *team, const char *path, struct model **out,
                                  struct error *err);

/** Returns what the model was told about its rows. Borrowed. Local. */
const struct model_context *model_context_of(const struct model *model);

/** Returns the settings of the fit; batch is the one that was used. Borrowed. Local. */
const struct model_settings *model_settings_of(const struct model *model);

/** Returns the sizes of the fit. Local. */
struct model_summary model_summary_of(const struct model *model);

/** Lists what is doubtful about the fit: few rows, one day, one IP, constant columns, cut-off gradients.
 * Local.
 */
void model_warnings_list(const struct model *model, struct model_warnings *out);

/** Adds rows to the bins; their columns are the model's. Local. */
void model_bins_add(const struct model *model, const struct model_input *input, struct model_bins *bins);

/**
 * Works out how far the rows of all ranks have drifted from the training rows, by feature: the population
 * stability index of drift.h. Collective.
 *
 * @param index  filled, 0 for a feature that is left out
 */
void model_drift(const struct team *team, const struct model *model, const struct model_bins *bins,
                 double index[MODEL_COLUMNS_MOST]);

/** Returns how many columns the model has. Local. */
size_t model_columns(const struct model *model);

/** Returns the name of a column, below model_columns. Borrowed. Local. */
const char *model_column_name(const struct model *model, size_t column);

/**
 * Puts values onto the models' grid: llrint(z·2^9) with z = (value − median)/scale, cut off at ±4095. Local.
 *
 * @param values   borrowed, [row_count][model_columns]
 * @param scaled   filled, [row_count][model_columns]; 0 in columns that are not active
 */
void model_scale(const struct model *model, const float *values, size_t row_count, int16_t *scaled);

#endif
