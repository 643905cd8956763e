/* Rule 1: the cache hit ratio falls. A query log shows no hits: a query counts as one when somebody had asked
 * the same resolver for the same name and type earlier in the same 300 s. PTR is apart, since who sweeps
 * addresses never hits. A host that always looks like this has a low ratio of its own and stays silent.
 *
 * Each resolver has a cache of its own, and one that few ask knows little: a host that goes to its second
 * resolver hits less there, though it asks as ever. So a window is compared with windows in which the host
 * asked the same resolvers. How often it hits is known by window, not by query, so windows with several are a
 * kind of their own. */
#include "rules.h"

#include <stdlib.h>

/* Other days whose ratio is known, and how many deviations of chance the day must be away: 6. */
#define RATIO_DAYS 3
#define DEVIATIONS 6.0

/* So many names of the day under one domain say who caused it. */
#define NAMES_LEAST 100

/* Of the queries of a day that the rule asks for, so many parts in which a past day tells a ratio. */
#define PAST_PART 4

static int compare_ratios(const void *a, const void *b)
{
    const struct ratio_day *const *x = a, *const *y = b;
    const __int128 left = (__int128)(*x)->hits * (*y)->queries, right = (__int128)(*y)->hits * (*x)->queries;
    return (left > right) - (left < right);
}

static bool is_holiday(const struct search *search, int64_t day)
{
    return search->days[day_index(search, day)].is_holiday;
}

/* The median of the days of the same kind, working or free, and by the same resolvers, of the 30 before that
 * of host->ratios[r]: on a holiday fewer others ask first. NULL when too few are known. */
static const struct ratio_day *usual_ratio(const struct search *search, const struct host_view *host,
                                           size_t r)
{
    const struct ratio_day *ratios[PAST_DAYS], *now = &host->ratios[r];
    const int64_t least = search->plan->job->rule_cache_queries / PAST_PART;
    const bool kind = is_holiday(search, now->day);
    size_t count = 0;
    for (size_t past = r; past-- > 0 && host->ratios[past].day > now->day - PAST_DAYS;) {
        const struct ratio_day *then = &host->ratios[past];
        if (then->day < now->day && then->resolvers == now->resolvers && then->queries > 0 &&
            then->queries >= least && is_holiday(search, then->day) == kind && count < PAST_DAYS)
            ratios[count++] = then;
    }
    if (count < RATIO_DAYS)
        return NULL;
    qsort(ratios, count, sizeof(ratios[0]), compare_ratios);
    return ratios[(count - 1) / 2];
}

/* What was asked of resolvers whose usual ratio is known, and how much of it hit as usual and in truth. */
struct fall {
    int64_t queries, hits;
    double usual_hits, variance;  // n·h0 and n·h0·(1 − h0), added up
};

static void fall_add(struct fall *fall, const struct ratio_day *now, const struct ratio_day *usual)
{
    const double ratio = (double)usual->hits / (double)usual->queries;
    fall->queries += now->queries;
    fall->hits += now->hits;
    fall->usual_hits += ratio * (double)now->queries;
    fall->variance += ratio * (double)now->queries * (1 - ratio);
}

/* Whether so few hits are no chance: (n·h0 − hits)² > 36·n·h0·(1 − h0). */
static bool is_no_chance(const struct fall *fall)
{
    const double lost = fall->usual_hits - (double)fall->hits;
    return lost > 0 && lost * lost > DEVIATIONS * DEVIATIONS * fall->variance;
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

static enum status day_judge(struct search *search, const struct host_view *host, size_t from, size_t to,
                             struct error *err)
{
    enum status status = STATUS_OK;
    const struct job *job = search->plan->job;
    // How many times the usual ratio is the day's, in %, at the least: 1/share.
    const int64_t least = job->rule_cache_share > 0 ? 100000000 / job->rule_cache_share : INT64_MAX;
    struct evidence about = {.ip = host->ip, .day = host->ratios[from].day};
    struct fall fall = {0};
    for (size_t r = from; r < to; r++) {
        const struct ratio_day *usual = usual_ratio(search, host, r);
        if (usual)
            fall_add(&fall, &host->ratios[r], usual);
    }
    if (fall.queries < job->rule_cache_queries || !is_no_chance(&fall))
        return STATUS_OK;
    const int64_t value = (int64_t)(100 * fall.usual_hits / (double)(fall.hits > 0 ? fall.hits : 1));
    if (value < least)
        return STATUS_OK;
    domain_add(host, &about);
    TRY(evidence_add_over(search, &about, MECHANISM_CACHE_FALL, (int64_t[WINDOWS]){value, 0, 0},
                          (int64_t[WINDOWS]){least, least, least}, err));
done:
    return status;
}

enum status cache_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t from = 0, to = 0; from < host->ratio_count; from = to) {
        while (to < host->ratio_count && host->ratios[to].day == host->ratios[from].day)
            to++;
        TRY(day_judge(search, host, from, to, err));
    }
done:
    return status;
}
