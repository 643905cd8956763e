#include "score.h"

#include "calibration.h"
#include "fit_rows.h"
#include "kmeans2.h"
#include "net.h"
#include "scaling.h"
#include "usual.h"

#include "base/exact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG10_2 0.30102999566398120

enum status score_kmeans(const struct model *model, const struct grid_rows *rows, int32_t *labels,
                         int64_t *scores, struct error *err)
{
    const struct kmeans *kmeans = &model->kmeans;
    int32_t *distances = malloc((rows->count + 1) * sizeof *distances);
    enum status status = distances ? kmeans_assign(rows, kmeans->lattice, kmeans->k, labels, distances, err)
                                   : model_no_memory("scores", rows->count, err);
    for (size_t row = 0; status == STATUS_OK && row < rows->count; row++)
        scores[row] = ((int64_t)distances[row] << 16) / (kmeans->median_distance[labels[row]] + 1);
    free(distances);
    return status;
}

/* Errors of one micro-batch by every net, and its parts by every net where they are asked for. */
struct net_scores {
    int64_t errors[MODEL_NETS_MOST][MICRO_ROWS];
    float huber[MODEL_NETS_MOST][GRID_COLUMNS * MICRO_ROWS];
};

/* The net with the median error of a row; of an even number the lower of the two in the middle, of equal
 * errors the first. */
static int median_net(const struct net_scores *scores, int net_count, size_t row)
{
    for (int i = 0; i < net_count; i++) {
        int before = 0;
        for (int j = 0; j < net_count; j++)
            before += scores->errors[j][row] < scores->errors[i][row] ||
                      (j < i && scores->errors[j][row] == scores->errors[i][row]);
        if (before == (net_count - 1) / 2)
            return i;
    }
    return 0;
}

/* The parts of Σ Huber of a row, as shares of it. */
static void shares_take(const float *huber, size_t columns, size_t row, float *shares)
{
    double sum = 0.0;
    for (size_t c = 0; c < columns; c++)
        sum += (double)huber[c * MICRO_ROWS + row];
    for (size_t c = 0; c < columns; c++)
        shares[c] = sum > 0.0 ? (float)((double)huber[c * MICRO_ROWS + row] / sum) : 0.0f;
}

enum status score_autoencoder(const struct model *model, const struct grid_rows *rows, int64_t *scores,
                              float *shares, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t columns = model->scaling.columns;
    struct net_work work = {0};
    struct net_scores *found = calloc(1, sizeof *found);
    if (!found)
        TRY(model_no_memory("scores", 1, err));
    TRY(net_work_make(&model->nets[0].net, &work, err));
    for (size_t from = 0; from < rows->count; from += MICRO_ROWS) {
        const size_t count = rows->count - from < MICRO_ROWS ? rows->count - from : MICRO_ROWS;
        net_load(&model->nets[0].net, &work, rows->values + from * GRID_COLUMNS, count);
        for (int i = 0; i < model->net_count; i++) {
            net_forward(&model->nets[i].net, &work);
            net_errors(&model->nets[i].net, &work, model->scaling.active, found->errors[i],
                       shares ? found->huber[i] : NULL);
        }
        for (size_t row = 0; row < count; row++) {
            const int median = median_net(found, model->net_count, row);
            scores[from + row] = found->errors[median][row];
            if (shares)
                shares_take(found->huber[median], columns, row, shares + (from + row) * columns);
        }
    }
done:
    net_work_clear(&work);
    free(found);
    return status;
}

/* Refuses rows of other columns than the model's; names those that are there under another definition. */
static enum status check_columns(const struct model *model, const struct model_input *input,
                                 struct error *err)
{
    char names[160] = "";
    size_t at = 0;
    if (input->columns != model->scaling.columns)
        return error_set(err, STATUS_MISMATCH, "model", "use the feature set of the model",
                         "the model has %zu features, the rows have %zu", model->scaling.columns,
                         input->columns);
    for (size_t c = 0; c < input->columns; c++) {
        if (strcmp(input->names[c], model->names[c]) != 0)
            return error_set(err, STATUS_MISMATCH, "model", "use the feature set of the model",
                             "feature %zu of the model is %s, that of the rows is %s", c + 1, model->names[c],
                             input->names[c]);
        if (input_definition(input, c) != model->definitions[c] && at < sizeof names)
            at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", model->names[c]);
    }
    if (names[0])
        return error_set(err, STATUS_MISMATCH, "model", "train the model again",
                         "it was trained on another definition of: %s", names);
    if (model->kmeans2.scaling.columns != 0 && input->row_count > 0 && !input->talk_values)
        return error_set(err, STATUS_MISMATCH, "model.kmeans2.scaling", "",
                         "the model scales the talk's columns, but the rows do not have their values");
    return STATUS_OK;
}

void model_scores_free(struct model_scores *scores)
{
    free(scores->kmeans2_group);
    free(scores->kmeans_cluster);
    free(scores->kmeans_group);
    free(scores->kmeans_distance);
    free(scores->kmeans_p);
    free(scores->autoencoder_error);
    free(scores->autoencoder_p);
    free(scores->autoencoder_group);
    free(scores->p_extrapolated);
    free(scores->score);
    free(scores->kmeans_share);
    free(scores->autoencoder_share);
    free(scores->cause);
    free(scores->usual_rows);
    free(scores->usual_low);
    free(scores->usual_middle);
    free(scores->usual_high);
    free(scores->role_rows);
    free(scores->role_low);
    free(scores->role_middle);
    free(scores->role_high);
    *scores = (struct model_scores){0};
}

static enum status scores_make(size_t row_count, size_t columns, struct model_scores *out, struct error *err)
{
    const size_t rows = row_count + 1;  // calloc(0) may be NULL
    *out = (struct model_scores){.row_count = row_count, .columns = columns};
    out->kmeans2_group = calloc(rows, sizeof *out->kmeans2_group);
    out->kmeans_cluster = calloc(rows, sizeof *out->kmeans_cluster);
    out->kmeans_group = calloc(rows, sizeof *out->kmeans_group);
    out->kmeans_distance = calloc(rows, sizeof *out->kmeans_distance);
    out->kmeans_p = calloc(rows, sizeof *out->kmeans_p);
    out->autoencoder_error = calloc(rows, sizeof *out->autoencoder_error);
    out->autoencoder_p = calloc(rows, sizeof *out->autoencoder_p);
    out->autoencoder_group = calloc(rows, sizeof *out->autoencoder_group);
    out->p_extrapolated = calloc(rows, sizeof *out->p_extrapolated);
    out->score = calloc(rows, sizeof *out->score);
    out->kmeans_share = calloc(rows * columns, sizeof *out->kmeans_share);
    out->autoencoder_share = calloc(rows * columns, sizeof *out->autoencoder_share);
    out->cause = calloc(rows, sizeof *out->cause);
    out->usual_rows = calloc(rows, sizeof *out->usual_rows);
    out->usual_low = calloc(rows, sizeof *out->usual_low);
    out->usual_middle = calloc(rows, sizeof *out->usual_middle);
    out->usual_high = calloc(rows, sizeof *out->usual_high);
    out->role_rows = calloc(rows, sizeof *out->role_rows);
    out->role_low = calloc(rows, sizeof *out->role_low);
    out->role_middle = calloc(rows, sizeof *out->role_middle);
    out->role_high = calloc(rows, sizeof *out->role_high);
    if (out->kmeans2_group && out->kmeans_cluster && out->kmeans_group && out->kmeans_distance &&
        out->kmeans_p && out->autoencoder_error && out->autoencoder_p && out->autoencoder_group &&
        out->p_extrapolated && out->score && out->kmeans_share && out->autoencoder_share && out->cause &&
        out->usual_rows && out->usual_low && out->usual_middle && out->usual_high && out->role_rows &&
        out->role_low && out->role_middle && out->role_high)
        return STATUS_OK;
    return model_no_memory("scores", row_count, err);
}

static void kmeans_shares(const struct model *model, const int16_t *row, int32_t label, float *shares)
{
    const int16_t *centre = model->kmeans.lattice + (size_t)label * GRID_COLUMNS;
    const int32_t distance = kmeans_distance(row, centre);
    for (size_t c = 0; c < model->scaling.columns; c++) {
        const int32_t apart = row[c] - centre[c];
        shares[c] = distance ? (float)((double)(apart * apart) / distance) : 0.0f;
    }
}

/* Which feature it was most, and what is usual for it. */
static void row_compare(const struct model *model, const struct model_input *input, size_t row,
                        struct model_scores *out)
{
    const float *kmeans = out->kmeans_share + row * input->columns;
    const float *autoencoder = out->autoencoder_share + row * input->columns;
    float most = 0.0f;
    out->cause[row] = -1;
    for (size_t c = 0; c < input->columns; c++)
        if (kmeans[c] + autoencoder[c] > most) {
            most = kmeans[c] + autoencoder[c];
            out->cause[row] = (int32_t)c;
        }
    if (!input->moments || out->cause[row] < 0)
        return;
    const struct usuals *usuals = &model->usuals;
    const size_t columns = usuals->columns, cause = (size_t)out->cause[row];
    const struct usual_found found = usuals_find(usuals, input->ip_hash[row], &input->moments[row]);
    if (found.host >= 0) {
        const size_t at = (size_t)found.host * columns + cause;
        out->usual_rows[row] = (int32_t)usuals->items[found.host].rows;
        out->usual_low[row] = usuals->values[0][at];
        out->usual_middle[row] = usuals->values[1][at];
        out->usual_high[row] = usuals->values[2][at];
    }
    if (found.role >= 0) {
        const size_t at = (size_t)found.role * columns + cause;
        const int64_t rows = usuals->items[found.role].rows;
        out->role_rows[row] = (int32_t)(rows < INT32_MAX ? rows : INT32_MAX);
        out->role_low[row] = usuals->values[0][at];
        out->role_middle[row] = usuals->values[1][at];
        out->role_high[row] = usuals->values[2][at];
    }
}

/* p-values, groups and the score of one row; errors are the autoencoder's in 2^-32. */
static void row_judge(const struct model *model, size_t row, int64_t error, struct model_scores *out)
{
    const struct p_value kmeans = calibration_p(&model->kmeans_calibration, out->kmeans_distance[row]);
    const struct p_value autoencoder = calibration_p(&model->autoencoder_calibration, error);
    const double least = kmeans.p < autoencoder.p ? kmeans.p : autoencoder.p;
    out->kmeans_p[row] = kmeans.p;
    out->autoencoder_p[row] = autoencoder.p;
    out->autoencoder_error[row] = (double)error * 0x1p-32;
    out->p_extrapolated[row] = kmeans.extrapolated || autoencoder.extrapolated;
    out->kmeans_group[row] = model->kmeans.group[out->kmeans_cluster[row]];
    if (kmeans.p < GROUP_P)
        out->kmeans_group[row] = 1;
    out->autoencoder_group[row] = (int8_t)(autoencoder.p < GROUP_P);
    // Bonferroni: the lesser of two p-values counts twice.
    out->score[row] = 2.0 * least < 1.0 ? -exact_log2(2.0 * least) * LOG10_2 : 0.0;
}

/* Rows that are scaled and scored together: a multiple of MICRO_ROWS. */
#define BLOCK_ROWS ((size_t)4096)

struct score_block {
    int16_t grid[BLOCK_ROWS * GRID_COLUMNS];
    int64_t errors[BLOCK_ROWS];  // the autoencoder's, in 2^-32
};

/* Scores the rows [from, from + count). */
static enum status block_score(const struct model *model, const struct model_input *input, size_t from,
                               size_t count, struct score_block *block, struct model_scores *scores,
                               struct error *err)
{
    enum status status = STATUS_OK;
    const size_t columns = input->columns;
    const struct grid_rows rows = {.values = block->grid, .count = count, .columns = (int)columns};
    for (size_t i = 0; i < count; i++)
        scaling_apply(&model->scaling, input->values + (from + i) * columns, block->grid + i * GRID_COLUMNS);
    TRY(score_kmeans(model, &rows, scores->kmeans_cluster + from, scores->kmeans_distance + from, err));
    TRY(score_autoencoder(model, &rows, block->errors, scores->autoencoder_share + from * columns, err));
    for (size_t row = from; row < from + count; row++) {
        int64_t talk[MODEL_TALK_COLUMNS];
        uint128 distance;
        fit_rows_talk(input, row, &model->kmeans2.scaling, talk);
        int nearest = kmeans2_nearest(&model->kmeans2.lattice[0][0], talk, &distance);
        scores->kmeans2_group[row] = model->kmeans2.group[nearest];
        kmeans_shares(model, block->grid + (row - from) * GRID_COLUMNS, scores->kmeans_cluster[row],
                      scores->kmeans_share + row * columns);
        row_judge(model, row, block->errors[row - from], scores);
        row_compare(model, input, row, scores);
    }
done:
    return status;
}

enum status model_score(const struct model *model, const struct model_input *input, struct model_scores *out,
                        struct error *err)
{
    enum status status = STATUS_OK;
    struct model_scores scores = {0};
    struct score_block *block = malloc(sizeof *block);
    TRY(check_columns(model, input, err));
    TRY(fit_rows_check(input, model->kmeans2.scaling.columns != 0, 0, err));
    if (!block)
        TRY(model_no_memory("scores", BLOCK_ROWS, err));
    TRY(scores_make(input->row_count, input->columns, &scores, err));
    for (size_t from = 0; from < input->row_count; from += BLOCK_ROWS) {
        const size_t left = input->row_count - from;
        TRY(block_score(model, input, from, left < BLOCK_ROWS ? left : BLOCK_ROWS, block, &scores, err));
    }
    *out = scores;
    scores = (struct model_scores){0};
done:
    model_scores_free(&scores);
    free(block);
    return status;
}
