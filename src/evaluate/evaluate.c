#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* A verdict of warning needs a bit (decide/). */
#define WARNING_BITS 1.0

/* What a host-day counts as. */
struct standing {
    int32_t family, kind;  // −1: none
    bool is_victim;  // on this day or another
};

static struct standing standing_of(const struct labels *labels, const struct judged_day *day)
{
    struct standing standing = {-1, -1, false};
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
        if (is_now && label->family >= 0 && !label->is_idle)
            standing.family = label->family;
        if (is_now && label->kind >= 0)
            standing.kind = label->kind;
    }
    return standing;
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
            result->warned += day->bits >= WARNING_BITS;
        }
    }
}

/* Attacks of which some host-day was found. */
static void attacks_add(const struct labels *labels, const struct host_days *days,
                        struct evaluation *evaluation)
{
    for (size_t l = 0; l < labels->count; l++) {
        const struct label *label = &labels->items[l];
        bool is_found[DETECTORS] = {false}, has_day = false;
        if (label->family < 0 || label->is_idle)
            continue;
        for (size_t i = 0; i < days->count; i++) {
            const struct judged_day *day = &days->items[i];
            if (ip_compare(&day->ip, &label->ip) != 0 || day->day < label->first_day ||
                day->day > label->last_day)
                continue;
            has_day = true;
            for (int d = 0; d < DETECTORS; d++)
                is_found[d] = is_found[d] || day->score[d] >= evaluation->of[d].threshold;
        }
        struct family_result *family = &evaluation->families[label->family];
        family->attacks += has_day;
        for (int d = 0; d < DETECTORS; d++)
            family->found_attacks[d] += is_found[d];
    }
}

static enum status bound_read(const char *text, int64_t *day, struct error *err)
{
    if (text && !date_read(text, strlen(text), day))
        return error_set(err, STATUS_USAGE, text, "write it as 2022-02-01", "no date");
    return STATUS_OK;
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
    for (int d = 0; d < DETECTORS; d++) {
        for (size_t i = 0; i < days->count; i++) {
            scores[i] = days->items[i].score[d];
            is_positive[i] = standings[i].family >= 0;
        }
        TRY(measure_scores(scores, is_positive, days->count, &evaluation->of[d], err));
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
    *evaluation = (struct evaluation){0};
    TRY(bound_read(plan->from, &from_day, err));
    TRY(bound_read(plan->to, &to_day, err));
    TRY(labels_read(plan->labels, &labels, evaluation, err));
    TRY(host_days_read(plan->dir, &days, err));
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
    attacks_add(&labels, &days, evaluation);
done:
    host_days_clear(&days);
    free(labels.items);
    free(standings);
    return status;
}
