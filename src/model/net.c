#include "net.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status net_make(int columns, const int *hidden, int hidden_count, struct net *net, struct error *err)
{
    *net = (struct net){.layer_count = hidden_count + 1};
    net->width[0] = columns;
    for (int l = 0; l < hidden_count; l++)
        net->width[l + 1] = hidden[l];
    net->width[hidden_count + 1] = columns;
    for (int l = 0; l < net->layer_count; l++) {
        net->weight_count += (size_t)net->width[l] * (size_t)net->width[l + 1];
        net->parameter_count += (size_t)net->width[l + 1];
    }
    net->parameter_count += net->weight_count;
    net->parameters = calloc(net->parameter_count, sizeof *net->parameters);
    return net->parameters ? STATUS_OK : model_no_memory("autoencoder", net->parameter_count, err);
}

void net_clear(struct net *net)
{
    free(net->parameters);
    *net = (struct net){0};
}

size_t net_weight_at(const struct net *net, int layer)
{
    size_t at = 0;
    for (int l = 0; l < layer; l++)
        at += (size_t)net->width[l] * (size_t)net->width[l + 1];
    return at;
}

size_t net_bias_at(const struct net *net, int layer)
{
    size_t at = net->weight_count;
    for (int l = 0; l < layer; l++)
        at += (size_t)net->width[l + 1];
    return at;
}

void net_draw(struct net *net, uint64_t seed)
{
    memset(net->parameters, 0, net->parameter_count * sizeof *net->parameters);
    for (int l = 0; l < net->layer_count; l++) {
        float *weights = net->parameters + net_weight_at(net, l);
        size_t count = (size_t)net->width[l] * (size_t)net->width[l + 1];
        double most = sqrt(6.0 / net->width[l]);
        for (size_t i = 0; i < count; i++)
            weights[i] = (float)((2.0 * random_unit(seed, RANDOM_WEIGHTS, (uint32_t)l, i) - 1.0) * most);
    }
}

enum status net_work_make(const struct net *net, struct net_work *work, struct error *err)
{
    size_t units = 0, widest = 0;
    *work = (struct net_work){.kernel = net_kernel_choose()};
    for (int l = 0; l <= net->layer_count; l++) {
        const size_t width = ((size_t)net->width[l] + NET_LANES - 1) / NET_LANES * NET_LANES;
        units += width;
        widest = width > widest ? width : widest;
    }
    const size_t count = (2 * units + widest) * MICRO_ROWS + 2 * widest * widest;
    work->memory = aligned_alloc(64, count * sizeof *work->memory);
    if (!work->memory)
        return model_no_memory("autoencoder", units, err);
    memset(work->memory, 0, count * sizeof *work->memory);
    float *free_from = work->memory;
    for (int l = 0; l <= net->layer_count; l++) {
        size_t room = ((size_t)net->width[l] + NET_LANES - 1) / NET_LANES * NET_LANES * MICRO_ROWS;
        work->activation[l] = free_from;
        work->delta[l] = free_from + room;
        free_from += 2 * room;
    }
    work->by_row = free_from;
    work->products = work->by_row + widest * MICRO_ROWS;
    work->slopes = work->products + widest * widest;
    return STATUS_OK;
}

void net_work_clear(struct net_work *work)
{
    free(work->memory);
    *work = (struct net_work){0};
}

void net_load(const struct net *net, struct net_work *work, const int16_t *rows, size_t row_count)
{
    const size_t columns = (size_t)net->width[0];
    for (size_t c = 0; c < columns; c++)
        for (size_t row = 0; row < MICRO_ROWS; row++)
            work->activation[0][c * MICRO_ROWS + row] =
                row < row_count ? (float)rows[row * GRID_COLUMNS + c] / GRID_ONE : 0.0f;
}
