/* Rule 2: queries rise and fall at a fixed period. A pair by its gaps or by a line of its spectrum, the
 * volume of a host by a line of the day, the shares of its types by a line of the month. Most of what is
 * regular is a device or a ticker, so what was there when its host came is inventory, and nothing of this is
 * more than a notice. */
#include "rules.h"
#include "spectrum.h"

#include "base/exact.h"

#include <stdlib.h>

/* What begins so long after its host is news. */
#define ONSET_DAYS 3

/* A pair ticks in so many hours of a day: shorter trains are downloads and the like. */
#define CLOCK_HOURS 3

/* One day in a thousand has a line of the volume by chance; the same line twice in these days is none. */
#define AGAIN_DAYS 5

/* Days that a line of types needs, and the multiples of the day that are people's habits. */
#define TYPE_DAYS 7
#define HABITS 4

/* A line is inventory when its power in the first third of the days is half of what it is over all. */
#define EARLY_PART 3
#define EARLY_POWER 2

/* ---- pairs ---- */

static enum status pair_judge(struct search *search, const struct host_view *host,
                              const struct pair_view *pair, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t *table = mechanism_info(MECHANISM_BY_CLOCK)->thresholds;
    if (pair->days[0].day - host->days[0].day < ONSET_DAYS)
        return STATUS_OK;
    for (size_t d = 0; d < pair->day_count; d++) {
        struct evidence about = {.ip = host->ip, .domain = pair->domain, .day = pair->days[d].day};
        if (pair->days[d].clock < table[0] || __builtin_popcount(pair->days[d].hours) < CLOCK_HOURS)
            continue;
        for (size_t i = 0; i < pair->name_count; i++)
            if (pair->names[i].day == about.day)
                evidence_add_name(&about, pair->names[i].name);
        TRY(evidence_add(search, &about, MECHANISM_BY_CLOCK, (int64_t[WINDOWS]){pair->days[d].clock, 0, 0},
                         err));
    }
done:
    return status;
}

/* ---- volume ---- */

/* Whether days `d` and `then` have the same line, or about the same. */
static bool is_same_line(const struct host_view *host, size_t d, size_t then, double least)
{
    const int64_t a = host->days[d].volume_cycles, b = host->days[then].volume_cycles;
    return host->days[then].volume_line > least && a >= b - 1 && a <= b + 1;
}

/* Whether the line of day `d` is news: not there on one of the host's first days, but on a day before this
 * one. */
static bool is_news(const struct host_view *host, size_t d, double least)
{
    bool again = false;
    for (size_t past = 0; past < d; past++) {
        const int64_t day = host->days[past].day;
        if (day - host->days[0].day < ONSET_DAYS && is_same_line(host, d, past, least))
            return false;
        again = again || (day > host->days[d].day - AGAIN_DAYS && is_same_line(host, d, past, least));
    }
    return again;
}

static enum status volume_judge(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t least = search->plan->job->rule_period_line;
    for (size_t d = 0; d < host->day_count; d++) {
        const struct host_record *day = &host->days[d];
        const struct evidence about = {.ip = host->ip, .day = day->day};
        if (day->volume_line <= (double)least || !is_news(host, d, (double)least))
            continue;
        TRY(evidence_add_over(search, &about, MECHANISM_VOLUME_PERIOD,
                              (int64_t[WINDOWS]){(int64_t)day->volume_line, 0, 0},
                              (int64_t[WINDOWS]){least, least, least}, err));
    }
done:
    return status;
}

/* ---- shares of types ---- */

/* People's days: a line at one to four cycles a day, or as near as the week moves it. */
static bool is_habit(size_t cycles, const void *context)
{
    const size_t days = *(const size_t *)context, beside = days / 7 + 1;
    for (size_t habit = 1; habit <= HABITS; habit++)
        if (cycles + beside >= habit * days && cycles <= habit * days + beside)
            return true;
    return false;
}

/* The shares of types[0 … count), of one type and by day, over the days to `day`, the mean where there is
 * none. Returns how many days. */
static size_t series_make(const struct type_day *types, size_t count, int64_t day, double *series)
{
    int64_t first = INT64_MAX, sum = 0, hours = 0;
    for (size_t i = 0; i < count; i++) {
        if (types[i].day > day || types[i].day <= day - PAST_DAYS)
            continue;
        first = types[i].day < first ? types[i].day : first;
        for (int hour = 0; hour < HOURS - 1; hour++)
            if (types[i].shares[hour] != SHARE_NONE) {
                sum += types[i].shares[hour];
                hours++;
            }
    }
    if (hours == 0)
        return 0;
    const size_t days = (size_t)(day - first + 1);
    for (size_t i = 0; i < days * (HOURS - 1); i++)
        series[i] = (double)sum / (double)hours;
    for (size_t i = 0; i < count; i++) {
        if (types[i].day > day || types[i].day < first)
            continue;
        for (int hour = 0; hour < HOURS - 1; hour++)
            if (types[i].shares[hour] != SHARE_NONE)
                series[(size_t)(types[i].day - first) * (HOURS - 1) + (size_t)hour] = types[i].shares[hour];
    }
    return days;
}

/* Judges the type of types[0 … count) on the day of the last one. */
static enum status type_judge(struct search *search, const struct type_day *types, size_t count,
                              int64_t *best, struct error *err)
{
    enum status status = STATUS_OK;
    double series[PAST_DAYS * (HOURS - 1)];
    struct spectral_line line = {0, 0};
    const size_t days = series_make(types, count, types[count - 1].day, series);
    const size_t values = days * (HOURS - 1), early = values / EARLY_PART;
    if (days < TYPE_DAYS)
        return STATUS_OK;
    TRY(spectrum_line(series, values, is_habit, &days, &line, err));
    if (line.ratio <= (double)search->plan->job->rule_period_line)
        return STATUS_OK;
    const double all_power = spectrum_power(series, values, (double)line.cycles, (double)values);
    const double early_power = spectrum_power(series, early, (double)line.cycles, (double)values);
    if (EARLY_POWER * early_power < all_power)
        *best = (int64_t)line.ratio > *best ? (int64_t)line.ratio : *best;
done:
    return status;
}

/* The strongest line of all types on each day. */
static enum status types_judge(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    const int64_t least = search->plan->job->rule_period_line;
    int64_t *best = calloc(host->day_count + 1, sizeof *best);
    if (!best)
        return error_set(err, STATUS_NO_MEMORY, "evidence", "use more ranks", "no room for a host's days");
    for (size_t from = 0, to = 0; from < host->type_count; from = to) {
        size_t d = 0;
        while (to < host->type_count && host->types[to].type == host->types[from].type) {
            to++;
            while (d < host->day_count && host->days[d].day < host->types[to - 1].day)
                d++;
            const bool is_judged = search->days[day_index(search, host->types[to - 1].day)].is_judged;
            if (is_judged && d < host->day_count)
                TRY(type_judge(search, host->types + from, to - from, &best[d], err));
        }
    }
    for (size_t d = 0; d < host->day_count; d++) {
        const struct evidence about = {.ip = host->ip, .day = host->days[d].day};
        TRY(evidence_add_over(search, &about, MECHANISM_TYPE_PERIOD, (int64_t[WINDOWS]){0, 0, best[d]},
                              (int64_t[WINDOWS]){least, least, least}, err));
    }
done:
    free(best);
    return status;
}

enum status period_find(struct search *search, const struct host_view *host, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t p = 0; p < host->pair_count; p++)
        TRY(pair_judge(search, host, &host->pairs[p], err));
    TRY(volume_judge(search, host, err));
    TRY(types_judge(search, host, err));
done:
    return status;
}
