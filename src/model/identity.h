/**
 * What a fit is of: its settings as text, and its rows by content. Two fits of one identity end in the same
 * model, whatever the number of ranks; a checkpoint or a model of another identity is not this job's.
 */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include "internal.h"

/**
 * Works out the identity of a fit. Collective.
 *
 * The hash covers each training and calibration row with its number and use, and names, definitions, least
 * scales and activity of the columns; Σ of the rows' hashes is a sum of integers, so ranks and cuts do not
 * matter.
 *
 * @return STATUS_NO_MEMORY, agreed on
 */
MUST_CHECK enum status identity_make(const struct team *team, const struct model_input *input,
                                     const struct model_settings *settings,
                                     const struct model_context *context, struct identity *out,
                                     struct error *err);

/**
 * Compares what a file is of with what is wanted. Local.
 *
 * @return STATUS_MISMATCH that quotes the first setting that differs, or says that the rows do
 */
MUST_CHECK enum status identity_compare(const char *path, const char *hint, const struct identity *found,
                                        const struct identity *wanted, struct error *err);

#endif
