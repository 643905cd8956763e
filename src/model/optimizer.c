#include "optimizer.h"

#include <math.h>
#include <stdlib.h>

#define BETA_MEAN 0.9
#define BETA_SQUARE 0.999
#define EPSILON 1e-8f
#define DECAY 1e-4f

enum status optimizer_make(const struct net *net, struct optimizer *optimizer, struct error *err)
{
    *optimizer = (struct optimizer){.mean_power = 1.0, .square_power = 1.0};
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
    optimizer->mean_power *= BETA_MEAN;
    optimizer->square_power *= BETA_SQUARE;
    const float mean_part = (float)(1.0 / (1.0 - optimizer->mean_power));
    const float square_part = (float)(1.0 / (1.0 - optimizer->square_power));
    const float beta1 = (float)BETA_MEAN, beta1_rest = (float)(1.0 - BETA_MEAN);
    const float beta2 = (float)BETA_SQUARE, beta2_rest = (float)(1.0 - BETA_SQUARE);
    const float step = (float)rate;
    for (size_t i = 0; i < net->parameter_count; i++) {
        const float slope = (float)((double)gradient[i] * 0x1p-32 / (double)row_count);
        const float mean = beta1 * optimizer->mean[i] + beta1_rest * slope;
        const float square = beta2 * optimizer->square[i] + beta2_rest * (slope * slope);
        optimizer->mean[i] = mean;
        optimizer->square[i] = square;
        const float move = mean * mean_part / (sqrtf(square * square_part) + EPSILON);
        const float decay = i < net->weight_count ? DECAY * net->parameters[i] : 0.0f;
        net->parameters[i] -= step * (move + decay);
    }
}
