/* Rule 4: types NULL and PRIVATE. RFC 1035 calls NULL an experiment, and nothing in common use asks for it;
 * tunnels try both before all others, since an answer of these types carries the most. Scanners and test
 * suites ask once or twice. */
#include "internal.h"

/* PRIVATE has no use but this one: enough for the gravest verdict by itself. */
#define PRIVATE_BITS 3

enum status null_types_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t null = search->plan->job->rule_null_count, private = search->plan->job->rule_null_private;
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        for (size_t d = 0; d < pair->day_count; d++) {
            const struct pair_day *day = &pair->days[d];
            struct evidence about = {.ip = host->ip, .domain = pair->domain, .day = day->day};
            if (day->null + day->private == 0)
                continue;
            for (size_t i = 0; i < pair->name_count; i++)
                if (pair->names[i].day == about.day)
                    evidence_add_name(&about, pair->names[i].name);
            TRY(evidence_add_over(search, &about, MECHANISM_NULL_TYPE, (int64_t[WINDOWS]){day->null, 0, 0},
                                  (int64_t[WINDOWS]){null, null, null}, err));
            about.bits = PRIVATE_BITS;
            TRY(evidence_add_over(search, &about, MECHANISM_PRIVATE_TYPE,
                                  (int64_t[WINDOWS]){day->private, 0, 0},
                                  (int64_t[WINDOWS]){private, private, private}, err));
        }
    }
done:
    return status;
}
