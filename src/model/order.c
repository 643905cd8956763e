#include "order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 3
#define BINS_MOST 2048

/* Bits that a round counts, and how far they stand above bit 0. */
static const unsigned ROUND_BITS[ROUNDS] = {11, 11, 10};
static const unsigned ROUND_SHIFT[ROUNDS] = {21, 10, 0};

uint32_t order_key(float value)
{
    float plain = value + 0.0f;  // −0 becomes 0
    uint32_t u;
    memcpy(&u, &plain, sizeof u);
    return u ^ (u >> 31 ? 0xffffffffu : 0x80000000u);
}

float order_float(uint32_t key)
{
    uint32_t u = key ^ (key >> 31 ? 0x80000000u : 0xffffffffu);
    float value;
    memcpy(&value, &u, sizeof value);
    return value;
}

/* Counts the keys that share the bits found so far with the wanted one. In the first round no bit is known.
 */
static void count_local(const struct order_keys *keys, const uint32_t *found, size_t percent_count, int round,
                        int64_t *bins)
{
    const unsigned shift = ROUND_SHIFT[round], known = shift + ROUND_BITS[round];
    const uint32_t mask = ((uint32_t)1 << ROUND_BITS[round]) - 1;
    for (size_t i = 0; i < keys->count; i++) {
        size_t group = keys->groups ? (size_t)keys->groups[i] : i % keys->group_count;
        for (size_t p = 0; p < percent_count; p++) {
            size_t at = group * percent_count + p;
            if (round == 0 || keys->keys[i] >> known == found[at] >> known)
                bins[at * BINS_MOST + (keys->keys[i] >> shift & mask)]++;
        }
    }
}

/* Walks to the bin with the rank, takes its bits into `found`, and leaves the rank inside that bin. */
static void narrow(const int64_t *bins, int round, int64_t *rank, uint32_t *found)
{
    uint32_t bin = 0;
    while (bin + 1 < (uint32_t)1 << ROUND_BITS[round] && *rank > bins[bin])
        *rank -= bins[bin++];
    *found |= bin << ROUND_SHIFT[round];
}

static int64_t first_rank(const int64_t *bins, int percent)
{
    int64_t count = 0;
    for (size_t bin = 0; bin < BINS_MOST; bin++)
        count += bins[bin];
    int64_t rank = (count * percent + 99) / 100;
    return count > 0 && rank < 1 ? 1 : rank;
}

enum status order_find(const struct team *team, const struct order_keys *keys, const int *percents,
                       size_t percent_count, uint32_t *found, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t wanted = keys->group_count * percent_count;
    int64_t *bins = calloc(wanted + 1, BINS_MOST * sizeof *bins);
    int64_t *ranks = calloc(wanted + 1, sizeof *ranks);
    TRY(team_agree(team,
                   bins && ranks ? STATUS_OK
                                 : error_set(err, STATUS_NO_MEMORY, "model", "",
                                             "no room for %zu tables of counts", wanted),
                   err));
    assert(bins && ranks);
    memset(found, 0, wanted * sizeof *found);
    for (int round = 0; round < ROUNDS; round++) {
        memset(bins, 0, wanted * BINS_MOST * sizeof *bins);
        count_local(keys, found, percent_count, round, bins);
        team_sum_i64(team, bins, wanted * BINS_MOST);
        for (size_t at = 0; at < wanted; at++) {
            if (round == 0)
                ranks[at] = first_rank(bins + at * BINS_MOST, percents[at % percent_count]);
            // A group without keys keeps rank 0 and stops at the first bin of each round.
            narrow(bins + at * BINS_MOST, round, &ranks[at], &found[at]);
        }
    }
done:
    free(ranks);
    free(bins);
    return status;
}
