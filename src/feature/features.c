/* The models' features: the two sets, and how a value is made of raw integers. */
#include "feature/feature.h"

#include "base/exact.h"
#include "base/hash.h"

#include <math.h>
#include <stdio.h>

/* A share of few queries jumps; it is drawn to the mean as if by this many queries more. */
#define PRIOR_QUERIES 4.0

/* Counts up when the same line of features.def comes to mean other numbers: a formula of table/ or feature/.
 */
#define FORMULAS_VERSION 2

#define X(NAME, name, unit, how, transform, floor, text)                                                     \
    {#name, unit, FEATURE_##how, FEATURE_##transform, floor, text},

static const struct feature_info FULL[FULL_FEATURES] = {
#define FEATURES_FULL
#include "feature/features.def"
#undef FEATURES_FULL
};

static const struct feature_info TALK[TALK_FEATURE_COUNT] = {
#define FEATURES_TALK
#include "feature/features.def"
#undef FEATURES_TALK
};

#undef X

_Static_assert(FULL_FEATURES <= FEATURES_MOST, "a set has at most FEATURES_MOST features");
_Static_assert(TALK_FEATURE_COUNT == TALK_FEATURES, "the talk's set has 15 columns");

size_t feature_count(enum job_feature_set set)
{
    return set == FEATURE_SET_TALK ? TALK_FEATURES : FULL_FEATURES;
}

const struct feature_info *feature_info(enum job_feature_set set, size_t at)
{
    return set == FEATURE_SET_TALK ? &TALK[at] : &FULL[at];
}

uint64_t feature_definition(enum job_feature_set set, size_t at)
{
    const struct feature_info *info = feature_info(set, at);
    char text[256];
    // %a: a floor as it is, not as it is rounded.
    const int length = snprintf(text, sizeof text, "%d %s %s %d %d %a", FORMULAS_VERSION, info->name,
                                info->unit, (int)info->how, (int)info->transform, info->floor);
    return content_hash(text, length < (int)sizeof text ? (size_t)length : sizeof text - 1);
}

float feature_value(const struct feature_info *info, double num, double den, double prior)
{
    double value = num;
    if (info->how == FEATURE_SHARE)
        value = (num + PRIOR_QUERIES * prior) / (den + PRIOR_QUERIES);
    else if (info->how == FEATURE_RATIO)
        value = den != 0 ? num / den : 0;
    if (info->transform == FEATURE_ROOT)
        value = sqrt(value);
    else if (info->transform == FEATURE_LOG)
        value = exact_log2(1 + value);
    return (float)value;
}
