/* What hosts of the same role do on the same day: a daily habit of one host may be an attack, one of all
 * hosts is their work. */
#include "internal.h"

#include "base/exact.h"

#include <math.h>
#include <stdlib.h>

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

/* Fills the one-shot domains of each host's days. */
static void one_shots_count(struct search *search)
{
    struct host_record *days = search->host_days;
    size_t at = 0;
    for (size_t h = 0; h < search->host_count; h++)
        for (size_t d = 0; d < search->hosts[h].day_count; d++, at++) {
            bool uniform = false;
            days[at].one_shots = one_shots_of(&search->hosts[h], days[at].day, NULL, &uniform);
        }
}

enum status peers_find(struct search *search, struct error *err)
{
    enum status status = STATUS_OK;
    const size_t day_steps = (size_t)ROLES * STEPS;
    int64_t *one_shots = calloc(2 * day_steps, sizeof *one_shots), *peaks = one_shots + day_steps;
    search->one_shot_peers = calloc(search->day_count + 1, sizeof *search->one_shot_peers);
    search->peak_peers = calloc(search->day_count + 1, sizeof *search->peak_peers);
    enum status had = STATUS_OK;
    if (!one_shots || !search->one_shot_peers || !search->peak_peers)
        had = error_set(err, STATUS_NO_MEMORY, "evidence", "", "no room for what peers do");
    TRY(team_agree(search->team, had, err));
    one_shots_count(search);
    for (size_t i = 0; i < search->day_count; i++) {
        for (size_t step = 0; step < 2 * day_steps; step++)
            one_shots[step] = 0;
        for (size_t h = 0; h < search->host_count; h++) {
            const struct host_view *host = &search->hosts[h];
            for (size_t d = 0; d < host->day_count; d++)
                if (host->days[d].day == search->days[i].day) {
                    one_shots[(size_t)host->role * STEPS + step_of(host->days[d].one_shots)]++;
                    peaks[(size_t)host->role * STEPS + step_of(host->days[d].peak_queries)]++;
                }
        }
        team_sum_i64(search->team, one_shots, 2 * day_steps);
        for (size_t role = 0; role < ROLES; role++) {
            search->one_shot_peers[i][role] = quantile(one_shots + role * STEPS, FEW_OF_20);
            search->peak_peers[i][role] = quantile(peaks + role * STEPS, HALF_OF_20);
        }
    }
done:
    free(one_shots);
    return status;
}
