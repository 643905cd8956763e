#include "image.h"

#include "net.h"

#include <stdlib.h>
#include <string.h>

static const char *const DIMENSION_NAMES[] = {
#define D(name) #name,
#include "model_variables.def"
#undef D
};

struct variable_info {
    enum image_dimension first, second;
    struct store_column column;
    size_t element_bytes;
};

static const struct variable_info VARIABLES[] = {
#define X(NAME, TYPE, c_type, FIRST, SECOND, UNITS, LONG_NAME)                                               \
    {.first = IMAGE_##FIRST,                                                                                 \
     .second = IMAGE_##SECOND,                                                                               \
     .column = {.name = #NAME, .type = STORE_##TYPE, .units = (UNITS), .long_name = (LONG_NAME)},            \
     .element_bytes = sizeof(c_type)},
#include "model_variables.def"
#undef X
};

const char *image_dimension_name(enum image_dimension dimension)
{
    return DIMENSION_NAMES[dimension];
}

static struct store_column column_of(const struct variable_info *info)
{
    struct store_column column = info->column;
    column.dimensions[0] = DIMENSION_NAMES[info->first];
    column.dimensions[1] = info->second == IMAGE_one ? NULL : DIMENSION_NAMES[info->second];
    if (column.type == STORE_I8)
        column.flag_meanings = "majority minority";
    return column;
}

enum status image_make(const size_t size[IMAGE_DIMENSIONS], struct image *image, struct error *err)
{
    *image = (struct image){0};
    memcpy(image->size, size, sizeof image->size);
    for (size_t at = 0; at < IMAGE_VARIABLES; at++) {
        const struct variable_info *info = &VARIABLES[at];
        size_t count = size[info->first] * size[info->second];
        image->columns[at] = column_of(info);
        image->values[at] = calloc(count + 1, info->element_bytes);
        if (!image->values[at])
            return model_no_memory(info->column.name, count, err);
    }
#define X(name, ...) image->name = image->values[IMAGE_AT_##name];
#include "model_variables.def"
#undef X
    return STATUS_OK;
}

void image_clear(struct image *image)
{
    for (size_t at = 0; at < IMAGE_VARIABLES; at++)
        free(image->values[at]);
    *image = (struct image){0};
}

static void scales_lay(const struct model *model, struct image *image)
{
    const struct scaling *scaling = &model->scaling, *talk = &model->kmeans2.scaling;
    for (size_t c = 0; c < scaling->columns; c++) {
        memcpy(image->feature_name + c * MODEL_NAME_BYTES, model->names[c], MODEL_NAME_BYTES);
        image->feature_definition[c] = model->definitions[c];
        image->feature_median[c] = scaling->median[c];
        image->feature_scale[c] = scaling->scale[c];
        image->feature_floor[c] = scaling->floor[c];
        image->feature_active[c] = scaling->active[c];
        image->feature_shrinkage[c] = model->context.shrinkage[c];
        memcpy(image->feature_bin_rows + c * DRIFT_BINS, model->bin_rows[c], sizeof model->bin_rows[c]);
    }
    for (size_t c = 0; c < MODEL_TALK_COLUMNS; c++) {
        image->kmeans2_median[c] = talk->columns ? talk->median[c] : 0.0;
        image->kmeans2_scale[c] = talk->columns ? talk->scale[c] : 1.0;
        image->kmeans2_floor[c] = talk->columns ? talk->floor[c] : 1.0;
    }
}

/* A centre is the mean of its rows; a cluster that ended empty shows its lattice. */
static double centre_of(int128 sum, int64_t count, int64_t lattice, double unit)
{
    return count > 0 ? wide_double(sum) / ((double)count * unit) : (double)lattice / unit;
}

static void kmeans_lay(const struct kmeans *kmeans, size_t columns, struct image *image)
{
    for (size_t k = 0; k < (size_t)kmeans->k; k++) {
        image->kmeans_count[k] = kmeans->count[k];
        image->kmeans_median_distance[k] = kmeans->median_distance[k];
        image->kmeans_group[k] = kmeans->group[k];
        for (size_t c = 0; c < columns; c++) {
            const size_t from = k * GRID_COLUMNS + c, to = k * columns + c;
            image->kmeans_sum[to] = kmeans->sum[from];
            image->kmeans_lattice[to] = kmeans->lattice[from];
            image->kmeans_centre[to] =
                centre_of(kmeans->sum[from], kmeans->count[k], kmeans->lattice[from], GRID_ONE);
        }
    }
}

static void choice_lay(const struct kmeans_choice *choice, struct image *image)
{
    for (size_t i = 0; i < choice->count; i++) {
        image->kmeans_choice_k[i] = choice->k[i];
        image->kmeans_choice_gap[i] = choice->gap[i];
        image->kmeans_choice_error[i] = choice->gap_error[i];
        image->kmeans_choice_silhouette[i] = choice->silhouette[i];
        image->kmeans_choice_inertia[i] = choice->inertia[i];
    }
}

static void kmeans2_lay(const struct kmeans2 *kmeans2, struct image *image)
{
    const double unit = kmeans2->scaling.columns ? GRID_ONE : RAW_ONE;
    for (size_t k = 0; k < 2; k++) {
        image->kmeans2_count[k] = kmeans2->count[k];
        image->kmeans2_group[k] = kmeans2->group[k];
        for (size_t c = 0; c < MODEL_TALK_COLUMNS; c++) {
            const size_t to = k * MODEL_TALK_COLUMNS + c;
            const uint128 bits = (uint128)kmeans2->sum[k][c];
            image->kmeans2_sum_high[to] = (int64_t)(uint64_t)(bits >> 64);
            image->kmeans2_sum_low[to] = (uint64_t)bits;
            image->kmeans2_lattice[to] = kmeans2->lattice[k][c];
            image->kmeans2_centre[to] =
                centre_of(kmeans2->sum[k][c], kmeans2->count[k], kmeans2->lattice[k][c], unit);
        }
    }
}

static void nets_lay(const struct model *model, struct image *image)
{
    const size_t epochs = image->size[IMAGE_epoch], weights = model->nets[0].net.weight_count;
    const size_t biases = model->nets[0].net.parameter_count - weights;
    for (size_t i = 0; i < (size_t)model->net_count; i++) {
        const struct trained_net *trained = &model->nets[i];
        image->autoencoder_epochs[i] = trained->epochs;
        memcpy(image->autoencoder_weight + i * weights, trained->net.parameters, weights * sizeof(float));
        memcpy(image->autoencoder_bias + i * biases, trained->net.parameters + weights,
               biases * sizeof(float));
        for (size_t epoch = 0; epoch < (size_t)trained->epochs; epoch++) {
            image->autoencoder_loss[i * epochs + epoch] = trained->losses[epoch].train;
            image->autoencoder_held_loss[i * epochs + epoch] = trained->losses[epoch].held;
        }
    }
}

static void usuals_lay(const struct usuals *usuals, struct image *image)
{
    const size_t cells = usuals->count * usuals->columns;
    for (size_t i = 0; i < usuals->count; i++) {
        const struct usual *item = &usuals->items[i];
        image->usual_is_host[i] = item->is_host != 0;
        image->usual_host[i] = item->host;
        image->usual_role[i] = item->role;
        image->usual_holiday[i] = item->holiday != 0;
        image->usual_time[i] = item->time;
        image->usual_rows[i] = item->rows;
    }
    float *const to[] = {image->usual_low, image->usual_middle, image->usual_high};
    for (int p = 0; p < 3 && cells > 0; p++)
        memcpy(to[p], usuals->values[p], cells * sizeof(float));
}

enum status image_of_model(const struct model *model, struct image *image, struct error *err)
{
    const struct net *net = &model->nets[0].net;
    const size_t size[IMAGE_DIMENSIONS] = {
        [IMAGE_one] = 1,
        [IMAGE_feature] = model->scaling.columns,
        [IMAGE_name_character] = MODEL_NAME_BYTES,
        [IMAGE_drift_bin] = DRIFT_BINS,
        [IMAGE_kmeans_cluster] = (size_t)model->kmeans.k,
        [IMAGE_kmeans_choice] = model->choice.count,
        [IMAGE_kmeans2_cluster] = 2,
        [IMAGE_talk_feature] = MODEL_TALK_COLUMNS,
        [IMAGE_autoencoder_layer] = (size_t)net->layer_count + 1,
        [IMAGE_autoencoder_net] = (size_t)model->net_count,
        [IMAGE_autoencoder_weight_number] = net->weight_count,
        [IMAGE_autoencoder_bias_number] = net->parameter_count - net->weight_count,
        [IMAGE_epoch] = (size_t)model->summary.epochs,
        [IMAGE_kmeans_calibration_row] = model->kmeans_calibration.count,
        [IMAGE_autoencoder_calibration_row] = model->autoencoder_calibration.count,
        [IMAGE_usual] = model->usuals.count,
    };
    enum status status = image_make(size, image, err);
    if (status != STATUS_OK)
        return status;
    scales_lay(model, image);
    kmeans_lay(&model->kmeans, model->scaling.columns, image);
    choice_lay(&model->choice, image);
    kmeans2_lay(&model->kmeans2, image);
    for (int l = 0; l <= net->layer_count; l++)
        image->autoencoder_width[l] = net->width[l];
    nets_lay(model, image);
    memcpy(image->kmeans_calibration, model->kmeans_calibration.scores,
           model->kmeans_calibration.count * sizeof(int64_t));
    memcpy(image->autoencoder_calibration, model->autoencoder_calibration.scores,
           model->autoencoder_calibration.count * sizeof(int64_t));
    usuals_lay(&model->usuals, image);
    return STATUS_OK;
}
