/**
 * The autoencoder's net on micro-batches of 64 rows: forward, errors, gradients.
 *
 * Every float is made in one fixed order (net_kernel.h), the same on every level of instructions. The
 * gradient of the 64 rows' *sum* leaves as whole numbers of 2^-32, so that adding over micro-batches and
 * ranks has no order.
 */
#ifndef MODEL_NET_H
#define MODEL_NET_H

#include "internal.h"

#include "net_kernel.h"

#define FIXED_ONE 0x1p32
#define ERROR_MOST ((int64_t)1 << 44)  // of one row, 32 features of this; 2^18 rows are below 2^63

/** Buffers for one micro-batch; arrays of units have room for whole lanes. */
struct net_work {
    const struct net_kernel *kernel;
    float *activation[MODEL_LAYERS_MOST + 2];  // of the inputs, then of each layer
    float *delta[MODEL_LAYERS_MOST + 2];  // the loss by a layer's sums; delta[0] is not used
    float *by_row;  // [MICRO_ROWS][widest, as whole lanes] units turned round
    float *products;  // [units][units, as whole lanes] of the widest layer
    float *slopes;  // [outputs][inputs] of the widest layer
    float *memory;
};

/** Sizes the net d-hidden…-d and makes its parameters, all 0; end it with net_clear. Local. */
MUST_CHECK enum status net_make(int columns, const int *hidden, int hidden_count, struct net *net,
                                struct error *err);

/** Frees the parameters. Local. */
void net_clear(struct net *net);

/** Draws the weights uniformly from ±√(6/inputs); biases are 0. Local. */
void net_draw(struct net *net, uint64_t seed);

/** Returns where the weights [outputs][inputs] of a layer start among the parameters. Local. */
size_t net_weight_at(const struct net *net, int layer);

/** Returns where the biases of a layer start. Local. */
size_t net_bias_at(const struct net *net, int layer);

/** Makes the buffers; end them with net_work_clear, also after a failure. Local. */
MUST_CHECK enum status net_work_make(const struct net *net, struct net_work *work, struct error *err);

/** Frees the buffers. Local. */
void net_work_clear(struct net_work *work);

/** Loads up to 64 rows of the grid as inputs, z = q/2^9; rows behind them are 0. Local. */
void net_load(const struct net *net, struct net_work *work, const int16_t *rows, size_t row_count);

/** Loads a whole micro-batch that is turned round, [columns][MICRO_ROWS] on the grid. Local. */
void net_load_turned(const struct net *net, struct net_work *work, const int16_t *columns);

/** Works out the outputs of the loaded rows. Local. */
void net_forward(const struct net *net, struct net_work *work);

/**
 * Returns the errors of the rows after net_forward: Σ Huber (δ = 1) over the active features, columns
 * ascending. Local.
 *
 * @param active  borrowed, [columns]
 * @param errors  filled, [MICRO_ROWS] in 2^-32, at most ERROR_MOST
 * @param huber   filled unless NULL, [columns][MICRO_ROWS] the parts
 */
void net_errors(const struct net *net, const struct net_work *work, const uint8_t *active,
                int64_t errors[MICRO_ROWS], float *huber);

/**
 * Adds the gradient of the first `row_count` rows' summed loss, Σ Huber / active features, after net_forward.
 * Local.
 *
 * @param gradient  added to, [parameter_count] in 2^-32, each cut off at ±2^50
 * @return          how many were cut off
 */
int64_t net_gradient(const struct net *net, struct net_work *work, const uint8_t *active, size_t row_count,
                     int64_t *gradient);

#endif
