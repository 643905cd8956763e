#include "net.h"

#include <math.h>

#define LANES NET_LANES
#define LEAK 0x1p-6f  // LeakyReLU's slope below 0; a power of two, so the product is exact

/* y[o] = b[o] + Σ w[o][i]·x[i], inputs ascending. */
static void layer_forward(const float *weights, const float *biases, size_t inputs, size_t outputs,
                          const float *x, float *y)
{
    for (size_t o = 0; o < outputs; o++) {
        for (size_t row = 0; row < MICRO_ROWS; row += LANES) {
            float sum[LANES];
            for (size_t lane = 0; lane < LANES; lane++)
                sum[lane] = biases[o];
            for (size_t i = 0; i < inputs; i++) {
                const float weight = weights[o * inputs + i];
                const float *from = x + i * MICRO_ROWS + row;
                for (size_t lane = 0; lane < LANES; lane++)
                    sum[lane] += weight * from[lane];
            }
            for (size_t lane = 0; lane < LANES; lane++)
                y[o * MICRO_ROWS + row + lane] = sum[lane];
        }
    }
}

void net_forward(const struct net *net, struct net_work *work)
{
    for (int l = 0; l < net->layer_count; l++) {
        const size_t inputs = (size_t)net->width[l], outputs = (size_t)net->width[l + 1];
        float *y = work->activation[l + 1];
        layer_forward(net->parameters + net_weight_at(net, l), net->parameters + net_bias_at(net, l), inputs,
                      outputs, work->activation[l], y);
        for (size_t i = 0; l + 1 < net->layer_count && i < outputs * MICRO_ROWS; i++)
            y[i] = y[i] > 0.0f ? y[i] : y[i] * LEAK;
    }
}

/* llrint(v·2^32), cut off; a NaN fails every comparison and becomes the lower bound. */
static int64_t gradient_fixed(float value, int64_t *cuts)
{
    const double fixed = (double)value * FIXED_ONE;
    if (fixed >= -(double)GRADIENT_MOST && fixed <= (double)GRADIENT_MOST)
        return llrint(fixed);
    (*cuts)++;
    return fixed > 0.0 ? GRADIENT_MOST : -GRADIENT_MOST;
}

void net_errors(const struct net *net, const struct net_work *work, const uint8_t *active,
                int64_t errors[MICRO_ROWS], float *huber)
{
    float sum[MICRO_ROWS] = {0};
    const float *x = work->activation[0], *y = work->activation[net->layer_count];
    for (size_t c = 0; c < (size_t)net->width[0]; c++) {
        for (size_t row = 0; row < MICRO_ROWS; row++) {
            float apart = fabsf(y[c * MICRO_ROWS + row] - x[c * MICRO_ROWS + row]);
            float part = apart <= 1.0f ? 0.5f * (apart * apart) : apart - 0.5f;
            part = part <= HUBER_MOST ? part : HUBER_MOST;  // a NaN too
            part = active[c] ? part : 0.0f;
            sum[row] += part;
            if (huber)
                huber[c * MICRO_ROWS + row] = part;
        }
    }
    for (size_t row = 0; row < MICRO_ROWS; row++)
        errors[row] = llrint((double)sum[row] * FIXED_ONE);
}

/* The derivative of the loss by the outputs: the residual cut off at ±1, over the number of active features.
 */
static void output_delta(const struct net *net, struct net_work *work, const uint8_t *active,
                         size_t row_count)
{
    const float *x = work->activation[0], *y = work->activation[net->layer_count];
    float *delta = work->delta[net->layer_count];
    size_t active_count = 0;
    for (size_t c = 0; c < (size_t)net->width[0]; c++)
        active_count += active[c] != 0;
    const float part = 1.0f / (float)(active_count ? active_count : 1);
    for (size_t c = 0; c < (size_t)net->width[0]; c++) {
        for (size_t row = 0; row < MICRO_ROWS; row++) {
            float apart = y[c * MICRO_ROWS + row] - x[c * MICRO_ROWS + row];
            float cut = apart > 1.0f ? 1.0f : apart < -1.0f ? -1.0f : apart;
            delta[c * MICRO_ROWS + row] = active[c] && row < row_count ? cut * part : 0.0f;
        }
    }
}

/* Activations turned round, [MICRO_ROWS][stride], 0 behind the inputs. */
static void turn(const float *x, size_t inputs, size_t stride, float *by_row)
{
    for (size_t row = 0; row < MICRO_ROWS; row++)
        for (size_t i = 0; i < stride; i++)
            by_row[row * stride + i] = i < inputs ? x[i * MICRO_ROWS + row] : 0.0f;
}

/* ∂/∂w[o][i] = Σ over rows, ascending, of δ[o]·x[i]; a lane is an input unit. */
static int64_t weight_gradient(const struct net *net, struct net_work *work, int layer, int64_t *gradient)
{
    const size_t inputs = (size_t)net->width[layer], outputs = (size_t)net->width[layer + 1];
    const size_t stride = (inputs + LANES - 1) / LANES * LANES;
    int64_t cuts = 0;
    turn(work->activation[layer], inputs, stride, work->by_row);
    for (size_t o = 0; o < outputs; o++) {
        const float *delta = work->delta[layer + 1] + o * MICRO_ROWS;
        for (size_t from = 0; from < inputs; from += LANES) {
            float sum[LANES] = {0};
            for (size_t row = 0; row < MICRO_ROWS; row++) {
                const float *x = work->by_row + row * stride + from;
                for (size_t lane = 0; lane < LANES; lane++)
                    sum[lane] += delta[row] * x[lane];
            }
            for (size_t lane = 0; lane < LANES && from + lane < inputs; lane++)
                gradient[o * inputs + from + lane] += gradient_fixed(sum[lane], &cuts);
        }
    }
    return cuts;
}

static int64_t bias_gradient(const struct net *net, const struct net_work *work, int layer, int64_t *gradient)
{
    int64_t cuts = 0;
    for (size_t o = 0; o < (size_t)net->width[layer + 1]; o++) {
        const float *delta = work->delta[layer + 1] + o * MICRO_ROWS;
        float part[8] = {0};
        for (size_t row = 0; row < MICRO_ROWS; row += 8)
            for (size_t lane = 0; lane < 8; lane++)
                part[lane] += delta[row + lane];
        float sum = ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
        gradient[o] += gradient_fixed(sum, &cuts);
    }
    return cuts;
}

/* δ of the layer before: Σ over outputs, ascending, of w[o][i]·δ[o], times the slope at the unit. */
static void layer_back(const struct net *net, struct net_work *work, int layer)
{
    const size_t inputs = (size_t)net->width[layer], outputs = (size_t)net->width[layer + 1];
    const float *weights = net->parameters + net_weight_at(net, layer), *y = work->activation[layer];
    float *delta = work->delta[layer];
    for (size_t i = 0; i < inputs; i++) {
        for (size_t row = 0; row < MICRO_ROWS; row += LANES) {
            float sum[LANES] = {0};
            for (size_t o = 0; o < outputs; o++) {
                const float weight = weights[o * inputs + i];
                const float *from = work->delta[layer + 1] + o * MICRO_ROWS + row;
                for (size_t lane = 0; lane < LANES; lane++)
                    sum[lane] += weight * from[lane];
            }
            for (size_t lane = 0; lane < LANES; lane++)
                delta[i * MICRO_ROWS + row + lane] = sum[lane];
        }
    }
    // Apart from the sums: in one loop with them gcc 12 vectorises neither.
    for (size_t i = 0; i < inputs * MICRO_ROWS; i++)
        delta[i] = y[i] > 0.0f ? delta[i] : delta[i] * LEAK;
}

int64_t net_gradient(const struct net *net, struct net_work *work, const uint8_t *active, size_t row_count,
                     int64_t *gradient)
{
    int64_t cuts = 0;
    output_delta(net, work, active, row_count);
    for (int l = net->layer_count - 1; l >= 0; l--) {
        cuts += weight_gradient(net, work, l, gradient + net_weight_at(net, l));
        cuts += bias_gradient(net, work, l, gradient + net_bias_at(net, l));
        if (l > 0)
            layer_back(net, work, l);
    }
    return cuts;
}
