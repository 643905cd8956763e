/** Robust scales by order statistics, and the int16 grid that the models work on. */
#ifndef MODEL_SCALING_H
#define MODEL_SCALING_H

#include "internal.h"

/**
 * Fits S = max((q75 − q25)/1.349, (q99 − q50)/2.326, floor) and the median of each column. Collective.
 *
 * 1.349 and 2.326 are the normal distribution's quartile range and 99 % point; the second term keeps a rare
 * feature, whose quartiles are all 0, from exploding.
 *
 * @param values  borrowed, [row_count][scaling->columns], finite; together at least one row
 * @param scaling columns, floor and active are given; median, scale and constant are filled
 * @return        STATUS_NO_MEMORY, agreed on
 */
MUST_CHECK enum status scaling_fit(const struct team *team, const float *values, size_t row_count,
                                   struct scaling *scaling, struct error *err);

/** Puts one row onto the grid: llrint(z·2^9) cut off at ±4095, 0 where inactive and behind the columns.
 * Local. */
void scaling_apply(const struct scaling *scaling, const float *values, int16_t grid[GRID_COLUMNS]);

#endif
