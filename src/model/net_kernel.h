/**
 * The inner loops of the autoencoder: one text (net_kernel.inc), compiled for each level of instructions.
 *
 * A lane is a row or an element of a result, never a part of one sum, and where a product is added it is
 * added by fma, with one rounding, on every level: all levels give the same bits. Arrays of units are
 * [units][MICRO_ROWS] at addresses that 64 divides.
 */
#ifndef MODEL_NET_KERNEL_H
#define MODEL_NET_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MICRO_ROWS 64
#define NET_LANES 16  // units, as lanes, are rounded up to whole numbers of this
#define NET_LEAK 0x1p-6f  // LeakyReLU's slope below 0; a power of two, so the product is exact
#define GRADIENT_MOST 0x1p50f  // in 2^-32; 8,191 micro-batches of this are below 2^63
#define HUBER_MOST 128.0f  // of one feature, where inputs are within ±8

/** What follows the sums of a layer. */
enum net_after {
    NET_LINEAR,
    NET_LEAKY,  // y, and y/64 below 0
    NET_SLOPE,  // times the slope at the unit whose output is `gate`
};

/** A matrix that is applied to units: y[o] = b[o] + Σ w[o][i]·x[i], inputs ascending. All borrowed. */
struct net_matrix {
    const float *weights;  // w[o][i] at o·out_stride + i·in_stride
    size_t out_stride, in_stride;
    const float *biases;  // [outputs]; NULL: 0
    size_t outputs, inputs;
    enum net_after after;
    const float *gate;  // [outputs][MICRO_ROWS] for NET_SLOPE
};

/** The columns of a micro-batch and what the net made of them. All borrowed. */
struct net_outputs {
    const float *x, *y;  // [columns][MICRO_ROWS]
    const uint8_t *active;  // [columns]
    size_t columns;
    float part;  // 1/active columns
};

/** One step of AdamW on a run of parameters. All borrowed. */
struct net_update {
    float *parameters, *mean, *square;  // [count]
    const int64_t *gradient;  // [count] of the summed loss, in 2^-32
    size_t count;
    double unit;  // 2^-32/rows
    float mean_part, square_part;  // 1/(1 − β^t)
    float rate, decay;
};

struct net_kernel {
    const char *name;
    /** Applies a matrix: x [inputs][MICRO_ROWS] to y [outputs][MICRO_ROWS]. */
    void (*apply)(const struct net_matrix *matrix, const float *x, float *y);
    /** to[column][row] = from[row][column]; strides in floats. */
    void (*turn)(const float *from, size_t rows, size_t columns, size_t from_stride, float *to,
                 size_t to_stride);
    /** product[b][lane] = Σ over rows, ascending, of units[b][row]·turned[row][lane]; lanes of `stride`. */
    void (*outer)(const float *units, size_t unit_count, const float *turned, size_t stride, float *product);
    /** huber[c][row] = Huber's loss (δ = 1) of a column, and errors[row] = their sum, columns ascending. */
    void (*errors)(const struct net_outputs *outputs, float *huber, float errors[MICRO_ROWS]);
    /** delta[c][row] = the residual cut off at ±1, times `part`; 0 in columns that are not active. */
    void (*delta)(const struct net_outputs *outputs, float *delta);
    /** to[i] = from[i]/2^9: `columns` columns of the grid become inputs. */
    void (*load)(const int16_t *from, size_t columns, float *to);
    /** sums[u] = Σ over rows of units[u][row]: rows apart by 8 each, ascending, then a fixed tree. */
    void (*total)(const float *units, size_t unit_count, float *sums);
    /** sums[i] += rint(values[i]·2^32); false, and nothing done, when one is beyond GRADIENT_MOST or no
     * number. */
    bool (*fix)(const float *values, size_t count, int64_t *sums);
    /** Takes a step of AdamW. */
    void (*update)(const struct net_update *update);
    /** Returns how many multiplications and additions a number of rounds takes, from registers. */
    double (*peak)(int64_t rounds, float *sink);
};

extern const struct net_kernel NET_PLAIN;
#if defined(__x86_64__)
extern const struct net_kernel NET_AVX2, NET_AVX512;
#endif

/** Returns the kernel of the level that the machine and QUERN_SIMD allow. Static storage. Local. */
const struct net_kernel *net_kernel_choose(void);

#endif
