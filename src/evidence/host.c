/* M6, M7 and M8: what hosts do, alone or with a domain, judged day by day. */
#include "internal.h"

/* M6: repeats that no cache would send have few names, a fifth of the queries at most. Up to half of them the
 * hour must stand out four times as far; beyond that it is a sweep, which crawlers and scanners make. */
#define REPEAT_PART 5
#define REPEAT_PART_FAR 2
#define REPEAT_FAR 4
#define REPEAT_LEAST 100
#define OTHER_DAYS 3

/* M8: a host that never sleeps was active in 95 % of the hours of the 5 days before. */
#define AWAKE_DAYS 5
#define AWAKE_OF_20 19

/* M8: a storm fills its hour: half of the queries or more are for one name. */
#define STORM_PART 2

/* ---- M6: repeat bursts ---- */

enum status repeats_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t d = 0; d < host->day_count; d++) {
        const struct host_record *day = &host->days[d];
        int64_t best = 0, others = 0;
        if (day->peak_queries < REPEAT_LEAST || REPEAT_PART_FAR * day->peak_names >= day->peak_queries)
            continue;
        for (size_t other = 0; other < host->day_count; other++) {
            const struct host_record *then = &host->days[other];
            if (other == d || then->day <= day->day - PAST_DAYS || then->day >= day->day + PAST_DAYS)
                continue;
            others += then->day < day->day;
            best = then->peak_queries > best ? then->peak_queries : best;
        }
        if (others < OTHER_DAYS) {
            const int64_t peers = search->peak_peers[day_index(search, day->day)][host->role];
            best = peers > best ? peers : best;
        }
        const int64_t percent = 100 * day->peak_queries / (best > 0 ? best : 1);
        const int64_t *table = mechanism_info(MECHANISM_REPEATS)->thresholds;
        const int64_t far = REPEAT_PART * day->peak_names < day->peak_queries ? 1 : REPEAT_FAR;
        struct evidence about = {.ip = host->ip, .day = day->day};
        evidence_add_name(&about, day->storm_name);
        TRY(evidence_add_over(search, &about, MECHANISM_REPEATS, (int64_t[WINDOWS]){percent, 0, 0},
                              (int64_t[WINDOWS]){far * table[0], far * table[1], far * table[2]}, err));
    }
done:
    return status;
}

/* ---- M7: odd types ---- */

enum status odd_types_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t p = 0; p < host->pair_count; p++) {
        const struct pair_view *pair = &host->pairs[p];
        for (size_t d = 0; d < pair->day_count; d++) {
            struct evidence about = {.ip = host->ip, .domain = pair->domain, .day = pair->days[d].day};
            if (pair->days[d].odd == 0)
                continue;
            for (size_t i = 0; i < pair->name_count; i++)
                if (pair->names[i].day == about.day)
                    evidence_add_name(&about, pair->names[i].name);
            TRY(evidence_add(search, &about, MECHANISM_ODD_TYPES, (int64_t[WINDOWS]){pair->days[d].odd, 0, 0},
                             err));
        }
    }
done:
    return status;
}

/* ---- M8: silence and storms ---- */

/* Hours of a stored day in which the host was not heard although resolvers logged; 0 bits: it was heard, or
 * nobody was. */
static uint32_t silent_hours(const struct known_day *day, const struct host_view *host, size_t *at)
{
    while (*at < host->day_count && host->days[*at].day < day->day)
        (*at)++;
    const bool was_there = *at < host->day_count && host->days[*at].day == day->day;
    return day->hours_seen & ~(was_there ? host->days[*at].hours : 0);
}

/* The longest run of silent hours that ends in a day of so many; hours in which no resolver logged anything
 * end a run. `run` is the one that the day before ended with, and returns this day's: midnight wakes nobody.
 */
static int64_t longest_run(uint32_t silent, int hours, int64_t *run)
{
    int64_t longest = 0;
    for (int hour = 0; hour < hours; hour++) {
        *run = silent >> hour & 1 ? *run + 1 : 0;
        longest = *run > longest ? *run : longest;
    }
    return longest;
}

static enum status silence_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    // Hours seen and hours awake of the last days, as a ring.
    int64_t seen[AWAKE_DAYS] = {0}, awake[AWAKE_DAYS] = {0};
    size_t at = 0, days = 0;
    int64_t run = 0;
    for (size_t i = 0; i < search->day_count; i++) {
        const struct known_day *day = &search->days[i];
        if (day->day < host->days[0].day)
            continue;
        const uint32_t silent = silent_hours(day, host, &at);
        if (i == 0 || search->days[i - 1].day != day->day - 1)
            run = 0;
        const int64_t longest = longest_run(silent, day->hours, &run);
        int64_t all_seen = 0, all_awake = 0;
        for (size_t past = 0; past < AWAKE_DAYS; past++) {
            all_seen += seen[past];
            all_awake += awake[past];
        }
        if (days >= AWAKE_DAYS && all_seen > 0 && 20 * all_awake >= AWAKE_OF_20 * all_seen) {
            const struct evidence about = {.ip = host->ip, .day = day->day};
            TRY(evidence_add(search, &about, MECHANISM_SILENCE, (int64_t[WINDOWS]){longest, 0, 0}, err));
        }
        seen[days % AWAKE_DAYS] = __builtin_popcount(day->hours_seen);
        awake[days % AWAKE_DAYS] = seen[days % AWAKE_DAYS] - __builtin_popcount(silent);
        days++;
    }
done:
    return status;
}

enum status faults_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    TRY(silence_find(search, host, err));
    for (size_t d = 0; d < host->day_count; d++) {
        const struct host_record *day = &host->days[d];
        struct evidence about = {.ip = host->ip, .domain = day->storm_domain, .day = day->day};
        evidence_add_name(&about, day->storm_name);
        // A name among others that are asked as often is a part of a burst, not a program that has no answer.
        if (STORM_PART * day->storm_queries < day->storm_hour_queries)
            continue;
        TRY(evidence_add(search, &about, MECHANISM_STORM, (int64_t[WINDOWS]){day->storm_queries, 0, 0}, err));
    }
done:
    return status;
}
