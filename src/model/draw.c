#include "draw.h"

#include "wide.h"

#define PIECE_ROWS                                                                                           \
    ((size_t)4096)  // 4,096 weights of 32 bits: their sum is found before any of them is compared

/* Where a draw falls among this rank's weights, whose sum is `mine`; false: in another rank's. */
static bool draw_target(const struct team *team, uint64_t mine, uint64_t random, uint64_t *total,
                        uint64_t *within)
{
    int64_t sum = (int64_t)mine;
    team_sum_i64(team, &sum, 1);
    const uint64_t prefix = team_sum_before(team, mine);
    const uint64_t target = (uint64_t)((uint128)random * (uint64_t)sum >> 64);
    *total = (uint64_t)sum;
    *within = target - prefix;
    return sum != 0 && target >= prefix && target - prefix < mine;
}

struct draw draw_row(const struct team *team, const uint64_t *weights, size_t count, uint64_t random)
{
    struct draw draw = {.row = DRAW_NONE};
    uint64_t mine = 0, within = 0;
    for (size_t i = 0; i < count; i++)
        mine += weights[i];
    if (!draw_target(team, mine, random, &draw.total, &within))
        return draw;
    for (draw.row = 0; within >= weights[draw.row]; draw.row++)
        within -= weights[draw.row];
    return draw;
}

static uint64_t sum_i32(const int32_t *weights, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (uint64_t)weights[i];
    return sum;
}

struct draw draw_row_i32(const struct team *team, const int32_t *weights, size_t count, uint64_t random)
{
    struct draw draw = {.row = DRAW_NONE};
    uint64_t within = 0;
    const uint64_t mine = weights ? sum_i32(weights, count) : count;
    if (!draw_target(team, mine, random, &draw.total, &within))
        return draw;
    if (!weights) {
        draw.row = (size_t)within;
        return draw;
    }
    draw.row = 0;
    for (;;) {
        const size_t left = count - draw.row, piece = left < PIECE_ROWS ? left : PIECE_ROWS;
        const uint64_t sum = sum_i32(weights + draw.row, piece);
        if (within < sum)
            break;
        within -= sum;
        draw.row += piece;
    }
    for (; within >= (uint64_t)weights[draw.row]; draw.row++)
        within -= (uint64_t)weights[draw.row];
    return draw;
}
