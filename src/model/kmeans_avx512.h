/* What the two kernels of AVX-512 share: a block's rows are one vector. */
#ifndef MODEL_KMEANS_AVX512_H
#define MODEL_KMEANS_AVX512_H

#include <immintrin.h>

#define VECTOR __m512i
#define LANES 16
#define LOAD(p) _mm512_load_si512(p)
#define STORE(p, v) _mm512_storeu_si512((p), (v))
#define SET(i) _mm512_set1_epi32(i)
#define KEEP(s, best, arg, i)                                                                                \
    do {                                                                                                     \
        (arg) = _mm512_mask_mov_epi32((arg), _mm512_cmpgt_epi32_mask((s), (best)), SET(i));                  \
        (best) = _mm512_max_epi32((best), (s));                                                              \
    } while (0)
#define LABELS(to, arg) _mm256_storeu_si256((__m256i *)(void *)(to), _mm512_cvtepi32_epi16((arg)[0]))
#define DIFFERENT(a, b)                                                                                      \
    _mm256_cmpneq_epi16_mask(_mm256_loadu_si256((const __m256i *)(const void *)(a)),                         \
                             _mm256_loadu_si256((const __m256i *)(const void *)(b)))
#define OPAQUE(v) "+v"(v)

#endif
