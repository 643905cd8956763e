/* M4 at any hour: a domain that nobody had asked, and that a host which is known for days begins to ask by
 * the clock. Where a host never rests there is no quiet hour, and a beacon of working hours avoids them: what
 * is left is that it is regular, and that it began. What was there when its host was first seen is inventory.
 */
#include "internal.h"

/* The host is known for so long before the pair begins, and nobody asked for the domain in that time. */
#define KNOWN_DAYS 3

/* A program that many install is news of the day; few hosts have one intruder. */
#define CLOCK_REACH 3

static bool is_news(const struct host_view *host, const struct pair_view *pair)
{
    const struct pair_day *first = &pair->days[0];
    return first->first_day >= host->days[0].day + KNOWN_DAYS;
}

enum status new_clock_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        struct evidence names = {0};
        if (!is_news(host, pair))
            continue;
        for (size_t i = 0; i < pair->name_count; i++)
            evidence_add_name(&names, pair->names[i].name);
        for (size_t d = 0; d < pair->day_count; d++) {
            int64_t hours[WINDOWS] = {0};
            struct evidence about = names;
            if (!pair->days[d].is_regular || pair->days[d].reach > CLOCK_REACH)
                continue;
            about.ip = host->ip;
            about.domain = pair->domain;
            about.day = pair->days[d].day;
            for (size_t past = 0; past <= d; past++)
                if (pair->days[past].is_regular)
                    windows_add(hours, __builtin_popcount(pair->days[past].hours), pair->days[past].day,
                                about.day);
            TRY(evidence_add(search, &about, MECHANISM_NEW_CLOCK, hours, err));
        }
    }
done:
    return status;
}
