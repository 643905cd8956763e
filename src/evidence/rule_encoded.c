/* Rule 7: hex, base32, base64 or 8-bit data in names. On a day, and for slow ones over 5 and 30 days; or much
 * data, in however few names. */
#include "rules.h"

#include <stdlib.h>

/* Over 5 days three times the names of a day. */
#define FIVE_DAYS 3

static enum status pair_judge(struct search *search, const struct host_view *host,
                              const struct pair_view *pair, struct error *err)
{
    enum status status = STATUS_OK;
    const struct job *job = search->plan->job;
    const int64_t least[WINDOWS] = {job->rule_encoded_names, FIVE_DAYS * job->rule_encoded_names,
                                    job->rule_encoded_month};
    const int64_t much[WINDOWS] = {job->rule_encoded_much, job->rule_encoded_much, job->rule_encoded_much};
    struct trait_name *names = NULL;
    size_t count = 0;
    TRY(trait_names_find(pair, TRAIT_ENCODED, &names, &count, err));
    for (size_t d = 0; d < pair->day_count && count > 0; d++) {
        int64_t counts[WINDOWS] = {0}, bytes[WINDOWS] = {0};
        struct evidence about = {.ip = host->ip, .domain = pair->domain, .day = pair->days[d].day};
        trait_windows(names, count, about.day, counts, bytes, &about);
        for (int w = 0; w < WINDOWS; w++)
            counts[w] = bytes[w] >= job->rule_encoded_bytes ? counts[w] : 0;
        TRY(evidence_add_over(search, &about, MECHANISM_ENCODED_NAMES, counts, least, err));
        TRY(evidence_add_over(search, &about, MECHANISM_ENCODED_BYTES, bytes, much, err));
    }
done:
    free(names);
    return status;
}

enum status encoded_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t p = 0; p < host->pair_count; p++)
        TRY(pair_judge(search, host, &host->pairs[p], err));
done:
    return status;
}
