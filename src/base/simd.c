#include "base/simd.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE "QUERN_SIMD"

static const char *const NAMES[SIMD_LEVELS] = {"plain", "avx2", "avx512"};

/* The compiler's functions look at the operating system's part too: whether it saves the wide registers. */
static enum simd_level machine_level(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2"))
        return SIMD_PLAIN;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return SIMD_AVX512;
    return SIMD_AVX2;
#else
    return SIMD_PLAIN;
#endif
}

/* The level that the environment names, or SIMD_LEVELS. */
static enum simd_level wanted_level(const char *word)
{
    int level = 0;
    while (level < SIMD_LEVELS && strcmp(word, NAMES[level]) != 0)
        level++;
    return (enum simd_level)level;
}

enum simd_level simd_level(void)
{
    const char *word = getenv(VARIABLE);
    const enum simd_level machine = machine_level(), wanted = word ? wanted_level(word) : SIMD_LEVELS;
    return wanted < machine ? wanted : machine;
}

bool simd_has_vnni(void)
{
#if defined(__x86_64__)
    return simd_level() == SIMD_AVX512 && __builtin_cpu_supports("avx512vnni");
#else
    return false;
#endif
}

const char *simd_name(enum simd_level level)
{
    return NAMES[level];
}

enum status simd_check(struct error *err)
{
    const char *word = getenv(VARIABLE);
    if (!word || !*word)
        return STATUS_OK;
    const enum simd_level wanted = wanted_level(word);
    if (wanted == SIMD_LEVELS)
        return error_set(err, STATUS_USAGE, VARIABLE, "plain, avx2 and avx512 are levels",
                         "\"%.40s\" is no level of instructions", word);
    if (wanted > machine_level())
        return error_set(err, STATUS_USAGE, VARIABLE, "unset it, or name a level that this machine has",
                         "this machine has no %s, only %s", word, NAMES[machine_level()]);
    return STATUS_OK;
}
