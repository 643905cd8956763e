/* M3, by letters: domains that look as if they had been drawn by lot, each new to everybody and asked by few.
 * Ten a day drown among the new domains of a day; over days they add up, since hardly any domain that people
 * chose looks so (Yadav et al. 2010, "Detecting algorithmically generated malicious domain names"). */
#include "internal.h"

#include <stdlib.h>

/* Of seven letter pairs or more, on average half a bit more likely in random names than in chosen ones. */
#define PAIRS_LEAST 7
#define SCORE_LEAST 128  // 1/256 bit

/* One in twelve domains that people chose looks so: of what a host meets that is new, a third must. Whoever
 * crawls meets many of both. */
#define RANDOM_PART 3

/* In the store's first days everything is new. */
#define KNOWN_DAYS 3

/* A domain that nobody had asked before. */
static bool is_new(const struct search *search, const struct pair_day *first)
{
    return first->first_day == first->day && !first->is_private &&
           first->day - search->days[0].day >= KNOWN_DAYS;
}

static bool is_random(const struct search *search, const struct pair_day *first)
{
    return is_new(search, first) && first->least_bigrams >= PAIRS_LEAST &&
           first->least_score >= SCORE_LEAST * (int64_t)first->least_bigrams;
}

/* Of a day: domains that were new, and those that look drawn. */
struct drawn {
    int64_t new, random;
};

static void drawn_count(const struct search *search, const struct host_view *host, struct drawn *days)
{
    for (size_t d = 0; d < host->day_count; d++)
        days[d] = (struct drawn){0};
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_day *first = &host->pairs[p].days[0];
        struct drawn *day = &days[host_day_index(host, first->day)];
        day->new += is_new(search, first);
        day->random += is_random(search, first);
    }
}

/* Names of the day's random domains. */
static void names_add(const struct search *search, const struct host_view *host, struct evidence *about)
{
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        if (pair->days[0].day == about->day && is_random(search, &pair->days[0]))
            for (size_t i = 0; i < pair->name_count; i++)
                evidence_add_name(about, pair->names[i].name);
    }
}

enum status drawn_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    struct drawn *days = NULL;
    size_t room = 0;
    TRY(array_reserve(&days, &room, host->day_count + 1, sizeof *days, err));
    drawn_count(search, host, days);
    for (size_t d = 0; d < host->day_count; d++) {
        int64_t all[WINDOWS] = {0}, random[WINDOWS] = {0};
        struct evidence about = {.ip = host->ip, .day = host->days[d].day};
        if (days[d].random == 0)
            continue;
        for (size_t past = 0; past <= d; past++) {
            windows_add(all, days[past].new, host->days[past].day, about.day);
            windows_add(random, days[past].random, host->days[past].day, about.day);
        }
        for (int w = 0; w < WINDOWS; w++)
            random[w] = RANDOM_PART * random[w] >= all[w] ? random[w] : 0;
        names_add(search, host, &about);
        TRY(evidence_add(search, &about, MECHANISM_DRAWN_DOMAINS, random, err));
    }
done:
    free(days);
    return status;
}
