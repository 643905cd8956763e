/**
 * From rows to the models' input: which rows train and which calibrate, and the columns as the models want
 * them.
 *
 * Calibration rows differ from training rows by day and by IP, where there are enough of them; the level says
 * how far that held: 0  calibration days, IPs with content hash mod 4 = 1; training rows are the other days,
 * the other IPs 1  all days, split by IP 2  split by days 3  no split: the training rows calibrate as well,
 * and p-values are optimistic
 */
#ifndef MODEL_PREPARE_H
#define MODEL_PREPARE_H

#include "base/zone.h"
#include "job/host_spans.h"
#include "model/model.h"
#include "rows/rows.h"

/** What the job says about training. */
struct prepare_plan {
    const struct zone *zone;  // borrowed; of the spans' local times
    struct span_list train;  // borrowed; all days when empty
    struct span_list calibrate;  // borrowed; the last quarter of the training days, rounded up, when empty
    const struct ip_role *roles;  // borrowed, [role_count] ascending: of all IPs
    size_t role_count;
    const struct host_spans *left_out;  // borrowed, settled: these rows neither train nor calibrate
    bool kmeans2_robust;  // as in the settings of the fit
};

/** The models' input with the memory that it borrows, but for what it borrows from the rows. */
struct prepared {
    struct model_input input;
    struct model_context context;
    int64_t left_out;  // rows of all ranks that plan->left_out covers
    float *talk_values;  // NULL where no model scales them
    uint8_t *use;
    uint64_t *ip_hash;
    struct model_moment *moments;
    const char *names[FEATURES_MOST];
    uint64_t definitions[FEATURES_MOST];
    double floors[FEATURES_MOST], talk_floors[TALK_FEATURES];
    uint8_t active[FEATURES_MOST];
};

/**
 * Decides which rows train and which calibrate, fills the SHARE features of the rows, and makes the input.
 * Collective.
 *
 * @param rows      borrowed for the life of `prepared`; values are filled
 * @param prepared  filled; free it with prepared_clear
 * @return          STATUS_NO_INPUT when no row lies in the training spans
 */
MUST_CHECK enum status prepare_training(const struct team *team, const struct prepare_plan *plan,
                                        struct rows *rows, struct prepared *prepared, struct error *err);

/**
 * Makes the input for rows that a standing model scores. Local.
 *
 * @param rows  borrowed for the life of `prepared`; values are filled
 * @param zone  borrowed; of the hours of the day
 * @return  STATUS_MISMATCH when the model's feature set, window or unit is not that of the rows
 */
MUST_CHECK enum status prepare_scoring(const struct model *model, const struct zone *zone, struct rows *rows,
                                       struct prepared *prepared, struct error *err);

/** Frees what it holds; a zeroed one is fine. Local. */
void prepared_clear(struct prepared *prepared);

#endif
