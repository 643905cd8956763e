/* M4 and M5: a rare domain that lives while its host rests. Regularity is not enough, since devices and
 * tickers have it; hours in which nothing else happens are what a person's machine has and its intruder
 * disregards. */
#include "internal.h"

#include <stdlib.h>

/* An hour is quiet when the host was active in it on less than one day in ten. */
#define QUIET_PART 10

/* Days of past before a host's habits are known, and the part of all hours that a life of its own fills: of a
 * printer that asks its vendor and nobody else, no hour is known to be quiet. */
#define HABIT_DAYS 3
#define HABIT_PART 10

/* A pair that begins so long after its host is news, and weighs two doublings more; one that was there on the
 * host's first day is inventory, and weighs as much less. */
#define ONSET_DAYS 3
#define ONSET_BITS 2
#define ONSET_NIGHTS 3

/* M5: of the hours in which the pair lives, 9 in 10 are quiet. */
#define ONLY_OF_10 9

static int64_t bits_set(uint32_t mask)
{
    return __builtin_popcount(mask);
}

uint32_t hours_folded(uint32_t hours)
{
    const uint32_t last = UINT32_C(1) << (HOURS - 1);
    return hours & last ? (hours & ~last) | last >> 1 : hours;
}

size_t host_day_index(const struct host_view *host, int64_t day)
{
    size_t low = 0, high = host->day_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (host->days[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The hours of a day of this kind in which the host rests, by the 30 days to search->days[last]. Activity is
 * what the host asks of domains that are not rare: an intruder's own queries must not make the night a busy
 * time. */
static uint32_t quiet_hours(const struct search *search, const struct host_view *host, size_t last,
                            bool is_holiday)
{
    const int64_t day = search->days[last].day;
    int64_t active[HOURS] = {0}, kind_days = 0, all_days = 0, awake = 0;
    size_t d = host_day_index(host, day - PAST_DAYS + 1);
    for (size_t i = day_index(search, day - PAST_DAYS + 1); i <= last; i++) {
        const int64_t past = search->days[i].day;
        if (past < host->days[0].day)
            continue;
        while (d < host->day_count && host->days[d].day < past)
            d++;
        const bool was_there = d < host->day_count && host->days[d].day == past;
        const uint32_t hours = was_there ? hours_folded(host->days[d].common_hours) : 0;
        all_days++;
        awake += bits_set(hours);
        if (search->days[i].is_holiday != is_holiday)
            continue;
        kind_days++;
        for (int hour = 0; hour < HOURS; hour++)
            active[hour] += hours >> hour & 1;
    }
    uint32_t quiet = 0;
    const bool has_habits = all_days >= HABIT_DAYS && HABIT_PART * awake >= 24 * all_days;
    for (int hour = 0; hour < HOURS - 1 && has_habits; hour++)
        if (QUIET_PART * active[hour] < kind_days)
            quiet |= UINT32_C(1) << hour;
    return quiet | (quiet >> (HOURS - 2) & 1) << (HOURS - 1);
}

/* Adds to quiet[] the hours in which the host rested before the pair began, from the pair's third such night
 * on: an intruder who asks for everybody's names as well makes the nights busy, but not those before him. */
static void onset_hours_add(const struct search *search, const struct host_view *host,
                            const struct pair_view *pair, uint32_t *quiet)
{
    const int64_t onset = pair->days[0].day;
    uint32_t before[2];
    size_t nights = 0;
    if (pair->day_count < ONSET_NIGHTS || onset - host->days[0].day < ONSET_DAYS)
        return;
    const size_t last = day_index(search, onset) - 1;
    for (int kind = 0; kind < 2; kind++)
        before[kind] = quiet_hours(search, host, last, kind);
    for (size_t d = 0; d < pair->day_count && pair->days[d].day < onset + PAST_DAYS; d++) {
        const uint32_t hours = before[search->days[day_index(search, pair->days[d].day)].is_holiday];
        nights += (pair->days[d].hours & hours) != 0;
        for (size_t past = 0; past <= d && nights == ONSET_NIGHTS; past++)
            quiet[past] |= before[search->days[day_index(search, pair->days[past].day)].is_holiday];
        if (nights > ONSET_NIGHTS)
            quiet[d] |= hours;
    }
}

/* Adds what a pair did in quiet hours over the windows that end on day `d` of the pair. */
static enum status pair_judge(struct search *search, const struct host_view *host,
                              const struct pair_view *pair, const uint32_t *quiet, size_t d,
                              struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t day = pair->days[d].day;
    int64_t hours[WINDOWS] = {0}, all[WINDOWS] = {0}, only[WINDOWS];
    struct evidence about = {.ip = host->ip, .domain = pair->domain, .day = day};
    bool regular = false;
    for (size_t past = 0; past <= d; past++) {
        const struct pair_day *then = &pair->days[past];
        if (then->day <= day - PAST_DAYS)
            continue;
        regular = regular || then->is_regular;
        windows_add(hours, bits_set(then->hours & quiet[past]), then->day, day);
        windows_add(all, bits_set(then->hours), then->day, day);
    }
    for (size_t i = 0; i < pair->name_count && pair->names[i].day <= day; i++)
        if (pair->names[i].day > day - PAST_DAYS)
            evidence_add_name(&about, pair->names[i].name);
    const int64_t onset_days = pair->days[0].day - host->days[0].day;
    if (onset_days >= ONSET_DAYS)
        about.bits = ONSET_BITS;
    else if (onset_days == 0)
        about.bits = -ONSET_BITS;
    TRY(evidence_add(search, &about, regular ? MECHANISM_REGULAR : MECHANISM_IRREGULAR, hours, err));
    about.bits = about.bits < 0 ? about.bits : 0;  // the bonus is the beacon's
    for (int w = 0; w < WINDOWS; w++)
        only[w] = 10 * hours[w] >= ONLY_OF_10 * all[w] ? hours[w] : 0;
    TRY(evidence_add(search, &about, MECHANISM_QUIET_ONLY, only, err));
done:
    return status;
}

enum status quiet_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    uint32_t *by_day = NULL, *quiet = NULL;
    size_t by_day_room = 0, quiet_room = 0;
    TRY(array_reserve(&by_day, &by_day_room, host->day_count + 1, sizeof *by_day, err));
    for (size_t d = 0; d < host->day_count; d++) {
        const size_t at = day_index(search, host->days[d].day);
        by_day[d] = quiet_hours(search, host, at, search->days[at].is_holiday);
    }
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        size_t host_day = 0;
        // Of a zone its busy days are known, not its life.
        if (pair->days[0].is_zone)
            continue;
        TRY(array_reserve(&quiet, &quiet_room, pair->day_count + 1, sizeof *quiet, err));
        for (size_t d = 0; d < pair->day_count; d++) {
            while (host->days[host_day].day < pair->days[d].day)
                host_day++;
            quiet[d] = by_day[host_day];
        }
        onset_hours_add(search, host, pair, quiet);
        for (size_t d = 0; d < pair->day_count; d++)
            if (pair->days[d].hours & quiet[d])
                TRY(pair_judge(search, host, pair, quiet, d, err));
    }
done:
    free(by_day);
    free(quiet);
    return status;
}
