#include "optimizer.h"

#include <stdlib.h>

/* As in net_kernel.inc. */
#define BETA_MEAN 0.9
#define BETA_SQUARE 0.999
#define DECAY 1e-4f

enum status optimizer_make(const struct net *net, struct optimizer *optimizer, struct error *err)
{
    *optimizer = (struct optimizer){.kernel = net_kernel_choose(), .powers = {1.0, 1.0}};
    optimizer->mean = calloc(net->parameter_count, sizeof *optimizer->mean);
    optimizer->square = calloc(net->parameter_count, sizeof *optimizer->square);
    if (optimizer->mean && optimizer->square)
        return STATUS_OK;
    return model_no_memory("autoencoder", net->parameter_count, err);
}

void optimizer_clear(struct optimizer *optimizer)
{
    free(optimizer->mean);
    free(optimizer->square);
    *optimizer = (struct optimizer){0};
}

void optimizer_step(struct optimizer *optimizer, struct net *net, const int64_t *gradient, int64_t row_count,
                    double rate)
{
    // Powers by repeated products: pow() of libm differs by version.
    optimizer->powers[0] *= BETA_MEAN;
    optimizer->powers[1] *= BETA_SQUARE;
    struct net_update update = {.parameters = net->parameters,
                                .mean = optimizer->mean,
                                .square = optimizer->square,
                                .gradient = gradient,
                                .count = net->weight_count,
                                .unit = 0x1p-32 / (double)row_count,
                                .mean_part = (float)(1.0 / (1.0 - optimizer->powers[0])),
                                .square_part = (float)(1.0 / (1.0 - optimizer->powers[1])),
                                .rate = (float)rate,
                                .decay = DECAY};
    optimizer->kernel->update(&update);
    update.parameters += net->weight_count;
    update.mean += net->weight_count;
    update.square += net->weight_count;
    update.gradient += net->weight_count;
    update.count = net->parameter_count - net->weight_count;
    update.decay = 0.0f;
    optimizer->kernel->update(&update);
}
