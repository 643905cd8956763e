/* The loops of the autoencoder in plain C. fmaf is slow where the processor has none, and right. */
#include <math.h>

#define VECTOR float
#define LANES 1
#define LOAD(p) (*(p))
#define STORE(p, v) (*(p) = (v))
#define SET(f) (f)
#define ADD(a, b) ((a) + (b))
#define SUB(a, b) ((a) - (b))
#define MUL(a, b) ((a) * (b))
#define FMA(a, b, c) fmaf((a), (b), (c))
#define MORE(a, b) ((a) > (b) ? (a) : (b))
#define LESS(a, b) ((a) < (b) ? (a) : (b))
#define LEAKED(gate, d) ((gate) > 0.0f ? (d) : (d)*NET_LEAK)
#define ROW_VECTORS 4
#define OUTPUTS 4
#define LANE_VECTORS 4
#define UNITS 4
#define FIX_LANES 1
#define FIX(p, sums) (*(sums) += llrint((double)*(p)*0x1p32))
#define BLOCK_TURN(from, from_stride, to, to_stride)                                                         \
    do {                                                                                                     \
        for (size_t i = 0; i < 8; i++)                                                                       \
            for (size_t j = 0; j < 8; j++)                                                                   \
                (to)[j * (to_stride) + i] = (from)[i * (from_stride) + j];                                   \
    } while (0)
#define OPAQUE(v) "+g"(v)
#define KERNEL NET_PLAIN
#define NAME "plain"

#include "net_kernel.inc"
