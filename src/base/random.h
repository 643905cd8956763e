/**
 * Random numbers by counter: a number is a function of (seed, what it is for, round, index) and of nothing
 * else, so it does not matter which rank asks, in which order, or how often.
 *
 * Philox4x32-10 of Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

/** What a random number is for. On disk by way of the results: append only. */
enum random_purpose {
    RANDOM_KMEANS_SEED = 1,
    RANDOM_WEIGHTS = 2,
    RANDOM_DEAL = 3,
    RANDOM_EPOCH = 4,
    RANDOM_BENCH = 5,
    RANDOM_KMEANS_DRAW = 6,
    RANDOM_LANDMARK = 7,
    RANDOM_REFERENCE = 8,
    RANDOM_SYNTH = 9,
};

/** Philox4x32-10: the counter's four words become four random words under the key. Local. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/** Returns 64 random bits for (seed, purpose, round, index). Local. */
uint64_t random_u64(uint64_t seed, enum random_purpose purpose, uint32_t round, uint64_t index);

/** Returns random_u64 as a number in [0, 1) with 53 bits. Local. */
double random_unit(uint64_t seed, enum random_purpose purpose, uint32_t round, uint64_t index);

/**
 * Returns where `index` goes in a keyed permutation of 0 … count - 1. Local.
 *
 * A balanced Feistel network of 6 rounds on 2·⌈bits/2⌉ bits, walked until the result is below `count`: at
 * most 4 steps on average.
 *
 * @param key    the permutation's name, such as random_u64(seed, RANDOM_EPOCH, epoch, stripe)
 * @param count  more than `index`
 */
uint64_t random_place(uint64_t key, uint64_t index, uint64_t count);

#endif
