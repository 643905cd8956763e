/* Rule 1: the cache hit ratio falls. A query log shows no hits: a query counts as one when somebody had asked
 * the same resolver for the same name and type earlier in the same 300 s. PTR is apart, since who sweeps
 * addresses never hits. A host that always looks like this has a low ratio of its own and stays silent. */
#include "rules.h"

#include <stdlib.h>

/* Other days whose ratio is known, and how many deviations of chance the day must be away: 6. */
#define RATIO_DAYS 3
#define DEVIATIONS 6.0

/* So many names of the day under one domain say who caused it. */
#define NAMES_LEAST 100

struct ratio {
    int64_t hits, queries;
};

static int compare_ratios(const void *a, const void *b)
{
    const struct ratio *x = a, *y = b;
    const __int128 left = (__int128)x->hits * y->queries, right = (__int128)y->hits * x->queries;
    return (left > right) - (left < right);
}

static bool is_holiday(const struct search *search, int64_t day)
{
    return search->days[day_index(search, day)].is_holiday;
}

/* The median of the days of the same kind, working or free, of the 30 before day `d`: on a holiday fewer
 * others ask first. False when too few are known. */
static bool usual_ratio(const struct search *search, const struct host_view *host, size_t d, int64_t least,
                        struct ratio *usual)
{
    struct ratio ratios[PAST_DAYS];
    size_t count = 0;
    const bool kind = is_holiday(search, host->days[d].day);
    for (size_t past = d; past-- > 0 && host->days[past].day > host->days[d].day - PAST_DAYS;)
        if (host->days[past].plain_queries >= least && is_holiday(search, host->days[past].day) == kind)
            ratios[count++] = (struct ratio){host->days[past].plain_repeated, host->days[past].plain_queries};
    if (count < RATIO_DAYS)
        return false;
    qsort(ratios, count, sizeof *ratios, compare_ratios);
    *usual = ratios[(count - 1) / 2];
    return true;
}

/* Whether so few hits are no chance: (h0·n − hits)² > 36·n·h0·(1 − h0). */
static bool is_no_chance(const struct host_record *day, const struct ratio *usual)
{
    const double ratio = (double)usual->hits / (double)usual->queries, queries = (double)day->plain_queries;
    const double fall = ratio * queries - (double)day->plain_repeated;
    return fall > 0 && fall * fall > DEVIATIONS * DEVIATIONS * queries * ratio * (1 - ratio);
}

/* The rare domain with the most names of the day, when these explain it. */
static void domain_add(const struct host_view *host, struct evidence *about)
{
    int64_t most = NAMES_LEAST - 1;
    const struct pair_view *found = NULL;
    for (size_t p = 0; p < host->pair_count; p++)
        for (size_t d = 0; d < host->pairs[p].day_count; d++)
            if (host->pairs[p].days[d].day == about->day && (int64_t)host->pairs[p].days[d].names > most) {
                most = host->pairs[p].days[d].names;
                found = &host->pairs[p];
            }
    if (!found)
        return;
    about->domain = found->domain;
    for (size_t i = 0; i < found->name_count; i++)
        if (found->names[i].day == about->day)
            evidence_add_name(about, found->names[i].name);
}

enum status cache_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    const struct job *job = search->plan->job;
    // How many times the usual ratio is the day's, in %, at the least: 1/share.
    const int64_t least = job->rule_cache_share > 0 ? 100000000 / job->rule_cache_share : INT64_MAX;
    for (size_t d = 0; d < host->day_count; d++) {
        const struct host_record *day = &host->days[d];
        struct evidence about = {.ip = host->ip, .day = day->day};
        struct ratio usual;
        if (day->plain_queries < job->rule_cache_queries ||
            !usual_ratio(search, host, d, job->rule_cache_queries, &usual) || !is_no_chance(day, &usual))
            continue;
        const int64_t hits = day->plain_repeated > 0 ? day->plain_repeated : 1;
        const double percent = 100.0 * ((double)usual.hits / (double)usual.queries) *
                               ((double)day->plain_queries / (double)hits);
        const int64_t value = (int64_t)percent;
        if (value < least)
            continue;
        domain_add(host, &about);
        TRY(evidence_add_over(search, &about, MECHANISM_CACHE_FALL, (int64_t[WINDOWS]){value, 0, 0},
                              (int64_t[WINDOWS]){least, least, least}, err));
    }
done:
    return status;
}
