/* The loops of k-means by AVX2: a block's rows are two vectors of eight. */
#include <immintrin.h>

#define VECTOR __m256i
#define LANES 8
#define LOAD(p) _mm256_load_si256((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), (v))
#define SET(i) _mm256_set1_epi32(i)
#define DOT(s, a, b) _mm256_add_epi32((s), _mm256_madd_epi16((a), (b)))
#define KEEP(s, best, arg, i)                                                                                \
    do {                                                                                                     \
        (arg) = _mm256_blendv_epi8((arg), SET(i), _mm256_cmpgt_epi32((s), (best)));                          \
        (best) = _mm256_max_epi32((best), (s));                                                              \
    } while (0)
#define LABELS(to, arg) STORE(to, _mm256_permute4x64_epi64(_mm256_packus_epi32((arg)[0], (arg)[1]), 0xd8))
#define EQUALS(a, b)                                                                                         \
    _mm256_cmpeq_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(a)),                               \
                       _mm256_loadu_si256((const __m256i *)(const void *)(b)))
#define BITS(v)                                                                                              \
    _mm_movemask_epi8(_mm_packs_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256((v), 1)))
#define DIFFERENT(a, b) (0xffffu & ~(uint32_t)BITS(EQUALS(a, b)))
#define OPAQUE(v) "+x"(v)
#define KERNEL KMEANS_AVX2
#define NAME "avx2"

#include "kmeans_kernel.inc"
