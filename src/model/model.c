#include "model/model.h"

#include "autoencoder.h"
#include "calibration.h"
#include "checkpoint.h"
#include "fit_rows.h"
#include "internal.h"
#include "kmeans.h"
#include "kmeans2.h"
#include "kmeans_choose.h"
#include "net.h"
#include "scaling.h"
#include "score.h"
#include "usual.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void model_free(struct model *model)
{
    if (!model)
        return;
    kmeans_clear(&model->kmeans);
    trained_nets_clear(model->nets, model->net_count);
    calibration_clear(&model->kmeans_calibration);
    calibration_clear(&model->autoencoder_calibration);
    usuals_clear(&model->usuals);
    free(model);
}

/* One setting against its bounds. */
static enum status check_between(const char *key, int value, int least, int most, struct error *err)
{
    if (value >= least && value <= most)
        return STATUS_OK;
    return error_set(err, STATUS_USAGE, key, "", "%d is not in %d … %d", value, least, most);
}

enum status model_check_local(const struct model_settings *settings, size_t columns, struct error *err)
{
    enum status status = STATUS_OK;
    if (columns < 1 || columns > MODEL_COLUMNS_MOST)
        TRY(error_set(err, STATUS_USAGE, "features.set", "", "%zu features are not in 1 … %d", columns,
                      MODEL_COLUMNS_MOST));
    if (settings->k != 0)
        TRY(check_between("model.kmeans.k", settings->k, 2, MODEL_K_MOST, err));
    TRY(check_between("model.autoencoder.hidden (how many)", settings->hidden_count, 1, MODEL_LAYERS_MOST,
                      err));
    for (int l = 0; l < settings->hidden_count; l++)
        TRY(check_between("model.autoencoder.hidden", settings->hidden[l], 1, MODEL_WIDTH_MOST, err));
    TRY(check_between("model.autoencoder.epochs", settings->epochs, 1, MODEL_EPOCHS_MOST, err));
    TRY(check_between("model.autoencoder.nets", model_nets(settings), 1, MODEL_NETS_MOST, err));
    TRY(check_between("model.autoencoder.batch", settings->batch, 0, 262144, err));
    if (settings->batch % MICRO_ROWS != 0)
        TRY(error_set(err, STATUS_USAGE, "model.autoencoder.batch", "",
                      "a batch of %d rows is not a multiple of %d", settings->batch, MICRO_ROWS));
done:
    return status;
}

static enum status check_input_local(const struct model_input *input, const struct model_settings *settings,
                                     uint64_t first, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(model_check_local(settings, input->columns, err));
    for (size_t c = 0; c < input->columns; c++) {
        if (strlen(input->names[c]) >= MODEL_NAME_BYTES)
            TRY(error_set(err, STATUS_USAGE, "features", "", "the name of feature %zu has %zu bytes or more",
                          c + 1, (size_t)MODEL_NAME_BYTES));
        if (!(input->floors[c] > 0.0) || !isfinite(input->floors[c]))
            TRY(error_set(err, STATUS_USAGE, "features", "", "feature %s has no least scale above 0",
                          input->names[c]));
    }
    if (settings->kmeans2_robust && (!input->talk_floors || (input->row_count > 0 && !input->talk_values)))
        TRY(error_set(err, STATUS_USAGE, "model.kmeans2.scaling", "",
                      "robust scaling needs the values of the talk's columns"));
    TRY(fit_rows_check(input, settings->kmeans2_robust, first, err));
done:
    return status;
}

static enum status model_new_local(const struct model_input *input, const struct model_settings *settings,
                                   const struct model_context *context, struct model **out, struct error *err)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model)
        return model_no_memory("model", 1, err);
    model->settings = *settings;
    model->context = *context;
    model->summary.k = settings->k;
    for (size_t c = 0; c < input->columns; c++) {
        memcpy(model->names[c], input->names[c], strlen(input->names[c]) + 1);
        model->definitions[c] = input_definition(input, c);
    }
    *out = model;
    return STATUS_OK;
}

static enum status score_rows_local(const struct model *model, const struct grid_rows *rows,
                                    int64_t **distances, int64_t **errors, struct error *err)
{
    enum status status = STATUS_OK;
    int32_t *labels = malloc((rows->count + 1) * sizeof *labels);
    *distances = malloc((rows->count + 1) * sizeof **distances);
    *errors = malloc((rows->count + 1) * sizeof **errors);
    if (!labels || !*distances || !*errors)
        TRY(model_no_memory("calibration", rows->count, err));
    TRY(score_kmeans(model, rows, labels, *distances, err));
    TRY(score_autoencoder(model, rows, *errors, NULL, err));
done:
    free(labels);
    return status;
}

static enum status model_calibrate(const struct team *team, const struct grid_rows *rows, struct model *model,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *distances = NULL, *errors = NULL;
    TRY(team_agree(team, score_rows_local(model, rows, &distances, &errors, err), err));
    TRY(calibration_fit(team, distances, rows->count, &model->kmeans_calibration, err));
    TRY(calibration_fit(team, errors, rows->count, &model->autoencoder_calibration, err));
done:
    free(errors);
    free(distances);
    return status;
}

/* The three models, in the order of the checkpoint's phases. */
static enum status models_fit(const struct team *team, struct fit_rows *rows,
                              const struct model_settings *settings, struct checkpoint *checkpoint,
                              struct model *model, struct error *err)
{
    enum status status = STATUS_OK;
    struct autoencoder_result trained = {0};
    TRY(kmeans2_fit(team, &rows->talk, settings->kmeans_seed, checkpoint, &model->kmeans2, err));
    fit_rows_clear_talk(rows);
    if (settings->k == 0) {
        TRY(kmeans_choose(team, &rows->train, settings->kmeans_seed, &model->choice, err));
        model->settings.k = model->summary.k = model->choice.k[model->choice.chosen];
    }
    TRY(kmeans_fit(team, &rows->train, model->settings.k, settings->kmeans_seed, checkpoint, &model->kmeans,
                   err));
    TRY(autoencoder_fit(team, &rows->train, rows->ip_hash, model->scaling.columns, model->scaling.active,
                        settings, checkpoint, &trained, err));
    memcpy(model->nets, trained.nets, sizeof model->nets);
    model->net_count = trained.net_count;
    model->settings.batch = trained.batch;
    model->summary.epochs = trained.epochs;
    model->summary.held_rows = trained.held_rows;
    model->summary.clamps = trained.clamps;
done:
    return status;
}

enum status model_resume(const struct team *team, const struct model_input *input,
                         const struct model_settings *settings, const struct model_context *context,
                         const struct model_checkpoint *plan, struct model **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct model *model = NULL;
    struct fit_rows rows = {0};
    struct checkpoint *checkpoint = NULL;
    const uint64_t first = team_sum_before(team, input->row_count);
    TRY(team_agree(team, check_input_local(input, settings, first, err), err));
    TRY(team_agree(team, model_new_local(input, settings, context, &model, err), err));
    assert(model);  // agreed on
    TRY(identity_make(team, input, settings, context, &model->identity, err));
    TRY(checkpoint_open(team, plan, &model->identity, &checkpoint, err));
    TRY(fit_rows_make(team, input, settings->kmeans2_robust, model, &rows, err));
    TRY(models_fit(team, &rows, settings, checkpoint, model, err));
    TRY(model_calibrate(team, rows.calibrate.total > 0 ? &rows.calibrate : &rows.train, model, err));
    TRY(usuals_fit(team, input, &model->usuals, err));
    *out = model;
    model = NULL;
done:
    fit_rows_clear(&rows);
    checkpoint_free(checkpoint);
    model_free(model);
    return status;
}

enum status model_fit(const struct team *team, const struct model_input *input,
                      const struct model_settings *settings, const struct model_context *context,
                      struct model **out, struct error *err)
{
    return model_resume(team, input, settings, context, NULL, out, err);
}

const struct model_context *model_context_of(const struct model *model)
{
    return &model->context;
}

const struct model_settings *model_settings_of(const struct model *model)
{
    return &model->settings;
}

struct model_summary model_summary_of(const struct model *model)
{
    return model->summary;
}

size_t model_columns(const struct model *model)
{
    return model->scaling.columns;
}

const char *model_column_name(const struct model *model, size_t column)
{
    return model->names[column];
}

void model_scale(const struct model *model, const float *values, size_t row_count, int16_t *scaled)
{
    const size_t columns = model->scaling.columns;
    for (size_t row = 0; row < row_count; row++) {
        int16_t grid[GRID_COLUMNS];
        scaling_apply(&model->scaling, values + row * columns, grid);
        memcpy(scaled + row * columns, grid, columns * sizeof *scaled);
    }
}
