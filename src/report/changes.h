/**
 * What changed between two runs, or between two models: settings, what is usual for a feature, verdicts.
 *
 *     RUN1, RUN2 ──changes_find──► struct changes
 *
 * A run is a folder with model.h5, scores.h5 or both, or one of these files. What only one of the two has is
 * not compared.
 */
#ifndef REPORT_CHANGES_H
#define REPORT_CHANGES_H

#include "base/error.h"
#include "base/ip.h"
#include "job/leases.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The two runs, in the order in which they were named. */
enum changes_side { CHANGES_BEFORE, CHANGES_AFTER, CHANGES_SIDES };

/** A setting that is not the same, by its key in the job file. */
struct setting_change {
    char key[96];
    char value[CHANGES_SIDES][200];  // as YAML; "" where the run has no such key
};

/** A feature whose training rows are not what they were. */
struct baseline_change {
    char feature[STORE_NAME_BYTES];
    bool there[CHANGES_SIDES];
    double median[CHANGES_SIDES], scale[CHANGES_SIDES];  // over the training rows, transformed
    double moved;  // how far the median went, in scales of before
};

/** An IP of which something else is said. */
struct verdict_change {
    char ip[IP_TEXT_BYTES];  // of a machine its number
    char address[IP_TEXT_BYTES];  // as people know it: of a machine its last address
    char host[MACHINE_NAME_BYTES];  // the machine's name; empty: none. Somebody else's bytes
    int verdict[CHANGES_SIDES];  // enum verdict; −1 where the run has no such IP
    int cause[CHANGES_SIDES];  // enum incident_cause; −1 without
    double score[CHANGES_SIDES];
};

/** What a model was trained on. */
struct training_told {
    int64_t rows, ips, days;
    int64_t from_s, to_s;  // UTC
};

struct changes {
    bool has[CHANGES_SIDES][2];  // a model, scores
    struct setting_change *settings;  // [setting_count] in the order of the job file
    size_t setting_count;
    struct training_told training[CHANGES_SIDES];  // of models
    struct baseline_change *baselines;  // [baseline_count] what moved most first
    size_t baseline_count;
    struct verdict_change *verdicts;  // [verdict_count] the gravest of after first, then by score and IP
    size_t verdict_count;
    int64_t ips[CHANGES_SIDES], ips_of_both;  // in scores
};

/** A baseline is told when its median went this far, in scales, or its scale became so much larger or
 * smaller. */
#define CHANGES_MOVED_LEAST 0.25

/**
 * Compares two runs. Local.
 *
 * @param runs     borrowed, two paths
 * @param changes  filled; free it with changes_clear, also on failure
 * @return         STATUS_NO_INPUT when they have neither models nor scores in common; STATUS_IO,
 * STATUS_CORRUPT
 */
MUST_CHECK enum status changes_find(const char *const runs[CHANGES_SIDES], struct changes *changes,
                                    struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void changes_clear(struct changes *changes);

#endif
