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

#include <stdbool.h>
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
    DETECTOR_EVIDENCE_PAST,  // the same, from what was known on the evening of the day
    DETECTOR_COMBINED,  // evidence + models
    DETECTOR_COMBINED_PAST,  // evidence_past + models
    DETECTOR_MECHANISM,
    DETECTORS = DETECTOR_MECHANISM + MECHANISMS,
};

/** Most families, kinds of look-alikes and groups, and most rates of all families together. */
#define EVALUATE_FAMILIES 64
#define EVALUATE_RATES 512

/** Sets of attacks that are measured apart, before the groups of the labels: all, and those of which a day
 * has at least EVALUATE_PLAIN_QUERIES queries. */
enum { SET_ALL, SET_PLAIN, SET_GROUPS };
#define EVALUATE_PLAIN_QUERIES 50

/** Incidents a day that somebody has the time to look at. */
#define EVALUATE_BUDGET 5

/** Delays are counted up to so many days. */
#define EVALUATE_DELAYS 32

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
    int64_t warned;  // host-days within an incident that is a warning or critical
    // Attacks by the days from their first one to the first that was found: looking back, and by the past.
    int64_t delays[2][EVALUATE_DELAYS];
};

/** Attacks of a family that ask alike. */
struct rate_result {
    size_t family;
    int64_t rate, period;  // as the labels have them
    int64_t attacks, queries, days;  // queries on so many days
    int64_t found_attacks[DETECTORS];
};

/** A set of attacks against all that is quiet. */
struct set_result {
    char name[32];
    struct measure of[DETECTORS];
};

/** What the incidents of the tested days would have cost and shown. */
struct budget_result {
    int64_t days;
    int64_t by_verdict[4];
    int64_t shown, shown_true;  // the strongest ones within the budget, and those of victims while attacked
};

struct evaluation {
    int64_t host_days, left_out;  // left out: other days of victims
    struct measure of[DETECTORS];
    struct family_result families[EVALUATE_FAMILIES], kinds[EVALUATE_FAMILIES];
    size_t family_count, kind_count;
    struct rate_result rates[EVALUATE_RATES];  // by family, then queries a day
    size_t rate_count;
    struct set_result sets[SET_GROUPS + EVALUATE_FAMILIES];
    size_t set_count;
    struct budget_result budget;
    bool has_past;  // the past was judged by itself, not by what the whole run found
};

/** What is compared. Everything is borrowed. */
struct evaluate_plan {
    const char *dir;  // of scores.h5
    const char *labels;  // a CSV file
    const char *from, *to;  // local dates; half-open; NULL: no bound
    const char *past;  // a folder with YYYY-MM-DD/scores.h5, each of a run that ended with that day; or NULL
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

/** Writes it as CSV: a line a table, name and detector. Local. */
void evaluation_csv(const struct evaluation *evaluation, FILE *stream);

/** Returns the least queries a day from which on half of a family's attacks are found by a detector: at that
 * rate and at each higher one; −1 when there is none. Local. */
int64_t rate_of_half(const struct evaluation *evaluation, size_t family, enum detector detector);

/** Returns the median of counted delays, in days; −1 of none. Local. */
int64_t delay_median(const int64_t delays[EVALUATE_DELAYS]);

#endif
