/* Rule 6: names with 63 bytes or more before their domain, or a label of 63. Tunnels cut labels at 57, 60 or
 * 63 (iodine, dnscat2, dns2tcp), so the whole part before the domain tells, not the label. */
#include "rules.h"

#include <stdlib.h>

static enum status trait_judge(struct search *search, const struct host_view *host,
                               const struct pair_view *pair, unsigned trait, enum mechanism mechanism,
                               int64_t least, struct error *err)
{
    enum status status = STATUS_OK;
    struct trait_name *names = NULL;
    size_t count = 0;
    TRY(trait_names_find(pair, trait, &names, &count, err));
    for (size_t d = 0; d < pair->day_count && count > 0; d++) {
        int64_t counts[WINDOWS] = {0}, bytes[WINDOWS] = {0};
        struct evidence about = {.ip = host->ip, .domain = pair->domain, .day = pair->days[d].day};
        trait_windows(names, count, about.day, counts, bytes, &about);
        // A rule of the day: over a month everybody meets a few of them.
        TRY(evidence_add_over(search, &about, mechanism, (int64_t[WINDOWS]){counts[0], 0, 0},
                              (int64_t[WINDOWS]){least, least, least}, err));
    }
done:
    free(names);
    return status;
}

enum status long_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t p = 0; p < host->pair_count; p++) {
        TRY(trait_judge(search, host, &host->pairs[p], TRAIT_LONG, MECHANISM_LONG_NAMES,
                        search->plan->job->rule_long_names, err));
        TRY(trait_judge(search, host, &host->pairs[p], TRAIT_FULL_LABEL, MECHANISM_FULL_LABEL, 1, err));
    }
done:
    return status;
}
