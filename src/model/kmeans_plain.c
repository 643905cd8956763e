/* The loops of k-means in plain C: a vector is one row. */
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
#define OPAQUE(v) "+r"(v)
#define KERNEL KMEANS_PLAIN
#define NAME "plain"

#include "kmeans_kernel.inc"
