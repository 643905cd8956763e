/** Sums of 128 bits, over ranks too: four limbs of 32 bits travel as int64, whose sums fit up to 2^31 ranks.
 */
#ifndef MODEL_WIDE_H
#define MODEL_WIDE_H

#include "parallel/parallel.h"

/* 128-bit integers are an extension of gcc and clang, which is what quern is built with. */
__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

#define WIDE_LIMBS 4

/** Cuts a number into limbs, least first; the last one carries the sign. Local. */
void wide_split(int128 value, int64_t limbs[WIDE_LIMBS]);

/** Puts limbs together again, also after they were added up. Local. */
int128 wide_join(const int64_t limbs[WIDE_LIMBS]);

/**
 * Adds `count` numbers over the ranks, in place. Collective.
 *
 * @return STATUS_NO_MEMORY, agreed on
 */
MUST_CHECK enum status wide_sum(const struct team *team, int128 *values, size_t count, struct error *err);

/** Returns Σ/n rounded to the nearest, halves away from 0; n > 0: the best integer centre of n rows. Local.
 */
int64_t wide_round_mean(int128 sum, int64_t count);

/** Returns the number as a double, rounded once below 2^64 and by two exact parts above. Local. */
double wide_double(int128 value);

#endif
