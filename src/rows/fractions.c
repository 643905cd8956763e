/* The features of a row: what is divided by what. */
#include "internal.h"

#include "base/exact.h"

#include <string.h>

/* A row's features as fractions, before they become values. */
struct fraction {
    double num, den;
};

static int64_t active_units(const struct row_context *context, int64_t *peak)
{
    const struct day_table *table = context->table;
    const uint32_t *units = &table->row_unit_queries[context->row * table->unit_count];
    int64_t active = 0;
    *peak = 0;
    for (size_t u = 0; u < table->unit_count; u++) {
        active += units[u] > 0;
        if (units[u] > *peak)
            *peak = units[u];
    }
    return active;
}

/* (n·log2 n − Σ c·log2 c)/n, as a share of the largest that so many domains allow. */
static struct fraction domain_entropy(int64_t queries, int64_t domains, int64_t clog)
{
    double bits = (double)(queries * fixed_log2((uint64_t)queries) - clog) * 0x1p-32 / (double)queries;
    return (struct fraction){bits > 0 ? bits : 0, exact_log2(1 + (double)domains)};
}

static void full_fractions(const struct row_context *context, struct fraction out[FULL_FEATURES])
{
    const struct day_table *t = context->table;
    const size_t i = context->row;
    int64_t peak = 0;
    const int64_t active = active_units(context, &peak);
    const double n = (double)t->row_queries[i];
    const struct fraction fractions[FULL_FEATURES] = {
        [FULL_QUERIES] = {n, 1},
        [FULL_ACTIVE_TIME] = {(double)active, (double)t->row_units[i]},
        [FULL_PEAK_UNIT] = {(double)peak, n},
        [FULL_TYPE_A] = {(double)t->row_type_a[i], n},
        [FULL_TYPE_AAAA] = {(double)t->row_type_aaaa[i], n},
        [FULL_TYPE_PTR] = {(double)t->row_type_ptr[i], n},
        [FULL_TYPE_TXT] = {(double)t->row_type_txt[i], n},
        [FULL_TYPE_NULL] = {(double)t->row_type_null[i], n},
        [FULL_TYPE_MX] = {(double)t->row_type_mx[i], n},
        [FULL_TYPE_SRV] = {(double)t->row_type_srv[i], n},
        [FULL_TYPE_HTTPS] = {(double)t->row_type_https[i], n},
        [FULL_TYPE_OTHER] = {(double)t->row_type_other[i], n},
        [FULL_NAMES] = {(double)t->row_names[i], 1},
        [FULL_DOMAINS] = {(double)t->row_domains[i], 1},
        [FULL_DOMAIN_ENTROPY] = domain_entropy(t->row_queries[i], t->row_domains[i], t->row_domain_clog[i]),
        [FULL_NEW_DOMAINS] = {(double)context->new_queries, n},
        [FULL_SUB_LENGTH_MEAN] = {(double)t->row_sub_bytes[i], n},
        [FULL_SUB_LENGTH_MAX] = {(double)t->row_sub_max[i], 1},
        [FULL_LABEL_LENGTH_MAX] = {(double)t->row_label_max[i], 1},
        [FULL_BIGRAM_LLR] = {(double)t->row_bigram_score[i], 256 * (double)t->row_bigrams[i]},
        [FULL_MIXED_CASE] = {context->mixes_case ? 0 : (double)t->row_mixed[i], n},
        [FULL_ENCODED] = {(double)(context->mixes_case ? context->encoded : t->row_encoded[i]), n},
        [FULL_INFO_BYTES] = {(double)t->row_info_bytes[i], 1},
        [FULL_REPEATED] = {(double)t->row_repeated[i], n},
        [FULL_TOP_DOMAIN] = {(double)t->row_domain_top[i], n},
        [FULL_NIGHT] = {context->is_night, 1},
        [FULL_HOLIDAY] = {context->is_holiday, 1},
        [FULL_NO_EDNS] = {(double)t->row_no_edns[i], n},
        [FULL_ODD_FLAGS] = {(double)t->row_odd_flags[i], n},
        [FULL_RESOLVERS] = {(double)t->row_resolvers[i], 1},
    };
    memcpy(out, fractions, sizeof fractions);
}

static void talk_fractions(const struct row_context *context, struct fraction out[TALK_FEATURES])
{
    const struct day_table *t = context->table;
    const size_t i = context->row;
    int64_t peak = 0;
    const int64_t active = active_units(context, &peak);
    const double n = (double)t->row_queries[i];
    const struct fraction fractions[TALK_FEATURES] = {
        [TALK_QUERIES] = {n, 1},
        [TALK_TYPE_A] = {(double)t->row_type_a[i], n},
        [TALK_TYPE_AAAA] = {(double)t->row_type_aaaa[i], n},
        [TALK_TYPE_PTR] = {(double)t->row_type_ptr[i], n},
        [TALK_TYPE_TXT] = {(double)t->row_type_txt[i], n},
        [TALK_TYPE_NULL] = {(double)t->row_type_null[i], n},
        [TALK_TYPE_MX] = {(double)t->row_type_mx[i], n},
        [TALK_TYPE_SRV] = {(double)t->row_type_srv[i], n},
        [TALK_TYPE_HTTPS] = {(double)t->row_type_https[i], n},
        [TALK_TYPE_OTHER] = {(double)t->row_type_other[i], n},
        [TALK_WORKDAY] = {!context->is_holiday, 1},
        [TALK_HOLIDAY] = {context->is_holiday, 1},
        [TALK_DAY] = {!context->is_night, 1},
        [TALK_NIGHT] = {context->is_night, 1},
        [TALK_ACTIVE_TIME] = {(double)active, (double)t->row_units[i]},
    };
    memcpy(out, fractions, sizeof fractions);
}

/* The grid of the raw scaling: counts and flags are exact, ratios rounded to 2^-12. */
static int64_t raw_of(const struct feature_info *info, struct fraction fraction)
{
    int64_t num = (int64_t)fraction.num, den = (int64_t)fraction.den;
    if (info->how != FEATURE_RATIO)
        return num * 4096;
    return den ? (num * 4096 + den / 2) / den : 0;
}

static float shown_of(const struct feature_info *info, struct fraction fraction)
{
    bool divides = info->how == FEATURE_SHARE || info->how == FEATURE_RATIO;
    if (!divides)
        return (float)fraction.num;
    return fraction.den != 0 ? (float)(fraction.num / fraction.den) : 0;
}

/* A numerator is no more than the row's queries, whatever the tables beside it say. */
static union row_value value_of(const struct feature_info *info, struct fraction fraction, int64_t queries)
{
    if (info->how != FEATURE_SHARE)
        return (union row_value){.value = feature_value(info, fraction.num, fraction.den, 0)};
    return (union row_value){.numerator =
                                 (uint32_t)(fraction.num < (double)queries ? fraction.num : (double)queries)};
}

void row_fill(struct rows *rows, size_t row, const struct row_context *context)
{
    struct fraction talk[TALK_FEATURES], fractions[FEATURES_MOST];
    union row_value *values = rows->values + row * rows->columns;
    float *shown = rows->shown + row * rows->columns;
    talk_fractions(context, talk);
    for (size_t f = 0; f < TALK_FEATURES; f++)
        rows->raw[row * TALK_FEATURES + f] = raw_of(feature_info(FEATURE_SET_TALK, f), talk[f]);
    if (rows->set == FEATURE_SET_TALK)
        memcpy(fractions, talk, sizeof talk);
    else
        full_fractions(context, fractions);
    for (size_t f = 0; f < rows->columns; f++) {
        const struct feature_info *info = feature_info(rows->set, f);
        shown[f] = shown_of(info, fractions[f]);
        values[f] = value_of(info, fractions[f], rows->items[row].queries);
    }
}
