#include "scaling.h"

#include "order.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const int PERCENTS[] = {25, 50, 75, 99};
enum { Q25, Q50, Q75, Q99, PERCENT_COUNT };

/* Quantiles are floats, so these differences are exact or rounded once: no order of operations to choose. */
static double robust_scale(const uint32_t found[PERCENT_COUNT], double floor)
{
    double middle = ((double)order_float(found[Q75]) - (double)order_float(found[Q25])) / 1.349;
    double tail = ((double)order_float(found[Q99]) - (double)order_float(found[Q50])) / 2.326;
    double scale = middle > tail ? middle : tail;
    return scale > floor ? scale : floor;
}

/* Which columns have one value in all rows: there the largest key is the least one. */
static void constants_find(const struct team *team, const uint32_t *keys, size_t row_count,
                           struct scaling *scaling)
{
    int64_t ends[2 * GRID_COLUMNS];  // the largest keys, then the least with a minus
    for (size_t i = 0; i < (size_t)2 * GRID_COLUMNS; i++)
        ends[i] = INT64_MIN;
    for (size_t row = 0; row < row_count; row++)
        for (size_t c = 0; c < scaling->columns; c++) {
            const int64_t key = keys[row * scaling->columns + c];
            ends[c] = key > ends[c] ? key : ends[c];
            ends[GRID_COLUMNS + c] = -key > ends[GRID_COLUMNS + c] ? -key : ends[GRID_COLUMNS + c];
        }
    team_max_i64(team, ends, (size_t)2 * GRID_COLUMNS);
    for (size_t c = 0; c < scaling->columns; c++)
        scaling->constant[c] = ends[c] == -ends[GRID_COLUMNS + c];
}

enum status scaling_fit(const struct team *team, const float *values, size_t row_count,
                        struct scaling *scaling, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t count = row_count * scaling->columns;
    uint32_t found[GRID_COLUMNS * PERCENT_COUNT];
    uint32_t *keys = malloc((count + 1) * sizeof *keys);
    TRY(team_agree(team, keys ? STATUS_OK : model_no_memory("scaling", count, err), err));
    assert(keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = order_key(values[i]);
    const struct order_keys sorted = {.keys = keys, .count = count, .group_count = scaling->columns};
    TRY(order_find(team, &sorted, PERCENTS, PERCENT_COUNT, found, err));
    constants_find(team, keys, row_count, scaling);
    for (size_t c = 0; c < scaling->columns; c++) {
        const uint32_t *quantiles = found + c * PERCENT_COUNT;
        scaling->median[c] = (double)order_float(quantiles[Q50]);
        scaling->scale[c] = robust_scale(quantiles, scaling->floor[c]);
    }
done:
    free(keys);
    return status;
}

void scaling_apply(const struct scaling *scaling, const float *values, int16_t grid[GRID_COLUMNS])
{
    for (size_t c = 0; c < scaling->columns; c++) {
        double z = ((double)values[c] - scaling->median[c]) / scaling->scale[c] * GRID_ONE;
        double cut = z > GRID_MOST ? GRID_MOST : z < -GRID_MOST ? -GRID_MOST : z;
        grid[c] = (int16_t)(scaling->active[c] ? llrint(cut) : 0);
    }
    for (size_t c = scaling->columns; c < GRID_COLUMNS; c++)
        grid[c] = 0;
}
