#include "calibration.h"
#include "identity.h"
#include "image.h"
#include "internal.h"
#include "usual.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MODEL_VERSION 4

static enum status attributes_put(struct store_writer *writer, const struct model *model, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(store_attribute_i64(writer, NULL, "model_version", MODEL_VERSION, err));
    TRY(store_attribute_text(writer, NULL, "feature_set", model->context.feature_set, err));
    TRY(store_attribute_text(writer, NULL, "fit_settings", model->identity.settings, err));
    TRY(store_attribute_text(writer, NULL, "fit_rows", model->identity.rows, err));
#define I(name, member) TRY(store_attribute_i64(writer, NULL, #name, (int64_t)model->member, err));
#include "model_variables.def"
#undef I
done:
    return status;
}

static enum status model_write_local(const struct model *model, const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_writer *writer = NULL;
    struct image image = {0};
    TRY(image_of_model(model, &image, err));
    TRY(store_create_local(path, &writer, err));
    TRY(attributes_put(writer, model, err));
    for (int d = IMAGE_one + 1; d < IMAGE_DIMENSIONS; d++)
        TRY(store_dimension(writer, image_dimension_name((enum image_dimension)d), image.size[d], err));
    for (size_t at = 0; at < IMAGE_VARIABLES; at++)
        TRY(store_put_local(writer, &image.columns[at], image.values[at], err));
    struct store_writer *whole = writer;
    writer = NULL;
    TRY(store_finish_local(whole, err));
done:
    store_abandon_local(writer);
    image_clear(&image);
    return status;
}

enum status model_write(const struct team *team, const struct model *model, const char *path,
                        struct error *err)
{
    return team_agree(team, team_rank(team) == 0 ? model_write_local(model, path, err) : STATUS_OK, err);
}

/* What a file's dimensions may be, before anything is allocated by them. */
static const struct {
    enum image_dimension dimension;
    size_t least, most;
} BOUNDS[] = {
    {IMAGE_feature, 1, MODEL_COLUMNS_MOST},
    {IMAGE_name_character, MODEL_NAME_BYTES, MODEL_NAME_BYTES},
    {IMAGE_drift_bin, DRIFT_BINS, DRIFT_BINS},
    {IMAGE_kmeans_cluster, 2, MODEL_K_MOST},
    {IMAGE_kmeans_choice, 0, KMEANS_CHOICES_MOST},
    {IMAGE_kmeans2_cluster, 2, 2},
    {IMAGE_talk_feature, MODEL_TALK_COLUMNS, MODEL_TALK_COLUMNS},
    {IMAGE_autoencoder_layer, 3, MODEL_LAYERS_MOST + 2},
    {IMAGE_autoencoder_net, 1, MODEL_NETS_MOST},
    {IMAGE_autoencoder_weight_number, 1,
     (size_t)(MODEL_LAYERS_MOST + 1) * MODEL_WIDTH_MOST *MODEL_WIDTH_MOST},
    {IMAGE_autoencoder_bias_number, 1, (size_t)(MODEL_LAYERS_MOST + 1) * MODEL_WIDTH_MOST},
    {IMAGE_epoch, 1, MODEL_EPOCHS_MOST},
    {IMAGE_kmeans_calibration_row, 1, UINT32_MAX},
    {IMAGE_autoencoder_calibration_row, 1, UINT32_MAX},
    {IMAGE_usual, 0, USUALS_MOST},
};

static enum status sizes_get(const struct store_reader *reader, const char *path,
                             size_t size[IMAGE_DIMENSIONS], struct error *err)
{
    enum status status = STATUS_OK;
    size[IMAGE_one] = 1;
    for (size_t i = 0; i < sizeof BOUNDS / sizeof BOUNDS[0]; i++) {
        const char *name = image_dimension_name(BOUNDS[i].dimension);
        size_t *found = &size[BOUNDS[i].dimension];
        TRY(store_dimension_size(reader, name, found, err));
        if (*found < BOUNDS[i].least || *found > BOUNDS[i].most)
            TRY(error_set(err, STATUS_CORRUPT, path, "train the model again", "%s: %zu is not in %zu … %zu",
                          name, *found, BOUNDS[i].least, BOUNDS[i].most));
    }
done:
    return status;
}

/* As a number of the file becomes a member: refused where the member is too narrow for it. */
static enum status narrow_check(const char *path, const char *name, int64_t value, int64_t least,
                                int64_t most, struct error *err)
{
    if (value >= least && value <= most)
        return STATUS_OK;
    return error_set(err, STATUS_CORRUPT, path, "train the model again",
                     "%s: %" PRId64 " is not in %" PRId64 " … %" PRId64, name, value, least, most);
}

struct numbers {
#define I(name, member) int64_t name;
#include "model_variables.def"
#undef I
};

static enum status numbers_get(const struct store_reader *reader, const char *path, struct numbers *numbers,
                               struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t rows_most = (int64_t)UINT32_MAX;
#define I(name, member) TRY(store_get_attribute_i64(reader, NULL, #name, &numbers->name, err));
#include "model_variables.def"
#undef I
    TRY(narrow_check(path, "window_s", numbers->window_s, 1, INT32_MAX, err));
    TRY(narrow_check(path, "unit_s", numbers->unit_s, 1, INT32_MAX, err));
    TRY(narrow_check(path, "calibration_level", numbers->calibration_level, 0, 3, err));
    TRY(narrow_check(path, "constant_columns", numbers->constant_columns, 0, UINT32_MAX, err));
    TRY(narrow_check(path, "train_rows", numbers->train_rows, 1, rows_most, err));
    TRY(narrow_check(path, "calibration_rows", numbers->calibration_rows, 1, rows_most, err));
    TRY(narrow_check(path, "autoencoder_held_rows", numbers->autoencoder_held_rows, 0, rows_most, err));
    TRY(narrow_check(path, "kmeans2_robust", numbers->kmeans2_robust, 0, 1, err));
    TRY(narrow_check(path, "autoencoder_epochs_most", numbers->autoencoder_epochs_most, 1, MODEL_EPOCHS_MOST,
                     err));
    TRY(narrow_check(path, "autoencoder_batch", numbers->autoencoder_batch, 64, 262144, err));
done:
    return status;
}

static enum status attributes_get(const struct store_reader *reader, const char *path, struct model *model,
                                  struct error *err)
{
    enum status status = STATUS_OK;
    struct numbers numbers;
    int64_t version = 0;
    if (!store_has_attribute(reader, NULL, "model_version"))
        TRY(error_set(err, STATUS_MISMATCH, path, "name a model.h5", "this file holds no model"));
    TRY(store_get_attribute_i64(reader, NULL, "model_version", &version, err));
    if (version != MODEL_VERSION)
        TRY(error_set(err, STATUS_MISMATCH, path, "train the model again",
                      "a model of version %" PRId64 ", expected %d", version, MODEL_VERSION));
    TRY(store_get_attribute_text(reader, NULL, "feature_set", model->context.feature_set, MODEL_NAME_BYTES,
                                 err));
    TRY(store_get_attribute_text(reader, NULL, "fit_settings", model->identity.settings,
                                 sizeof model->identity.settings, err));
    TRY(store_get_attribute_text(reader, NULL, "fit_rows", model->identity.rows, sizeof model->identity.rows,
                                 err));
    TRY(numbers_get(reader, path, &numbers, err));
#define I(name, member) model->member = (__typeof__(model->member))numbers.name;
#include "model_variables.def"
#undef I
done:
    return status;
}

static enum status model_read_local(const char *path, struct model **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct store_reader *reader = NULL;
    struct image image = {0};
    size_t size[IMAGE_DIMENSIONS] = {0};
    struct model *model = calloc(1, sizeof *model);
    if (!model)
        TRY(model_no_memory(path, 1, err));
    TRY(store_open_local(path, &reader, err));
    TRY(attributes_get(reader, path, model, err));
    TRY(sizes_get(reader, path, size, err));
    TRY(image_make(size, &image, err));
    for (size_t at = 0; at < IMAGE_VARIABLES; at++) {
        size_t rows = 0;
        TRY(store_dimension_size(reader, image.columns[at].dimensions[0], &rows, err));
        TRY(store_get(reader, &image.columns[at], 0, rows, image.values[at], err));
    }
    TRY(image_to_model(&image, path, model, err));
    model->settings.k = model->summary.k = model->kmeans.k;
    *out = model;
    model = NULL;
done:
    image_clear(&image);
    store_close(reader);
    model_free(model);
    return status;
}

enum status model_read(const struct team *team, const char *path, struct model **out, struct error *err)
{
    struct model *model = NULL;
    enum status status = team_agree(team, model_read_local(path, &model, err), err);
    if (status == STATUS_OK)
        *out = model;
    else
        model_free(model);
    return status;
}

/* Whether the model that a rank could read is of this fit; one that it could not read is NULL. */
static bool is_of_fit(const struct model *model, const struct identity *identity)
{
    struct error unused;
    return model && identity_compare("", "", &model->identity, identity, &unused) == STATUS_OK;
}

enum status model_find(const struct team *team, const char *path, const struct model_input *input,
                       const struct model_settings *settings, const struct model_context *context,
                       struct model **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct model *model = NULL;
    struct identity identity;
    struct stat there;
    struct error unused;
    *out = NULL;
    TRY(identity_make(team, input, settings, context, &identity, err));
    if (stat(path, &there) == 0 && model_read_local(path, &model, &unused) != STATUS_OK)
        model = NULL;
    int64_t missing = !is_of_fit(model, &identity);
    team_max_i64(team, &missing, 1);
    if (!missing) {
        *out = model;
        model = NULL;
    }
done:
    model_free(model);
    return status;
}
