/** AdamW on one net: the same floats in the same order on every rank. */
#ifndef MODEL_OPTIMIZER_H
#define MODEL_OPTIMIZER_H

#include "internal.h"

#include "net_kernel.h"

/** The state between steps. */
struct optimizer {
    const struct net_kernel *kernel;
    float *mean;  // [parameter_count] m
    float *square;  // [parameter_count] v
    double powers[2];  // β1^t, β2^t
};

/** Makes a state of zeros; end it with optimizer_clear, also after a failure. Local. */
MUST_CHECK enum status optimizer_make(const struct net *net, struct optimizer *optimizer, struct error *err);

/** Frees the state. Local. */
void optimizer_clear(struct optimizer *optimizer);

/**
 * Takes one step. Local.
 *
 * @param gradient   borrowed, [parameter_count] of the summed loss, in 2^-32
 * @param row_count  rows it was summed over, at least 1
 * @param rate       the learning rate of this step
 */
void optimizer_step(struct optimizer *optimizer, struct net *net, const int64_t *gradient, int64_t row_count,
                    double rate);

#endif
