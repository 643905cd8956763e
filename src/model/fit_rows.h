/** The rows that come in: checked, and brought into the forms that the models work on. */
#ifndef MODEL_FIT_ROWS_H
#define MODEL_FIT_ROWS_H

#include "internal.h"

#include "kmeans.h"
#include "kmeans2.h"

/** This rank's training rows and calibration rows. */
struct fit_rows {
    struct grid_rows train;
    struct grid_rows calibrate;
    struct wide_rows talk;  // the training rows' talk columns
    uint64_t *ip_hash;  // [train.count]
    int16_t *train_grid;
    int16_t *calibrate_grid;
    int64_t *talk_values;
};

/**
 * Checks that values are finite and raw ones in their bounds. Local.
 *
 * @param first  number of the first row, for messages
 * @return STATUS_CORRUPT with the column's name
 */
MUST_CHECK enum status fit_rows_check(const struct model_input *input, bool kmeans2_robust, uint64_t first,
                                      struct error *err);

/** Makes one row's talk columns wide: raw, or on the grid where `scaling` has columns. Local. */
void fit_rows_talk(const struct model_input *input, size_t row, const struct scaling *scaling,
                   int64_t talk[MODEL_TALK_COLUMNS]);

/**
 * Counts the rows, fits the scales to the training rows and puts all onto the grid. Collective.
 *
 * @param model  its scaling and kmeans2.scaling are filled, and counts of its summary
 * @param rows   filled; end it with fit_rows_clear, also after a failure
 * @return       STATUS_NO_INPUT without a training row, STATUS_LIMIT from 2^32 on, STATUS_NO_MEMORY; agreed
 * on
 */
MUST_CHECK enum status fit_rows_make(const struct team *team, const struct model_input *input,
                                     bool kmeans2_robust, struct model *model, struct fit_rows *rows,
                                     struct error *err);

/** Frees what it holds and makes it empty. Local. */
void fit_rows_clear(struct fit_rows *rows);

/** Frees the talk columns only, when their model is made. Local. */
void fit_rows_clear_talk(struct fit_rows *rows);

#endif
