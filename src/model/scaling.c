#include "scaling.h"

#include "order.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const int PERCENTS[] = {0, 25, 50, 75, 99, 100};
enum { Q0, Q25, Q50, Q75, Q99, Q100, PERCENT_COUNT };

/* Quantiles are floats, so these differences are exact or rounded once: no order of operations to choose. */
static double robust_scale(const uint32_t found[PERCENT_COUNT], double floor)
{
    double middle = ((double)order_float(found[Q75]) - (double)order_float(found[Q25])) / 1.349;
    double tail = ((double)order_float(found[Q99]) - (double)order_float(found[Q50])) / 2.326;
    double scale = middle > tail ? middle : tail;
    return scale > floor ? scale : floor;
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
    for (size_t c = 0; c < scaling->columns; c++) {
        const uint32_t *quantiles = found + c * PERCENT_COUNT;
        scaling->median[c] = (double)order_float(quantiles[Q50]);
        scaling->scale[c] = robust_scale(quantiles, scaling->floor[c]);
        scaling->constant[c] = quantiles[Q0] == quantiles[Q100];
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
