/** Order statistics over all ranks: an element of the data, found by counting, so the same for any split. */
#ifndef MODEL_ORDER_H
#define MODEL_ORDER_H

#include "parallel/parallel.h"

/** This rank's keys. Key i belongs to group groups[i], or to i % group_count where groups is NULL. */
struct order_keys {
    const uint32_t *keys;  // [count]
    const int32_t *groups;  // [count] or NULL
    size_t count;
    size_t group_count;
};

/** Returns a key whose order is the order of the floats; −0 counts as 0. No NaN. Local. */
uint32_t order_key(float value);

/** Returns the float of a key. Local. */
float order_float(uint32_t key);

/**
 * Finds for each group the key at rank ⌈percent·n/100⌉ from below, at least the first. Collective.
 *
 * Three rounds of counting, by 11, 11 and 10 bits: each keeps the bin in which the rank lies.
 *
 * @param percents  borrowed, [percent_count], each 0 … 100
 * @param found     filled, [group_count][percent_count]; 0 for a group without keys
 * @return          STATUS_NO_MEMORY, agreed on
 */
MUST_CHECK enum status order_find(const struct team *team, const struct order_keys *keys, const int *percents,
                                  size_t percent_count, uint32_t *found, struct error *err);

#endif
