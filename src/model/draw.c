#include "draw.h"

#include "wide.h"

struct draw draw_row(const struct team *team, const uint64_t *weights, size_t count, uint64_t random)
{
    uint64_t mine = 0;
    for (size_t i = 0; i < count; i++)
        mine += weights[i];
    int64_t total = (int64_t)mine;
    team_sum_i64(team, &total, 1);
    uint64_t prefix = team_sum_before(team, mine);
    struct draw draw = {.total = (uint64_t)total, .row = DRAW_NONE};
    uint64_t target = (uint64_t)((uint128)random * draw.total >> 64);
    if (draw.total == 0 || target < prefix || target - prefix >= mine)
        return draw;
    for (size_t i = 0; i < count && draw.row == DRAW_NONE; i++) {
        prefix += weights[i];
        if (prefix > target)
            draw.row = i;
    }
    return draw;
}
