#include "net.h"

#include <math.h>
#include <string.h>

static size_t as_lanes(size_t units)
{
    return (units + NET_LANES - 1) / NET_LANES * NET_LANES;
}

void net_load_turned(const struct net *net, struct net_work *work, const int16_t *columns)
{
    work->kernel->load(columns, (size_t)net->width[0], work->activation[0]);
}

void net_forward(const struct net *net, struct net_work *work)
{
    for (int l = 0; l < net->layer_count; l++) {
        const struct net_matrix matrix = {.weights = net->parameters + net_weight_at(net, l),
                                          .out_stride = (size_t)net->width[l],
                                          .in_stride = 1,
                                          .biases = net->parameters + net_bias_at(net, l),
                                          .outputs = (size_t)net->width[l + 1],
                                          .inputs = (size_t)net->width[l],
                                          .after = l + 1 < net->layer_count ? NET_LEAKY : NET_LINEAR};
        work->kernel->apply(&matrix, work->activation[l], work->activation[l + 1]);
    }
}

static struct net_outputs outputs_of(const struct net *net, const struct net_work *work,
                                     const uint8_t *active)
{
    size_t active_count = 0;
    for (size_t c = 0; c < (size_t)net->width[0]; c++)
        active_count += active[c] != 0;
    return (struct net_outputs){.x = work->activation[0],
                                .y = work->activation[net->layer_count],
                                .active = active,
                                .columns = (size_t)net->width[0],
                                .part = 1.0f / (float)(active_count ? active_count : 1)};
}

void net_errors(const struct net *net, const struct net_work *work, const uint8_t *active,
                int64_t errors[MICRO_ROWS], float *huber)
{
    const struct net_outputs outputs = outputs_of(net, work, active);
    float sums[MICRO_ROWS];
    work->kernel->errors(&outputs, huber, sums);
    for (size_t row = 0; row < MICRO_ROWS; row++)
        errors[row] = llrint((double)sums[row] * FIXED_ONE);
}

/* llrint(v·2^32), cut off; a NaN fails every comparison and becomes the lower bound. */
static int64_t fix_slowly(const float *values, size_t count, int64_t *sums)
{
    int64_t cuts = 0;
    for (size_t i = 0; i < count; i++) {
        const double fixed = (double)values[i] * FIXED_ONE, most = (double)GRADIENT_MOST;
        const bool good = fixed >= -most && fixed <= most;
        sums[i] += good ? llrint(fixed) : fixed > 0.0 ? (int64_t)most : -(int64_t)most;
        cuts += !good;
    }
    return cuts;
}

static int64_t fix(const struct net_work *work, const float *values, size_t count, int64_t *sums)
{
    return work->kernel->fix(values, count, sums) ? 0 : fix_slowly(values, count, sums);
}

/* ∂/∂w[o][i] = Σ over rows, ascending, of δ[o]·x[i]. A lane is an input or an output, whichever leaves fewer
 * lanes without work; the sums are the same. */
static int64_t weight_gradient(const struct net *net, struct net_work *work, int layer, int64_t *gradient)
{
    const size_t inputs = (size_t)net->width[layer], outputs = (size_t)net->width[layer + 1];
    const float *x = work->activation[layer], *delta = work->delta[layer + 1];
    const struct net_kernel *kernel = work->kernel;
    const float *slopes = work->slopes;
    if (as_lanes(inputs) * outputs <= as_lanes(outputs) * inputs) {
        const size_t stride = as_lanes(inputs);
        kernel->turn(x, inputs, MICRO_ROWS, MICRO_ROWS, work->by_row, stride);
        kernel->outer(delta, outputs, work->by_row, stride, work->products);
        if (stride == inputs)
            slopes = work->products;
        for (size_t o = 0; stride != inputs && o < outputs; o++)
            memcpy(work->slopes + o * inputs, work->products + o * stride, inputs * sizeof *work->slopes);
    } else {
        const size_t stride = as_lanes(outputs);
        kernel->turn(delta, outputs, MICRO_ROWS, MICRO_ROWS, work->by_row, stride);
        kernel->outer(x, inputs, work->by_row, stride, work->products);
        kernel->turn(work->products, inputs, outputs, stride, work->slopes, inputs);
    }
    return fix(work, slopes, inputs * outputs, gradient);
}

/* δ of the layer before: Σ over outputs, ascending, of w[o][i]·δ[o], times the slope at the unit. */
static void layer_back(const struct net *net, struct net_work *work, int layer)
{
    const struct net_matrix matrix = {.weights = net->parameters + net_weight_at(net, layer),
                                      .out_stride = 1,
                                      .in_stride = (size_t)net->width[layer],
                                      .outputs = (size_t)net->width[layer],
                                      .inputs = (size_t)net->width[layer + 1],
                                      .after = NET_SLOPE,
                                      .gate = work->activation[layer]};
    work->kernel->apply(&matrix, work->delta[layer + 1], work->delta[layer]);
}

int64_t net_gradient(const struct net *net, struct net_work *work, const uint8_t *active, size_t row_count,
                     int64_t *gradient)
{
    const struct net_outputs outputs = outputs_of(net, work, active);
    float *delta = work->delta[net->layer_count];
    float sums[MODEL_WIDTH_MOST];
    int64_t cuts = 0;
    work->kernel->delta(&outputs, delta);
    for (size_t c = 0; row_count < MICRO_ROWS && c < outputs.columns; c++)
        memset(delta + c * MICRO_ROWS + row_count, 0, (MICRO_ROWS - row_count) * sizeof *delta);
    for (int l = net->layer_count - 1; l >= 0; l--) {
        const size_t units = (size_t)net->width[l + 1];
        cuts += weight_gradient(net, work, l, gradient + net_weight_at(net, l));
        work->kernel->total(work->delta[l + 1], units, sums);
        cuts += fix(work, sums, units, gradient + net_bias_at(net, l));
        if (l > 0)
            layer_back(net, work, l);
    }
    return cuts;
}
