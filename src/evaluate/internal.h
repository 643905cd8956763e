/* What the files of this room share: labels, and host-days with their scores. */
#ifndef EVALUATE_INTERNAL_H
#define EVALUATE_INTERNAL_H

#include "evaluate/evaluate.h"

#include "base/ip.h"
#include "base/zone.h"

#include <stdbool.h>

struct label {
    struct ip ip;
    int64_t first_day, last_day;  // local, both included
    int32_t family, kind;  // the other is −1
    int32_t is_idle, unused;  // an attack that asked nothing, and is no silence
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
    double bits;  // of the strongest mechanism, −1 without
};

struct host_days {
    struct judged_day *items;  // [count] by IP, then day
    size_t count;
    struct zone *zone;
};

/* Reads "2022-02-01". Returns false when it is no date. */
bool date_read(const char *text, size_t count, int64_t *day);

/* Reads labels.csv; families and kinds go into the evaluation. */
MUST_CHECK enum status labels_read(const char *path, struct labels *labels, struct evaluation *evaluation,
                                   struct error *err);

/* Reads scores.h5. */
MUST_CHECK enum status host_days_read(const char *dir, struct host_days *days, struct error *err);
void host_days_clear(struct host_days *days);

#endif
