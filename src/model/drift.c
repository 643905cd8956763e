#include "drift.h"

#include "scaling.h"

#include "base/exact.h"

#include <string.h>

#define SHARE_LEAST 1e-4
#define LN_2 0.69314718055994531

static const int16_t EDGES[DRIFT_BINS - 1] = {-2048, -1024, -512, -256, -64, 64, 256, 512, 1024, 2048, 4095};

/* Adds a row on the grid. */
static void row_count_bins(const int16_t *values, int64_t bins[GRID_COLUMNS][DRIFT_BINS])
{
    for (size_t c = 0; c < GRID_COLUMNS; c++) {
        size_t bin = 0;
        for (size_t edge = 0; edge < DRIFT_BINS - 1; edge++)
            bin += values[c] >= EDGES[edge];
        bins[c][bin]++;
    }
}

void drift_count(const struct team *team, const struct grid_rows *rows,
                 int64_t bins[GRID_COLUMNS][DRIFT_BINS])
{
    memset(bins, 0, sizeof(int64_t[GRID_COLUMNS][DRIFT_BINS]));
    for (size_t row = 0; row < rows->count; row++)
        row_count_bins(rows->values + row * GRID_COLUMNS, bins);
    team_sum_i64(team, &bins[0][0], (size_t)GRID_COLUMNS * DRIFT_BINS);
}

double drift_index(const int64_t trained[DRIFT_BINS], const int64_t found[DRIFT_BINS])
{
    int64_t trained_rows = 0, found_rows = 0;
    double index = 0.0;
    for (size_t bin = 0; bin < DRIFT_BINS; bin++) {
        trained_rows += trained[bin];
        found_rows += found[bin];
    }
    for (size_t bin = 0; bin < DRIFT_BINS && trained_rows > 0 && found_rows > 0; bin++) {
        const double e = (double)trained[bin] / (double)trained_rows;
        const double a = (double)found[bin] / (double)found_rows;
        const double expected = e > SHARE_LEAST ? e : SHARE_LEAST, actual = a > SHARE_LEAST ? a : SHARE_LEAST;
        index += (actual - expected) * LN_2 * exact_log2(actual / expected);
    }
    return index;
}

void model_bins_add(const struct model *model, const struct model_input *input, struct model_bins *bins)
{
    int16_t grid[GRID_COLUMNS];
    for (size_t row = 0; row < input->row_count; row++) {
        scaling_apply(&model->scaling, input->values + row * input->columns, grid);
        row_count_bins(grid, bins->rows);
    }
}

void model_drift(const struct team *team, const struct model *model, const struct model_bins *bins,
                 double index[MODEL_COLUMNS_MOST])
{
    struct model_bins all = *bins;
    team_sum_i64(team, &all.rows[0][0], (size_t)MODEL_COLUMNS_MOST * MODEL_DRIFT_BINS);
    for (size_t c = 0; c < MODEL_COLUMNS_MOST; c++)
        index[c] = c < model->scaling.columns && model->scaling.active[c]
                       ? drift_index(model->bin_rows[c], all.rows[c])
                       : 0.0;
}
