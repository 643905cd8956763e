/* What hosts of the same role do on the same day: a daily habit of one host may be an attack, one of all
 * hosts is their work. */
#include "internal.h"

#include "base/exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Values are counted in steps of a sixteenth of a doubling: integers up to 22 exactly, larger ones within 5
 * %. */
#define STEPS 1024
#define STEPS_DOUBLING 16

/* M3: few hosts, 1 in 20, do more. M6: half of them. */
#define FEW_OF_20 19
#define HALF_OF_20 10

static size_t step_of(int64_t value)
{
    const int64_t step = llrint(exact_log2(1 + (double)value) * STEPS_DOUBLING);
    return step < STEPS ? (size_t)step : STEPS - 1;
}

static int64_t value_of(size_t step)
{
    return llrint(exact_exp2((double)step / STEPS_DOUBLING)) - 1;
}

/* The value that `of_20` of 20 hosts do not exceed. */
static int64_t quantile(const int64_t *counts, int64_t of_20)
{
    int64_t total = 0, sum = 0;
    for (size_t step = 0; step < STEPS; step++)
        total += counts[step];
    for (size_t step = 0; step < STEPS && total > 0; step++) {
        sum += counts[step];
        if (20 * sum >= of_20 * total)
            return value_of(step);
    }
    return 0;
}

/* Counts of hosts by step of what they did on one day. */
struct day_counts {
    int64_t one_shots[ROLES][STEPS], peaks[ROLES][STEPS];
    int64_t hosts[ROLES], active[ROLES][HOURS];  // who was there, and in which hours
};

/* M5: hosts of a role rest in hours in which fewer than one in ten is active. */
#define REST_PART 10

/* Fills the one-shot domains of each host's days. */
static void all_one_shots_count(struct search *search)
{
    struct host_record *days = search->host_days;
    for (size_t h = 0, at = 0; h < search->host_count; h++) {
        one_shots_count(&search->hosts[h], days + at);
        at += search->hosts[h].day_count;
    }
}

/* Adds this rank's hosts of a day; next[h] is where host h stands in its days. */
static void day_count(const struct search *search, int64_t day, size_t *next, struct day_counts *counts)
{
    for (size_t h = 0; h < search->host_count; h++) {
        const struct host_view *host = &search->hosts[h];
        while (next[h] < host->day_count && host->days[next[h]].day < day)
            next[h]++;
        if (next[h] == host->day_count || host->days[next[h]].day != day)
            continue;
        counts->one_shots[host->role][step_of(host->days[next[h]].one_shots)]++;
        counts->peaks[host->role][step_of(host->days[next[h]].peak_queries)]++;
        counts->hosts[host->role]++;
        for (int hour = 0; hour < HOURS; hour++)
            counts->active[host->role][hour] += hours_folded(host->days[next[h]].common_hours) >> hour & 1;
    }
}

/* Who was active in a role, day by day. */
struct activity {
    int64_t hosts, active[HOURS];
};

/* The hours of day `at` in which a role rests: by days of its kind among the 30 to it, against as many hosts
 * as its busiest day had. */
static uint32_t rest_of(const struct search *search, const struct activity *days, size_t at)
{
    int64_t active[HOURS] = {0}, most = 0, kind_days = 0;
    uint32_t rest = 0;
    for (size_t i = at + 1; i-- > 0 && search->days[i].day > search->days[at].day - PAST_DAYS;) {
        most = days[i].hosts > most ? days[i].hosts : most;
        if (search->days[i].is_holiday != search->days[at].is_holiday)
            continue;
        kind_days++;
        for (int hour = 0; hour < HOURS; hour++)
            active[hour] += days[i].active[hour];
    }
    for (int hour = 0; hour < HOURS - 1; hour++)
        if (REST_PART * active[hour] < kind_days * most)
            rest |= UINT32_C(1) << hour;
    return rest | (rest >> (HOURS - 2) & 1) << (HOURS - 1);
}

enum status peers_find(struct search *search, struct error *err)
{
    enum status status = STATUS_OK;
    struct day_counts *counts = malloc(sizeof *counts);
    size_t *next = calloc(search->host_count + 1, sizeof *next);
    struct activity *activity[ROLES] = {NULL};
    search->one_shot_peers = calloc(search->day_count + 1, sizeof *search->one_shot_peers);
    search->peak_peers = calloc(search->day_count + 1, sizeof *search->peak_peers);
    search->rest_hours = calloc(search->day_count + 1, sizeof *search->rest_hours);
    bool is_whole = counts && next && search->one_shot_peers && search->peak_peers && search->rest_hours;
    for (size_t role = 0; role < ROLES; role++) {
        activity[role] = calloc(search->day_count + 1, sizeof *activity[role]);
        is_whole = is_whole && activity[role];
    }
    enum status had = STATUS_OK;
    if (!is_whole)
        had = error_set(err, STATUS_NO_MEMORY, "evidence", "", "no room for what peers do");
    TRY(team_agree(search->team, had, err));
    all_one_shots_count(search);
    for (size_t i = 0; i < search->day_count; i++) {
        memset(counts, 0, sizeof *counts);
        day_count(search, search->days[i].day, next, counts);
        team_sum_i64(search->team, &counts->one_shots[0][0], sizeof *counts / sizeof(int64_t));
        for (size_t role = 0; role < ROLES; role++) {
            search->one_shot_peers[i][role] = quantile(counts->one_shots[role], FEW_OF_20);
            search->peak_peers[i][role] = quantile(counts->peaks[role], HALF_OF_20);
            activity[role][i].hosts = counts->hosts[role];
            memcpy(activity[role][i].active, counts->active[role], sizeof activity[role][i].active);
        }
    }
    for (size_t i = 0; i < search->day_count; i++)
        for (size_t role = 0; role < ROLES; role++)
            search->rest_hours[i][role] = rest_of(search, activity[role], i);
done:
    for (size_t role = 0; role < ROLES; role++)
        free(activity[role]);
    free(counts);
    free(next);
    return status;
}
