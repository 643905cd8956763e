#include "internal.h"

#include "job/civil.h"

#include <stdlib.h>
#include <string.h>

/* What a host-day counts as. */
struct standing {
    int32_t family, kind;  // −1: none
    const struct label *label;  // of the family
    bool is_victim;  // on this day or another
};

static struct standing standing_of(const struct labels *labels, const struct judged_day *day)
{
    struct standing standing = {-1, -1, NULL, false};
    size_t low = 0, high = labels->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ip_compare(&labels->items[middle].ip, &day->ip) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < labels->count && ip_compare(&labels->items[low].ip, &day->ip) == 0; low++) {
        const struct label *label = &labels->items[low];
        bool is_now = day->day >= label->first_day && day->day <= label->last_day;
        standing.is_victim = standing.is_victim || label->family >= 0;
        if (is_now && label->family >= 0 && !label->is_idle) {
            standing.family = label->family;
            standing.label = label;
        }
        if (is_now && label->kind >= 0)
            standing.kind = label->kind;
    }
    return standing;
}

/* The first host-day of an IP. */
static size_t days_from(const struct host_days *days, const struct ip *ip)
{
    size_t low = 0, high = days->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ip_compare(&days->items[middle].ip, ip) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Leaves the host-days that count, and what they are. */
static size_t days_choose(const struct labels *labels, struct host_days *days, int64_t from_day,
                          int64_t to_day, struct standing *standings, struct evaluation *evaluation)
{
    size_t count = 0;
    for (size_t i = 0; i < days->count; i++) {
        struct standing standing = standing_of(labels, &days->items[i]);
        if (days->items[i].day < from_day || days->items[i].day >= to_day)
            continue;
        if (standing.family < 0 && standing.is_victim) {
            evaluation->left_out++;
            continue;
        }
        days->items[count] = days->items[i];
        standings[count++] = standing;
    }
    days->count = count;
    evaluation->host_days = (int64_t)count;
    return count;
}

static void results_add(const struct host_days *days, const struct standing *standings,
                        enum detector detector, struct evaluation *evaluation)
{
    for (size_t i = 0; i < days->count; i++) {
        const struct judged_day *day = &days->items[i];
        struct family_result *result = NULL;
        if (standings[i].family >= 0)
            result = &evaluation->families[standings[i].family];
        else if (standings[i].kind >= 0)
            result = &evaluation->kinds[standings[i].kind];
        if (!result)
            continue;
        result->found[detector] += day->score[detector] >= evaluation->of[detector].threshold;
        if (detector == 0) {
            result->host_days++;
            result->warned += day->is_warned;
        }
    }
}

/* ---- attacks ---- */

/* The rates of a family's attacks, a new one when it is met first; NULL without room. */
static struct rate_result *rate_put(struct evaluation *evaluation, const struct label *label)
{
    for (size_t i = 0; i < evaluation->rate_count; i++) {
        struct rate_result *rate = &evaluation->rates[i];
        if (rate->family == (size_t)label->family && rate->rate == label->rate &&
            rate->period == label->period)
            return rate;
    }
    if (evaluation->rate_count == EVALUATE_RATES)
        return NULL;
    struct rate_result *rate = &evaluation->rates[evaluation->rate_count++];
    *rate =
        (struct rate_result){.family = (size_t)label->family, .rate = label->rate, .period = label->period};
    return rate;
}

static void delay_count(int64_t delays[EVALUATE_DELAYS], int64_t delay)
{
    delays[delay < EVALUATE_DELAYS ? delay : EVALUATE_DELAYS - 1]++;
}

/* Attacks of which some host-day was found, and how long that took. `first_day`: the first tested one. */
static void attacks_add(const struct labels *labels, const struct host_days *days, int64_t first_day,
                        struct evaluation *evaluation)
{
    static const enum detector DELAYED[2] = {DETECTOR_COMBINED, DETECTOR_COMBINED_PAST};
    for (size_t l = 0; l < labels->count; l++) {
        const struct label *label = &labels->items[l];
        int64_t found_day[DETECTORS];
        bool has_day = false;
        if (label->family < 0 || label->is_idle)
            continue;
        for (int d = 0; d < DETECTORS; d++)
            found_day[d] = INT64_MAX;
        for (size_t i = days_from(days, &label->ip);
             i < days->count && ip_compare(&days->items[i].ip, &label->ip) == 0; i++) {
            const struct judged_day *day = &days->items[i];
            if (day->day < label->first_day || day->day > label->last_day)
                continue;
            has_day = true;
            for (int d = 0; d < DETECTORS; d++)
                if (day->score[d] >= evaluation->of[d].threshold && day->day < found_day[d])
                    found_day[d] = day->day;
        }
        if (!has_day)
            continue;
        struct family_result *family = &evaluation->families[label->family];
        struct rate_result *rate = rate_put(evaluation, label);
        const int64_t began = label->first_day > first_day ? label->first_day : first_day;
        family->attacks++;
        for (int d = 0; d < DETECTORS; d++)
            family->found_attacks[d] += found_day[d] < INT64_MAX;
        for (int w = 0; w < 2; w++)
            if (found_day[DELAYED[w]] < INT64_MAX)
                delay_count(family->delays[w], found_day[DELAYED[w]] - began);
        if (!rate)
            continue;
        rate->attacks++;
        rate->queries += label->queries;
        rate->days += label_days(label);
        for (int d = 0; d < DETECTORS; d++)
            rate->found_attacks[d] += found_day[d] < INT64_MAX;
    }
}

static double queries_a_day(const struct rate_result *rate)
{
    return rate->days > 0 ? (double)rate->queries / (double)rate->days : 0;
}

static int compare_rates(const void *a, const void *b)
{
    const struct rate_result *x = a, *y = b;
    if (x->family != y->family)
        return x->family < y->family ? -1 : 1;
    const double p = queries_a_day(x), q = queries_a_day(y);
    if (p != q)
        return p < q ? -1 : 1;
    return x->rate != y->rate ? (x->rate < y->rate ? -1 : 1)
                              : (x->period > y->period) - (x->period < y->period);
}

int64_t rate_of_half(const struct evaluation *evaluation, size_t family, enum detector detector)
{
    int64_t half = -1;
    for (size_t i = evaluation->rate_count; i-- > 0;) {
        const struct rate_result *rate = &evaluation->rates[i];
        if (rate->family != family)
            continue;
        if (2 * rate->found_attacks[detector] < rate->attacks)
            break;
        half = (int64_t)queries_a_day(rate);
    }
    return half;
}

int64_t delay_median(const int64_t delays[EVALUATE_DELAYS])
{
    int64_t all = 0, below = 0;
    for (int d = 0; d < EVALUATE_DELAYS; d++)
        all += delays[d];
    for (int d = 0; d < EVALUATE_DELAYS && all > 0; d++)
        if (2 * (below += delays[d]) >= all)
            return d;
    return -1;
}

/* ---- incidents ---- */

static int compare_incidents(const void *a, const void *b)
{
    const struct judged_incident *x = a, *y = b;
    if (x->verdict != y->verdict)
        return x->verdict > y->verdict ? -1 : 1;
    if (x->strength != y->strength)
        return x->strength > y->strength ? -1 : 1;
    return ip_compare(&x->ip, &y->ip);
}

static bool is_attack(const struct labels *labels, const struct judged_incident *incident)
{
    for (size_t l = 0; l < labels->count; l++) {
        const struct label *label = &labels->items[l];
        if (label->family >= 0 && !label->is_idle && ip_compare(&label->ip, &incident->ip) == 0 &&
            label->first_day <= incident->last_day && label->last_day >= incident->first_day)
            return true;
    }
    return false;
}

/* The incidents that were alive in the tested days, gravest first. */
static void budget_take(const struct labels *labels, struct host_days *days, int64_t first_day,
                        int64_t last_day, struct evaluation *evaluation)
{
    struct budget_result *budget = &evaluation->budget;
    budget->days = last_day - first_day + 1;
    if (days->incident_count > 0)
        qsort(days->incidents, days->incident_count, sizeof *days->incidents, compare_incidents);
    for (size_t i = 0; i < days->incident_count; i++) {
        const struct judged_incident *incident = &days->incidents[i];
        if (incident->last_day < first_day || incident->first_day > last_day || incident->verdict < 0 ||
            incident->verdict > 3)
            continue;
        budget->by_verdict[incident->verdict]++;
        if (budget->shown == EVALUATE_BUDGET * budget->days)
            continue;
        budget->shown++;
        budget->shown_true += is_attack(labels, incident);
    }
}

/* ---- the whole ---- */

static enum status bound_read(const char *text, int64_t *day, struct error *err)
{
    if (text && !civil_day_read(text, strlen(text), day))
        return error_set(err, STATUS_USAGE, text, "write it as 2022-02-01", "no date");
    return STATUS_OK;
}

/* Whether an attacked host-day is of a set. */
static bool is_of_set(const struct standing *standing, size_t set)
{
    if (set == SET_ALL)
        return true;
    if (set == SET_PLAIN)
        return standing->label->queries >= EVALUATE_PLAIN_QUERIES * label_days(standing->label);
    return (size_t)standing->label->group == set;
}

/* Measures a set of attacks against all quiet host-days; attacks of other sets count for nothing. */
static enum status set_measure(const struct host_days *days, const struct standing *standings, size_t set,
                               double *scores, uint8_t *is_positive, struct evaluation *evaluation,
                               struct error *err)
{
    enum status status = STATUS_OK;
    for (int d = 0; d < DETECTORS; d++) {
        size_t count = 0;
        for (size_t i = 0; i < days->count; i++) {
            const bool is_attacked = standings[i].family >= 0;
            if (is_attacked && !is_of_set(&standings[i], set))
                continue;
            scores[count] = days->items[i].score[d];
            is_positive[count++] = is_attacked;
        }
        TRY(measure_scores(scores, is_positive, count, &evaluation->sets[set].of[d], err));
    }
done:
    return status;
}

static enum status days_measure(const struct host_days *days, const struct standing *standings,
                                struct evaluation *evaluation, struct error *err)
{
    enum status status = STATUS_OK;
    double *scores = calloc(days->count + 1, sizeof *scores);
    uint8_t *is_positive = calloc(days->count + 1, 1);
    if (!scores || !is_positive) {
        status = error_set(err, STATUS_NO_MEMORY, "evaluate", "", "no room for host-days");
        goto done;
    }
    for (size_t set = 0; set < evaluation->set_count; set++)
        TRY(set_measure(days, standings, set, scores, is_positive, evaluation, err));
    for (int d = 0; d < DETECTORS; d++) {
        evaluation->of[d] = evaluation->sets[SET_ALL].of[d];
        results_add(days, standings, (enum detector)d, evaluation);
    }
done:
    free(scores);
    free(is_positive);
    return status;
}

enum status evaluate(const struct evaluate_plan *plan, struct evaluation *evaluation, struct error *err)
{
    enum status status = STATUS_OK;
    struct host_days days = {0};
    struct labels labels = {0};
    struct standing *standings = NULL;
    int64_t from_day = INT64_MIN, to_day = INT64_MAX;
    *evaluation = (struct evaluation){.sets = {{.name = "all"}, {.name = "plain"}},
                                      .set_count = SET_GROUPS,
                                      .has_past = plan->past != NULL};
    TRY(bound_read(plan->from, &from_day, err));
    TRY(bound_read(plan->to, &to_day, err));
    TRY(labels_read(plan->labels, &labels, evaluation, err));
    TRY(host_days_read(plan, from_day, to_day, &days, err));
    labels_place(&labels, &days.machines, days.zone);
    standings = calloc(days.count + 1, sizeof *standings);
    if (!standings) {
        status = error_set(err, STATUS_NO_MEMORY, "evaluate", "", "no room for host-days");
        goto done;
    }
    if (days_choose(&labels, &days, from_day, to_day, standings, evaluation) == 0) {
        status = error_set(err, STATUS_NO_INPUT, plan->dir, "look at --from, --to and the labels",
                           "no host-day that counts");
        goto done;
    }
    TRY(days_measure(&days, standings, evaluation, err));
    int64_t first_day = days.items[0].day, last_day = days.items[0].day;
    for (size_t i = 0; i < days.count; i++) {
        first_day = days.items[i].day < first_day ? days.items[i].day : first_day;
        last_day = days.items[i].day > last_day ? days.items[i].day : last_day;
    }
    attacks_add(&labels, &days, first_day, evaluation);
    if (evaluation->rate_count > 0)
        qsort(evaluation->rates, evaluation->rate_count, sizeof *evaluation->rates, compare_rates);
    budget_take(&labels, &days, first_day, last_day, evaluation);
done:
    host_days_clear(&days);
    free(labels.items);
    free(standings);
    return status;
}
