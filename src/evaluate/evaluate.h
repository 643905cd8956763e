/**
 * Results against labels: which host-days of attacks were told from quiet ones, by what, and at which price.
 *
 *     scores.h5, labels.csv ──evaluate──► struct evaluation ──evaluation_print, evaluation_json──► a person,
 * a program
 *
 * The unit is the host-day: an IP on a local day. One on which an attack ran is positive; those of IPs
 * without any attack are negative, look-alikes among them; the other days of victims count for nothing.
 */
#ifndef EVALUATE_EVALUATE_H
#define EVALUATE_EVALUATE_H

#include "base/error.h"
#include "base/json.h"
#include "evidence/evidence.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** What gives host-days a score; mechanisms come behind these. */
enum detector {
    DETECTOR_QUERIES,  // the day's largest row: the baseline that any other has to beat
    DETECTOR_KMEANS2,  // rows in the minority
    DETECTOR_KMEANS,  // mean of the three largest −log10 p of rows
    DETECTOR_AUTOENCODER,
    DETECTOR_MODELS,  // of row_score
    DETECTOR_EVIDENCE,  // 1 + strength; evidence counts for all days of its window
    DETECTOR_EVIDENCE_PAST,  // the same, but for the day on which it was found only
    DETECTOR_COMBINED,  // evidence + models
    DETECTOR_MECHANISM,
    DETECTORS = DETECTOR_MECHANISM + MECHANISMS,
};

/** Most families, and most kinds of look-alikes. */
#define EVALUATE_FAMILIES 64

/** How well scores tell positives from negatives; 0 where one of them is missing. */
struct measure {
    int64_t positives, negatives;
    double roc_auc;  // ties count half
    double average_precision;  // step-wise, ties together; that of a coin is the prevalence
    double precision[3];  // among the 10, 50, 100 highest; ties count by their share
    double threshold;  // the least score at which at most one negative in 1,000 is found
    int64_t found, false_found;  // at the threshold
};

/** A share with its Wilson interval at 95 %: (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²))/(1 + z²/n), z = 1.96. */
struct interval {
    double share, low, high;
};

/** Returns the interval of `count` in `total`; 0, 0, 1 of none. Local. */
struct interval interval_of(int64_t count, int64_t total);

/**
 * Measures scores. Local.
 *
 * @param is_positive  borrowed, [count] of 0 or 1
 * @param measure      filled
 */
MUST_CHECK enum status measure_scores(const double *scores, const uint8_t *is_positive, size_t count,
                                      struct measure *measure, struct error *err);

/** A family of attacks, or a kind of look-alikes. */
struct family_result {
    char name[32];
    int64_t host_days, attacks;
    int64_t found[DETECTORS];  // host-days at the detector's threshold
    int64_t found_attacks[DETECTORS];  // attacks of which any host-day was found
    int64_t warned;  // host-days with a bit or more
};

struct evaluation {
    int64_t host_days, left_out;  // left out: other days of victims
    struct measure of[DETECTORS];
    struct family_result families[EVALUATE_FAMILIES], kinds[EVALUATE_FAMILIES];
    size_t family_count, kind_count;
};

/** What is compared. Everything is borrowed. */
struct evaluate_plan {
    const char *dir;  // of scores.h5
    const char *labels;  // a CSV file
    const char *from, *to;  // local dates; half-open; NULL: no bound
};

/** Returns a detector's name. Borrowed, static. Local. */
const char *detector_name(enum detector detector);

/**
 * Evaluates. Local.
 *
 * @param evaluation  filled
 * @return            STATUS_IO, STATUS_CORRUPT; STATUS_USAGE for labels or dates that cannot be read, with
 * path:line; STATUS_NO_INPUT without a host-day
 */
MUST_CHECK enum status evaluate(const struct evaluate_plan *plan, struct evaluation *evaluation,
                                struct error *err);

/** Prints it for a terminal. Local. */
void evaluation_print(const struct evaluation *evaluation, FILE *stream);

/** Writes it as JSON. Local. */
void evaluation_json(const struct evaluation *evaluation, struct json *json);

#endif
