/* What the files of this room share: labels, and host-days with their scores. */
#ifndef EVALUATE_INTERNAL_H
#define EVALUATE_INTERNAL_H

#include "evaluate/evaluate.h"

#include "base/ip.h"
#include "base/zone.h"
#include "decide/decide.h"

#include <stdbool.h>

struct label {
    struct ip ip;
    int64_t first_day, last_day;  // local, both included
    int32_t family, kind;  // the other is −1
    int32_t is_idle;  // an attack that asked nothing, and is no silence
    int32_t group;  // of evaluation->sets, 0: none
    int64_t rate, period, queries;
};

struct labels {
    struct label *items;  // [count] by IP
    size_t count, capacity;
};

/* An IP on a local day. */
struct judged_day {
    struct ip ip;
    int64_t day;
    double score[DETECTORS];
    bool is_warned;
};

struct judged_incident {
    struct ip ip;
    int64_t first_day, last_day, verdict;
    double strength;
};

struct host_days {
    struct judged_day *items;  // [count] by IP, then day
    size_t count;
    struct judged_incident *incidents;  // [incident_count] by IP
    size_t incident_count;
    struct score_machines machines;  // whose the IPs are
    struct zone *zone;
};

/* Days of a label, at least 1. */
static inline int64_t label_days(const struct label *label)
{
    return label->last_day - label->first_day + 1;
}

/* Reads labels.csv; families and kinds go into the evaluation. */
MUST_CHECK enum status labels_read(const char *path, struct labels *labels, struct evaluation *evaluation,
                                   struct error *err);

/* Gives the labels of addresses to the machines that had them longest meanwhile. */
void labels_place(struct labels *labels, const struct score_machines *machines, const struct zone *zone);

/* Reads scores.h5, and what was known on each day in [from_day, to_day) from past/YYYY-MM-DD/scores.h5, when
 * there is a past. */
MUST_CHECK enum status host_days_read(const struct evaluate_plan *plan, int64_t from_day, int64_t to_day,
                                      struct host_days *days, struct error *err);
void host_days_clear(struct host_days *days);

#endif
