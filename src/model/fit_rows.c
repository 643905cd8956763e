#include "fit_rows.h"

#include "drift.h"
#include "scaling.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TALK MODEL_TALK_COLUMNS

static enum status not_finite(const char *column, uint64_t row, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "model", "", "feature %s of row %" PRIu64 " is not a finite number",
                     column, row);
}

/* What is shown, and when the row was. */
static enum status moment_check(const struct model_input *input, size_t row, uint64_t number,
                                struct error *err)
{
    const struct model_moment *at = &input->moments[row];
    for (size_t c = 0; c < input->columns; c++)
        if (!isfinite(input->shown[row * input->columns + c]))
            return not_finite(input->names[c], number, err);
    if (at->hour < 24 && at->is_holiday < 2 && at->is_night < 2 && at->role < MODEL_ROLES)
        return STATUS_OK;
    return error_set(err, STATUS_CORRUPT, "model", "", "row %" PRIu64 " has no such moment or role", number);
}

enum status fit_rows_check(const struct model_input *input, bool kmeans2_robust, uint64_t first,
                           struct error *err)
{
    for (size_t row = 0; row < input->row_count; row++) {
        for (size_t c = 0; c < input->columns; c++)
            if (!isfinite(input->values[row * input->columns + c]))
                return not_finite(input->names[c], first + row, err);
        enum status status = input->moments ? moment_check(input, row, first + row, err) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        for (size_t c = 0; c < TALK; c++) {
            int64_t raw = input->raw[row * TALK + c];
            if (raw < 0 || raw >= RAW_END)
                return error_set(err, STATUS_CORRUPT, "model", "",
                                 "column %zu of the talk's set is %" PRId64 " in row %" PRIu64
                                 ", not in 0 … 2^43 - 1",
                                 c + 1, raw, first + row);
            if (kmeans2_robust && !isfinite(input->talk_values[row * TALK + c]))
                return not_finite("of the talk's set", first + row, err);
        }
    }
    return STATUS_OK;
}

void fit_rows_talk(const struct model_input *input, size_t row, const struct scaling *scaling,
                   int64_t talk[TALK])
{
    if (scaling->columns == 0) {
        memcpy(talk, input->raw + row * TALK, TALK * sizeof *talk);
        return;
    }
    int16_t grid[GRID_COLUMNS];
    scaling_apply(scaling, input->talk_values + row * TALK, grid);
    for (size_t c = 0; c < TALK; c++)
        talk[c] = grid[c];
}

/* The counts over all ranks, and how many training rows stand before this rank's. */
static enum status rows_count(const struct team *team, const struct model_input *input, struct model *model,
                              struct fit_rows *rows, struct error *err)
{
    for (size_t row = 0; row < input->row_count; row++) {
        rows->train.count += input->use[row] == MODEL_TRAIN;
        rows->calibrate.count += input->use[row] == MODEL_CALIBRATE;
    }
    int64_t counts[2] = {(int64_t)rows->train.count, (int64_t)rows->calibrate.count};
    team_sum_i64(team, counts, 2);
    rows->train.first = team_sum_before(team, rows->train.count);
    rows->train.total = counts[0];
    rows->calibrate.total = counts[1];
    rows->talk = (struct wide_rows){
        .count = rows->train.count, .first = rows->train.first, .total = rows->train.total};
    rows->train.columns = rows->calibrate.columns = (int)input->columns;
    model->summary.train_rows = counts[0];
    model->summary.calibration_rows = counts[1] > 0 ? counts[1] : counts[0];
    if (counts[0] == 0)
        return error_set(err, STATUS_NO_INPUT, "model.train", "choose training days that the archive has",
                         "there is no row to train on");
    if (counts[0] > (int64_t)UINT32_MAX)
        return error_set(err, STATUS_LIMIT, "model.train", "train on fewer days or on longer windows",
                         "%" PRId64 " training rows are more than 2^32 - 1", counts[0]);
    return STATUS_OK;
}

static enum status rows_allocate_local(struct fit_rows *rows, struct error *err)
{
    const size_t row_bytes = GRID_COLUMNS * sizeof(int16_t);
    rows->train_grid = malloc((rows->train.count + 1) * row_bytes);
    rows->calibrate_grid = malloc((rows->calibrate.count + 1) * row_bytes);
    rows->talk_values = malloc((rows->train.count + 1) * TALK * sizeof *rows->talk_values);
    rows->ip_hash = malloc((rows->train.count + 1) * sizeof *rows->ip_hash);
    rows->train.values = rows->train_grid;
    rows->calibrate.values = rows->calibrate_grid;
    rows->talk.values = rows->talk_values;
    if (rows->train_grid && rows->calibrate_grid && rows->talk_values && rows->ip_hash)
        return STATUS_OK;
    return model_no_memory("model", rows->train.count, err);
}

/* Fits a scaling to the training rows of a matrix [row_count][scaling->columns]. */
static enum status scale_columns(const struct team *team, const struct model_input *input,
                                 const float *values, size_t train_count, struct scaling *scaling,
                                 struct error *err)
{
    enum status status = STATUS_OK;
    const size_t columns = scaling->columns;
    float *train = malloc((train_count + 1) * columns * sizeof *train);
    TRY(team_agree(team, train ? STATUS_OK : model_no_memory("scaling", train_count, err), err));
    assert(train);
    size_t next = 0;
    for (size_t row = 0; row < input->row_count; row++)
        if (input->use[row] == MODEL_TRAIN)
            memcpy(train + next++ * columns, values + row * columns, columns * sizeof *train);
    TRY(scaling_fit(team, train, train_count, scaling, err));
done:
    free(train);
    return status;
}

static void rows_fill(const struct model_input *input, const struct model *model, struct fit_rows *rows)
{
    size_t train = 0, calibrate = 0;
    for (size_t row = 0; row < input->row_count; row++) {
        const float *values = input->values + row * input->columns;
        if (input->use[row] == MODEL_TRAIN) {
            scaling_apply(&model->scaling, values, rows->train_grid + train * GRID_COLUMNS);
            fit_rows_talk(input, row, &model->kmeans2.scaling, rows->talk_values + train * TALK);
            rows->ip_hash[train++] = input->ip_hash[row];
        } else if (input->use[row] == MODEL_CALIBRATE) {
            scaling_apply(&model->scaling, values, rows->calibrate_grid + calibrate++ * GRID_COLUMNS);
        }
    }
}

enum status fit_rows_make(const struct team *team, const struct model_input *input, bool kmeans2_robust,
                          struct model *model, struct fit_rows *rows, struct error *err)
{
    enum status status = STATUS_OK;
    struct scaling *scaling = &model->scaling, *talk = &model->kmeans2.scaling;
    *rows = (struct fit_rows){0};
    TRY(rows_count(team, input, model, rows, err));
    TRY(team_agree(team, rows_allocate_local(rows, err), err));
    scaling->columns = input->columns;
    memcpy(scaling->floor, input->floors, input->columns * sizeof *scaling->floor);
    for (size_t c = 0; c < input->columns; c++)
        scaling->active[c] = input->active[c] != 0;
    TRY(scale_columns(team, input, input->values, rows->train.count, scaling, err));
    for (size_t c = 0; c < input->columns; c++)
        if (scaling->active[c] && scaling->constant[c]) {
            scaling->active[c] = 0;
            model->summary.constant_columns |= (uint32_t)1 << c;
        }
    if (kmeans2_robust) {
        talk->columns = TALK;
        memcpy(talk->floor, input->talk_floors, TALK * sizeof *talk->floor);
        memset(talk->active, 1, TALK);
        TRY(scale_columns(team, input, input->talk_values, rows->train.count, talk, err));
    }
    rows_fill(input, model, rows);
    drift_count(team, &rows->train, model->bin_rows);
done:
    return status;
}

void fit_rows_clear_talk(struct fit_rows *rows)
{
    free(rows->talk_values);
    rows->talk_values = NULL;
    rows->talk = (struct wide_rows){0};
}

void fit_rows_clear(struct fit_rows *rows)
{
    free(rows->train_grid);
    free(rows->calibrate_grid);
    free(rows->talk_values);
    free(rows->ip_hash);
    *rows = (struct fit_rows){0};
}
