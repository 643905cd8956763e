#include "calibration.h"
#include "image.h"
#include "kmeans2.h"
#include "net.h"
#include "usual.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum status corrupt(const char *path, const char *variable, const char *what, struct error *err)
{
    return error_set(err, STATUS_CORRUPT, path, "train the model again", "%s: %s", variable, what);
}

/* Whether all of `count` integers lie in least … most. */
#define DEFINE_ALL_BETWEEN(name, type)                                                                       \
    static bool name(const type *values, size_t count, int64_t least, int64_t most)                          \
    {                                                                                                        \
        for (size_t i = 0; i < count; i++)                                                                   \
            if (values[i] < least || values[i] > most)                                                       \
                return false;                                                                                \
        return true;                                                                                         \
    }
DEFINE_ALL_BETWEEN(all_between_i8, int8_t)
DEFINE_ALL_BETWEEN(all_between_u8, uint8_t)
DEFINE_ALL_BETWEEN(all_between_i16, int16_t)
DEFINE_ALL_BETWEEN(all_between_i32, int32_t)
DEFINE_ALL_BETWEEN(all_between_i64, int64_t)

static bool all_above_zero(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(values[i] > 0.0))
            return false;
    return true;
}

static enum status check_features(const struct image *image, const char *path, struct error *err)
{
    const size_t columns = image->size[IMAGE_feature];
    for (size_t c = 0; c < columns; c++) {
        const char *name = image->feature_name + c * MODEL_NAME_BYTES;
        if (name[0] == '\0' || !memchr(name, '\0', MODEL_NAME_BYTES))
            return corrupt(path, "feature_name", "a name is empty or too long", err);
    }
    if (!all_above_zero(image->feature_scale, columns))
        return corrupt(path, "feature_scale", "a scale is not above 0", err);
    if (!all_above_zero(image->feature_floor, columns))
        return corrupt(path, "feature_floor", "a least scale is not above 0", err);
    if (!all_between_u8(image->feature_active, columns, 0, 1))
        return corrupt(path, "feature_active", "a value is neither 0 nor 1", err);
    if (!all_above_zero(image->kmeans2_scale, MODEL_TALK_COLUMNS))
        return corrupt(path, "kmeans2_scale", "a scale is not above 0", err);
    if (!all_above_zero(image->kmeans2_floor, MODEL_TALK_COLUMNS))
        return corrupt(path, "kmeans2_floor", "a least scale is not above 0", err);
    return STATUS_OK;
}

/* Counts are not negative and add up to the training rows; both are below 2^32, so the sum fits. */
static bool counts_add_up(const int64_t *counts, size_t count, int64_t total)
{
    int64_t sum = 0;
    if (!all_between_i64(counts, count, 0, (int64_t)UINT32_MAX))
        return false;
    for (size_t i = 0; i < count; i++)
        sum += counts[i];
    return sum == total;
}

static enum status check_clusters(const struct image *image, const struct model *model, const char *path,
                                  struct error *err)
{
    const size_t k = image->size[IMAGE_kmeans_cluster], cells = k * image->size[IMAGE_feature];
    const bool robust = model->settings.kmeans2_robust;
    const int64_t grid_sum = GRID_MOST * model->summary.train_rows;
    for (size_t c = 0; c < image->size[IMAGE_feature]; c++)
        if (!counts_add_up(image->feature_bin_rows + c * DRIFT_BINS, DRIFT_BINS, model->summary.train_rows))
            return corrupt(path, "feature_bin_rows", "the counts do not add up to train_rows", err);
    if (!counts_add_up(image->kmeans_count, k, model->summary.train_rows))
        return corrupt(path, "kmeans_count", "the counts do not add up to train_rows", err);
    if (!all_between_i64(image->kmeans_sum, cells, -grid_sum, grid_sum))
        return corrupt(path, "kmeans_sum", "a sum is out of bounds", err);
    if (!all_between_i16(image->kmeans_lattice, cells, -GRID_MOST, GRID_MOST))
        return corrupt(path, "kmeans_lattice", "a centre is off the grid", err);
    if (!all_between_i64(image->kmeans_median_distance, k, 0, INT32_MAX))
        return corrupt(path, "kmeans_median_distance", "a distance is out of bounds", err);
    if (!all_between_i8(image->kmeans_group, k, 0, 1))
        return corrupt(path, "kmeans_group", "a value is neither 0 nor 1", err);
    if (!counts_add_up(image->kmeans2_count, 2, model->summary.train_rows))
        return corrupt(path, "kmeans2_count", "the counts do not add up to train_rows", err);
    if (!all_between_i64(image->kmeans2_lattice, (size_t)2 * MODEL_TALK_COLUMNS, robust ? -GRID_MOST : 0,
                         robust ? GRID_MOST : RAW_END - 1))
        return corrupt(path, "kmeans2_lattice", "a centre is off the grid", err);
    if (!all_between_i8(image->kmeans2_group, 2, 0, 1))
        return corrupt(path, "kmeans2_group", "a value is neither 0 nor 1", err);
    return STATUS_OK;
}

static enum status check_net(const struct image *image, const char *path, struct error *err)
{
    const size_t widths = image->size[IMAGE_autoencoder_layer];
    const int32_t *width = image->autoencoder_width;
    size_t weights = 0, biases = 0;
    if (!all_between_i32(width, widths, 1, MODEL_WIDTH_MOST))
        return corrupt(path, "autoencoder_width", "a layer is too wide or empty", err);
    if ((size_t)width[0] != image->size[IMAGE_feature] || width[widths - 1] != width[0])
        return corrupt(path, "autoencoder_width", "the net does not go from the features to the features",
                       err);
    for (size_t l = 0; l + 1 < widths; l++) {
        weights += (size_t)width[l] * (size_t)width[l + 1];
        biases += (size_t)width[l + 1];
    }
    if (weights != image->size[IMAGE_autoencoder_weight_number])
        return corrupt(path, "autoencoder_weight", "their number is not that of the layers", err);
    if (biases != image->size[IMAGE_autoencoder_bias_number])
        return corrupt(path, "autoencoder_bias", "their number is not that of the layers", err);
    if (!all_between_i64(image->autoencoder_epochs, image->size[IMAGE_autoencoder_net], 1,
                         (int64_t)image->size[IMAGE_epoch]))
        return corrupt(path, "autoencoder_epochs", "a number is out of bounds", err);
    return STATUS_OK;
}

static bool sorted_between(const int64_t *values, size_t count, int64_t most)
{
    for (size_t i = 1; i < count; i++)
        if (values[i] < values[i - 1])
            return false;
    return values[0] >= 0 && values[count - 1] <= most;
}

static enum status check_calibration(const struct image *image, const struct model *model, const char *path,
                                     struct error *err)
{
    const size_t rows = image->size[IMAGE_kmeans_calibration_row];
    if (rows != (size_t)model->summary.calibration_rows ||
        rows != image->size[IMAGE_autoencoder_calibration_row])
        return corrupt(path, "kmeans_calibration", "there are not calibration_rows of them", err);
    if (!sorted_between(image->kmeans_calibration, rows, (int64_t)1 << 47))
        return corrupt(path, "kmeans_calibration", "not sorted, or out of bounds", err);
    if (!sorted_between(image->autoencoder_calibration, rows, ERROR_MOST))
        return corrupt(path, "autoencoder_calibration", "not sorted, or out of bounds", err);
    return STATUS_OK;
}

static struct usual usual_of(const struct image *image, size_t i)
{
    return (struct usual){.is_host = image->usual_is_host[i],
                          .role = image->usual_role[i],
                          .host = image->usual_host[i],
                          .holiday = image->usual_holiday[i],
                          .time = image->usual_time[i],
                          .rows = image->usual_rows[i]};
}

static enum status check_usuals(const struct image *image, const char *path, struct error *err)
{
    const size_t count = image->size[IMAGE_usual];
    if (!all_between_u8(image->usual_is_host, count, 0, 1))
        return corrupt(path, "usual_is_host", "a value is neither 0 nor 1", err);
    if (!all_between_u8(image->usual_holiday, count, 0, 1))
        return corrupt(path, "usual_holiday", "a value is neither 0 nor 1", err);
    if (!all_between_i32(image->usual_role, count, 0, MODEL_ROLES - 1))
        return corrupt(path, "usual_role", "there is no such role", err);
    if (!all_between_i32(image->usual_time, count, 0, 23))
        return corrupt(path, "usual_time", "there is no such time", err);
    if (!all_between_i64(image->usual_rows, count, 1, INT32_MAX))
        return corrupt(path, "usual_rows", "a number is out of bounds", err);
    for (size_t i = 1; i < count; i++) {
        const struct usual before = usual_of(image, i - 1), here = usual_of(image, i);
        if (usual_compare(&before, &here) >= 0)
            return corrupt(
                path, "usual_host",
                "the entries are not in order of usual_is_host, usual_role, usual_holiday and usual_time",
                err);
    }
    return STATUS_OK;
}

static enum status usuals_take(const struct image *image, struct usuals *usuals, struct error *err)
{
    const size_t count = image->size[IMAGE_usual], columns = image->size[IMAGE_feature];
    const float *const from[] = {image->usual_low, image->usual_middle, image->usual_high};
    enum status status = usuals_make(count, columns, usuals, err);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        usuals->items[i] = usual_of(image, i);
    for (int p = 0; status == STATUS_OK && p < 3; p++)
        memcpy(usuals->values[p], from[p], count * columns * sizeof(float));
    return status;
}

static enum status kmeans_take(const struct image *image, struct kmeans *kmeans, struct error *err)
{
    const size_t k = image->size[IMAGE_kmeans_cluster], columns = image->size[IMAGE_feature];
    assert(k > 0);
    kmeans->k = (int)k;
    kmeans->sum = calloc(k * GRID_COLUMNS, sizeof *kmeans->sum);
    kmeans->count = calloc(k, sizeof *kmeans->count);
    kmeans->lattice = calloc(k * GRID_COLUMNS, sizeof *kmeans->lattice);
    kmeans->median_distance = calloc(k, sizeof *kmeans->median_distance);
    kmeans->group = calloc(k, sizeof *kmeans->group);
    if (!kmeans->sum || !kmeans->count || !kmeans->lattice || !kmeans->median_distance || !kmeans->group)
        return model_no_memory("k-means", k, err);
    for (size_t c = 0; c < k; c++) {
        kmeans->count[c] = image->kmeans_count[c];
        kmeans->median_distance[c] = image->kmeans_median_distance[c];
        kmeans->group[c] = image->kmeans_group[c];
        memcpy(kmeans->sum + c * GRID_COLUMNS, image->kmeans_sum + c * columns,
               columns * sizeof *kmeans->sum);
        memcpy(kmeans->lattice + c * GRID_COLUMNS, image->kmeans_lattice + c * columns,
               columns * sizeof *kmeans->lattice);
    }
    return STATUS_OK;
}

static void kmeans2_take(const struct image *image, bool robust, struct kmeans2 *kmeans2)
{
    for (size_t k = 0; k < 2; k++) {
        kmeans2->count[k] = image->kmeans2_count[k];
        kmeans2->group[k] = image->kmeans2_group[k];
        for (size_t c = 0; c < MODEL_TALK_COLUMNS; c++) {
            const size_t from = k * MODEL_TALK_COLUMNS + c;
            kmeans2->sum[k][c] = (int128)((uint128)(uint64_t)image->kmeans2_sum_high[from] << 64 |
                                          image->kmeans2_sum_low[from]);
            kmeans2->lattice[k][c] = image->kmeans2_lattice[from];
        }
    }
    kmeans2->scaling.columns = robust ? MODEL_TALK_COLUMNS : 0;
    for (size_t c = 0; c < kmeans2->scaling.columns; c++) {
        kmeans2->scaling.median[c] = image->kmeans2_median[c];
        kmeans2->scaling.scale[c] = image->kmeans2_scale[c];
        kmeans2->scaling.floor[c] = image->kmeans2_floor[c];
        kmeans2->scaling.active[c] = 1;
    }
}

static void choice_take(const struct image *image, struct kmeans_choice *choice)
{
    choice->count = image->size[IMAGE_kmeans_choice];
    for (size_t i = 0; i < choice->count; i++) {
        choice->k[i] = image->kmeans_choice_k[i];
        choice->gap[i] = image->kmeans_choice_gap[i];
        choice->gap_error[i] = image->kmeans_choice_error[i];
        choice->silhouette[i] = image->kmeans_choice_silhouette[i];
        choice->inertia[i] = image->kmeans_choice_inertia[i];
    }
}

static void scales_take(const struct image *image, struct model *model)
{
    model->scaling.columns = image->size[IMAGE_feature];
    for (size_t c = 0; c < model->scaling.columns; c++) {
        memcpy(model->names[c], image->feature_name + c * MODEL_NAME_BYTES, MODEL_NAME_BYTES);
        model->definitions[c] = image->feature_definition[c];
        model->scaling.median[c] = image->feature_median[c];
        model->scaling.scale[c] = image->feature_scale[c];
        model->scaling.floor[c] = image->feature_floor[c];
        model->scaling.active[c] = image->feature_active[c];
        model->context.shrinkage[c] = image->feature_shrinkage[c];
        memcpy(model->bin_rows[c], image->feature_bin_rows + c * DRIFT_BINS, sizeof model->bin_rows[c]);
    }
}

static enum status calibration_take(const int64_t *scores, size_t count, struct calibration *out,
                                    struct error *err)
{
    out->scores = malloc((count + 1) * sizeof *scores);
    if (!out->scores)
        return model_no_memory("calibration", count, err);
    memcpy(out->scores, scores, count * sizeof *scores);
    out->count = count;
    calibration_fit_tail(out);
    return STATUS_OK;
}

/* One of the nets, with its losses. */
static enum status net_take(const struct image *image, const struct model_settings *settings, size_t number,
                            struct trained_net *out, struct error *err)
{
    const size_t weights = image->size[IMAGE_autoencoder_weight_number];
    const size_t biases = image->size[IMAGE_autoencoder_bias_number], epochs = image->size[IMAGE_epoch];
    const double *loss = image->autoencoder_loss + number * epochs;
    const double *held = image->autoencoder_held_loss + number * epochs;
    enum status status =
        net_make(image->autoencoder_width[0], settings->hidden, settings->hidden_count, &out->net, err);
    if (status != STATUS_OK)
        return status;
    memcpy(out->net.parameters, image->autoencoder_weight + number * weights, weights * sizeof(float));
    memcpy(out->net.parameters + weights, image->autoencoder_bias + number * biases, biases * sizeof(float));
    out->epochs = image->autoencoder_epochs[number];
    out->losses = calloc(epochs, sizeof *out->losses);
    if (!out->losses)
        return model_no_memory("autoencoder", epochs, err);
    for (int64_t epoch = 0; epoch < out->epochs; epoch++)
        out->losses[epoch] = (struct loss_point){.train = loss[epoch], .held = held[epoch]};
    return STATUS_OK;
}

static enum status nets_take(const struct image *image, struct model *model, struct error *err)
{
    enum status status = STATUS_OK;
    struct model_settings *settings = &model->settings;
    settings->hidden_count = (int)image->size[IMAGE_autoencoder_layer] - 2;
    for (int l = 0; l < settings->hidden_count; l++)
        settings->hidden[l] = image->autoencoder_width[l + 1];
    model->summary.epochs = (int64_t)image->size[IMAGE_epoch];
    model->net_count = settings->nets = (int)image->size[IMAGE_autoencoder_net];
    for (size_t i = 0; status == STATUS_OK && i < image->size[IMAGE_autoencoder_net]; i++)
        status = net_take(image, settings, i, &model->nets[i], err);
    return status;
}

enum status image_to_model(const struct image *image, const char *path, struct model *model,
                           struct error *err)
{
    enum status status = STATUS_OK;
    TRY(check_features(image, path, err));
    TRY(check_clusters(image, model, path, err));
    TRY(check_net(image, path, err));
    TRY(check_calibration(image, model, path, err));
    TRY(check_usuals(image, path, err));
    scales_take(image, model);
    kmeans2_take(image, model->settings.kmeans2_robust, &model->kmeans2);
    choice_take(image, &model->choice);
    TRY(kmeans_take(image, &model->kmeans, err));
    TRY(nets_take(image, model, err));
    TRY(calibration_take(image->kmeans_calibration, image->size[IMAGE_kmeans_calibration_row],
                         &model->kmeans_calibration, err));
    TRY(calibration_take(image->autoencoder_calibration, image->size[IMAGE_autoencoder_calibration_row],
                         &model->autoencoder_calibration, err));
    TRY(usuals_take(image, &model->usuals, err));
done:
    return status;
}
