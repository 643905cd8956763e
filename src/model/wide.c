#include "wide.h"

#include <assert.h>
#include <stdlib.h>

#define LIMB_MASK 0xffffffffu

void wide_split(int128 value, int64_t limbs[WIDE_LIMBS])
{
    uint128 bits = (uint128)value;
    for (int i = 0; i < WIDE_LIMBS - 1; i++)
        limbs[i] = (int64_t)((uint64_t)(bits >> (32 * i)) & LIMB_MASK);
    limbs[WIDE_LIMBS - 1] = (int32_t)(uint32_t)(bits >> 96);
}

int128 wide_join(const int64_t limbs[WIDE_LIMBS])
{
    // Unsigned, so that a negative last limb wraps as two's complement does.
    uint128 bits = 0;
    for (int i = 0; i < WIDE_LIMBS; i++)
        bits += (uint128)(int128)limbs[i] << (32 * i);
    return (int128)bits;
}

enum status wide_sum(const struct team *team, int128 *values, size_t count, struct error *err)
{
    enum status status = STATUS_OK;
    int64_t *limbs = calloc(count + 1, WIDE_LIMBS * sizeof *limbs);
    TRY(team_agree(team,
                   limbs ? STATUS_OK
                         : error_set(err, STATUS_NO_MEMORY, "model", "", "no room for %zu sums", count),
                   err));
    assert(limbs);
    for (size_t i = 0; i < count; i++)
        wide_split(values[i], limbs + i * WIDE_LIMBS);
    team_sum_i64(team, limbs, count * WIDE_LIMBS);
    for (size_t i = 0; i < count; i++)
        values[i] = wide_join(limbs + i * WIDE_LIMBS);
done:
    free(limbs);
    return status;
}

int64_t wide_round_mean(int128 sum, int64_t count)
{
    // |Σ| < 2^127 - n/2 for every caller: a sum of at most 2^32 numbers below 2^62.
    uint128 size = sum < 0 ? (uint128)-sum : (uint128)sum;
    uint128 mean = (size + (uint64_t)count / 2) / (uint64_t)count;
    return sum < 0 ? -(int64_t)mean : (int64_t)mean;
}

double wide_double(int128 value)
{
    uint128 size = value < 0 ? (uint128)-value : (uint128)value;
    double result = (double)(uint64_t)(size >> 64) * 0x1p64 + (double)(uint64_t)size;
    return value < 0 ? -result : result;
}
