/* Rule 5: type TXT. A mail server asks for many domains' texts once each, a tunnel for many names of one.
 * What services look for in a text (traits.c) is not counted. */
#include "rules.h"

enum status txt_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t hour = search->plan->job->rule_txt_count, day = search->plan->job->rule_txt_day;
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        for (size_t d = 0; d < pair->day_count; d++) {
            struct evidence about = {.ip = host->ip, .domain = pair->domain, .day = pair->days[d].day};
            if (pair->days[d].txt == 0)
                continue;
            for (size_t i = 0; i < pair->name_count; i++)
                if (pair->names[i].day == about.day && pair->names[i].traits & TRAIT_TXT)
                    evidence_add_name(&about, pair->names[i].name);
            TRY(evidence_add_over(search, &about, MECHANISM_TXT_HOUR,
                                  (int64_t[WINDOWS]){pair->days[d].txt_hour, 0, 0},
                                  (int64_t[WINDOWS]){hour, hour, hour}, err));
            TRY(evidence_add_over(search, &about, MECHANISM_TXT_DAY,
                                  (int64_t[WINDOWS]){pair->days[d].txt, 0, 0},
                                  (int64_t[WINDOWS]){day, day, day}, err));
        }
    }
done:
    return status;
}
