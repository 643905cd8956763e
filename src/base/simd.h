/**
 * Which instructions a kernel may use: chosen when the program runs, so that one build is right on every
 * x86-64.
 *
 * A kernel is one C text that is compiled for each level and gives the same bits on all of them. Its files
 * are KERNEL_plain.c, KERNEL_avx2.c, KERNEL_avx512.c (and _vnni.c): the end of a file's name chooses the
 * instructions (src/rooms.cmake), and a room looks the kernel up once by simd_level.
 *
 *     plain    what every x86-64 has, and every other machine
 *     avx2     AVX2, FMA, BMI, BMI2
 *     avx512   those, and AVX-512 F, BW, DQ, VL
 *
 * QUERN_SIMD=plain|avx2|avx512 in the environment forces a level, for tests and comparisons.
 */
#ifndef BASE_SIMD_H
#define BASE_SIMD_H

#include "base/error.h"

#include <stdbool.h>

enum simd_level { SIMD_PLAIN, SIMD_AVX2, SIMD_AVX512, SIMD_LEVELS };

/** Returns the widest level that this machine and QUERN_SIMD allow; a word it does not know forbids nothing
 * (simd_check tells). Local. */
enum simd_level simd_level(void);

/** Returns whether AVX-512's 16-bit dot products (VNNI) may be used: the level is avx512, and it has them.
 * Local. */
bool simd_has_vnni(void);

/** Returns a level's name. Borrowed, static storage. Local. */
const char *simd_name(enum simd_level level);

/**
 * Checks QUERN_SIMD. Local.
 *
 * @return  STATUS_USAGE when it is no level's name, or a level that this machine does not have
 */
MUST_CHECK enum status simd_check(struct error *err);

#endif
