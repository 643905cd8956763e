/* M5 against others: a rare domain that a day worker's host asks in hours in which hosts of its role rest,
 * and hardly ever else. An intruder who was there before the logs began, and asks for everybody's names as
 * well, leaves his host no quiet hour of its own; everybody else's nights are quiet still. */
#include "internal.h"

/* Of the pair's hours, 9 in 10 are such hours; of the host's own, half or less: a backup or a night shift
 * lives in them. */
#define OFF_OF_10 9
#define OWN_PART 2

/* The host's hours for common domains, in the 30 days to host->days[d]: in off hours, and in all. */
static bool works_by_day(const struct search *search, const struct host_view *host, size_t d)
{
    int64_t off = 0, all = 0;
    for (size_t past = host_day_index(host, host->days[d].day - PAST_DAYS + 1); past <= d; past++) {
        const uint32_t rest = search->rest_hours[day_index(search, host->days[past].day)][host->role];
        off += __builtin_popcount(host->days[past].common_hours & rest);
        all += __builtin_popcount(host->days[past].common_hours);
    }
    return OWN_PART * off <= all && all > 0;
}

static enum status pair_judge(struct search *search, const struct host_view *host,
                              const struct pair_view *pair, size_t d, struct error *err)
{
    int64_t off[WINDOWS] = {0}, all[WINDOWS] = {0};
    struct evidence about = {.ip = host->ip, .domain = pair->domain, .day = pair->days[d].day};
    for (size_t past = 0; past <= d; past++) {
        const struct pair_day *then = &pair->days[past];
        const uint32_t rest = search->rest_hours[day_index(search, then->day)][host->role];
        windows_add(off, __builtin_popcount(then->hours & rest), then->day, about.day);
        windows_add(all, __builtin_popcount(then->hours), then->day, about.day);
    }
    for (int w = 0; w < WINDOWS; w++)
        off[w] = 10 * off[w] >= OFF_OF_10 * all[w] ? off[w] : 0;
    if (off[WINDOWS - 1] < mechanism_info(MECHANISM_OFF_HOURS)->thresholds[0] ||
        !works_by_day(search, host, host_day_index(host, about.day)))
        return STATUS_OK;
    for (size_t i = 0; i < pair->name_count && pair->names[i].day <= about.day; i++)
        if (pair->names[i].day > about.day - PAST_DAYS)
            evidence_add_name(&about, pair->names[i].name);
    return evidence_add(search, &about, MECHANISM_OFF_HOURS, off, err);
}

enum status off_hours_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    if (host->role != ROLE_CLIENT)
        return STATUS_OK;
    for (size_t p = 0; p < host->pair_count; p++)
        for (size_t d = 0; d < host->pairs[p].day_count && !host->pairs[p].days[0].is_zone; d++)
            TRY(pair_judge(search, host, &host->pairs[p], d, err));
done:
    return status;
}
