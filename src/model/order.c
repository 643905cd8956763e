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

/* In the first round no bit is known: a table a group is enough for all its percentiles. */
static void count_first(const struct order_keys *keys, int64_t *bins)
{
    size_t next = 0;
    for (size_t i = 0; i < keys->count; i++) {
        const size_t group = keys->groups ? (size_t)keys->groups[i] : next;
        next = next + 1 < keys->group_count ? next + 1 : 0;  // i % group_count without a division
        bins[group * BINS_MOST + (keys->keys[i] >> ROUND_SHIFT[0])]++;
    }
}

/* Which table of its group a key goes to, by its first bits: that of the first percentile that lies among
 * them, or the one behind them all, which nobody reads. A key takes no branch here: four of ten keys lie in
 * some percentile's bin, which no processor can foresee. */
static void slots_make(const uint32_t *found, size_t group_count, size_t percent_count, uint8_t *slots)
{
    memset(slots, (int)percent_count, group_count * BINS_MOST);
    for (size_t group = 0; group < group_count; group++)
        for (size_t p = percent_count; p-- > 0;)
            slots[group * BINS_MOST + (found[group * percent_count + p] >> ROUND_SHIFT[0])] = (uint8_t)p;
}

static void count_second(const struct order_keys *keys, const uint8_t *slots, size_t percent_count,
                         int64_t *bins)
{
    int64_t unread[BINS_MOST] = {0};
    const uint32_t mask = ((uint32_t)1 << ROUND_BITS[1]) - 1;
    size_t next = 0;
    for (size_t i = 0; i < keys->count; i++) {
        const size_t group = keys->groups ? (size_t)keys->groups[i] : next;
        const uint32_t key = keys->keys[i];
        const size_t slot = slots[group * BINS_MOST + (key >> ROUND_SHIFT[0])];
        int64_t *table = slot < percent_count ? bins + (group * percent_count + slot) * BINS_MOST : unread;
        next = next + 1 < keys->group_count ? next + 1 : 0;
        table[key >> ROUND_SHIFT[1] & mask]++;
    }
}

/* Hardly any key has the 22 bits that are known now. */
static void count_third(const struct order_keys *keys, const uint32_t *found, size_t percent_count,
                        int64_t *bins)
{
    const unsigned known = ROUND_BITS[2];
    const uint32_t mask = ((uint32_t)1 << known) - 1;
    size_t next = 0;
    for (size_t i = 0; i < keys->count; i++) {
        const size_t group = keys->groups ? (size_t)keys->groups[i] : next;
        const uint32_t key = keys->keys[i], *wanted = found + group * percent_count;
        uint32_t any = 0;
        next = next + 1 < keys->group_count ? next + 1 : 0;
        for (size_t p = 0; p < percent_count; p++)
            any |= (uint32_t)(key >> known == wanted[p] >> known);
        for (size_t p = 0; any && p < percent_count; p++)
            if (key >> known == wanted[p] >> known)
                bins[(group * percent_count + p) * BINS_MOST + (key & mask)]++;
    }
}

/* The table that a percentile is looked up in: two in the same bin share one in the second round. */
static size_t table_of(const uint8_t *slots, const uint32_t *found, size_t percent_count, size_t at,
                       int round)
{
    const size_t group = at / percent_count;
    return round == 0   ? group
           : round == 1 ? group * percent_count + slots[group * BINS_MOST + (found[at] >> ROUND_SHIFT[0])]
                        : at;
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
    uint8_t *slots = malloc(keys->group_count * BINS_MOST + 1);
    TRY(team_agree(team,
                   bins && ranks && slots ? STATUS_OK
                                          : error_set(err, STATUS_NO_MEMORY, "model", "",
                                                      "no room for %zu tables of counts", wanted),
                   err));
    assert(bins && ranks && slots && percent_count < 256);
    memset(found, 0, wanted * sizeof *found);
    for (int round = 0; round < ROUNDS; round++) {
        const size_t tables = round == 0 ? keys->group_count : wanted;
        memset(bins, 0, tables * BINS_MOST * sizeof *bins);
        if (round == 0)
            count_first(keys, bins);
        if (round == 1) {
            slots_make(found, keys->group_count, percent_count, slots);
            count_second(keys, slots, percent_count, bins);
        }
        if (round == 2)
            count_third(keys, found, percent_count, bins);
        team_sum_i64(team, bins, tables * BINS_MOST);
        for (size_t at = 0; at < wanted; at++) {
            const int64_t *table = bins + table_of(slots, found, percent_count, at, round) * BINS_MOST;
            if (round == 0)
                ranks[at] = first_rank(table, percents[at % percent_count]);
            // A group without keys keeps rank 0 and stops at the first bin of each round.
            narrow(table, round, &ranks[at], &found[at]);
        }
    }
done:
    free(slots);
    free(ranks);
    free(bins);
    return status;
}
