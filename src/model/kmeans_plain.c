/* The loops of k-means in plain C: a vector is one row. */
#include <stdint.h>

static inline uint32_t lanes_different(const uint16_t *a, const uint16_t *b)
{
    uint32_t bits = 0;
    for (int lane = 0; lane < 16; lane++)
        bits |= (uint32_t)(a[lane] != b[lane]) << lane;
    return bits;
}

#define VECTOR int32_t
#define LANES 1
#define LOAD(p) (*(p))
#define STORE(p, v) (*(p) = (v))
#define SET(i) (i)
#define DOT(s, a, b) ((s) + (int16_t)(a) * (int16_t)(b) + ((a) >> 16) * ((b) >> 16))
#define KEEP(s, best, arg, i)                                                                                \
    do {                                                                                                     \
        (arg) = (s) > (best) ? (i) : (arg);                                                                  \
        (best) = (s) > (best) ? (s) : (best);                                                                \
    } while (0)
#define LABELS(to, arg)                                                                                      \
    do {                                                                                                     \
        for (int lane = 0; lane < BLOCK_ROWS; lane++)                                                        \
            (to)[lane] = (uint16_t)(arg)[lane];                                                              \
    } while (0)
#define DIFFERENT(a, b) lanes_different((a), (b))
#define OPAQUE(v) "+r"(v)
#define KERNEL KMEANS_PLAIN
#define NAME "plain"

#include "kmeans_kernel.inc"
