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

/* Counts a key in the tables of the percentiles that it shares the bits found so far with. */
static void key_count(uint32_t key, const uint32_t *found, size_t percent_count, int round, int64_t *bins)
{
    const unsigned shift = ROUND_SHIFT[round], known = shift + ROUND_BITS[round];
    const uint32_t mask = ((uint32_t)1 << ROUND_BITS[round]) - 1;
    for (size_t p = 0; p < percent_count; p++)
        if (key >> known == found[p] >> known)
            bins[p * BINS_MOST + (key >> shift & mask)]++;
}

/* In the first round no bit is known: a table a group is enough for all its percentiles. */
static void count_local(const struct order_keys *keys, const uint32_t *found, size_t percent_count, int round,
                        int64_t *bins)
{
    size_t next = 0;
    for (size_t i = 0; i < keys->count; i++) {
        const size_t group = keys->groups ? (size_t)keys->groups[i] : next;
        next = next + 1 < keys->group_count ? next + 1 : 0;  // i % group_count without a division
        if (round == 0)
            bins[group * BINS_MOST + (keys->keys[i] >> ROUND_SHIFT[0])]++;
        else
            key_count(keys->keys[i], found + group * percent_count, percent_count, round,
                      bins + group * percent_count * BINS_MOST);
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
        const size_t tables = round == 0 ? keys->group_count : wanted;
        memset(bins, 0, tables * BINS_MOST * sizeof *bins);
        count_local(keys, found, percent_count, round, bins);
        team_sum_i64(team, bins, tables * BINS_MOST);
        for (size_t at = 0; at < wanted; at++) {
            const int64_t *table = bins + (round == 0 ? at / percent_count : at) * BINS_MOST;
            if (round == 0)
                ranks[at] = first_rank(table, percents[at % percent_count]);
            // A group without keys keeps rank 0 and stops at the first bin of each round.
            narrow(table, round, &ranks[at], &found[at]);
        }
    }
done:
    free(ranks);
    free(bins);
    return status;
}
