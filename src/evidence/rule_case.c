/* Rule 3: upper and lower case mixed in names under one domain, by a host that does not mix the case of all
 * names; and, since most made-up names are in lower case, new domains whose letters look random. */
#include "rules.h"

/* Letter pairs so many times likelier in random names, on average: 2^1. In 1/256 bit. */
#define RANDOM_BITS 256

static enum status pair_judge(struct search *search, const struct host_view *host,
                              const struct pair_view *pair, struct error *err)
{
    enum status status = STATUS_OK;
    const struct job *job = search->plan->job;
    const int64_t least = job->rule_case_names;
    size_t name = 0;
    for (size_t d = 0; d < pair->day_count; d++) {
        struct evidence about = {.ip = host->ip, .domain = pair->domain, .day = pair->days[d].day};
        int64_t mixed = 0;
        for (; name < pair->name_count && pair->names[name].day == about.day; name++)
            if (pair->names[name].traits & TRAIT_MIXED) {
                mixed++;
                evidence_add_name(&about, pair->names[name].name);
            }
        if ((double)mixed * 1e6 < (double)job->rule_case_share * (double)pair->days[d].names)
            continue;
        TRY(evidence_add_over(search, &about, MECHANISM_MIXED_CASE, (int64_t[WINDOWS]){mixed, 0, 0},
                              (int64_t[WINDOWS]){least, least, least}, err));
    }
done:
    return status;
}

/* The domains of a day that nobody had asked for, but for those of clouds. */
static enum status day_judge(struct search *search, const struct host_view *host, int64_t day,
                             struct error *err)
{
    enum status status = STATUS_OK;
    struct evidence about = {.ip = host->ip, .day = day};
    const int64_t least = search->plan->job->rule_case_domains;
    int64_t domains = 0, score = 0, bigrams = 0;
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        const struct pair_day *first = &pair->days[0];
        if (first->day != day || first->first_day != day || first->is_private)
            continue;
        domains++;
        score += first->bigram_score;
        bigrams += first->bigrams;
        for (size_t i = 0; i < pair->name_count && pair->names[i].day == day; i++)
            evidence_add_name(&about, pair->names[i].name);
    }
    if (score > RANDOM_BITS * bigrams)
        TRY(evidence_add_over(search, &about, MECHANISM_RANDOM_DOMAINS, (int64_t[WINDOWS]){domains, 0, 0},
                              (int64_t[WINDOWS]){least, least, least}, err));
done:
    return status;
}

enum status case_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t p = 0; p < host->pair_count; p++)
        TRY(pair_judge(search, host, &host->pairs[p], err));
    for (size_t d = 0; d < host->day_count; d++)
        TRY(day_judge(search, host, host->days[d].day, err));
done:
    return status;
}
