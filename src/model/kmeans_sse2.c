/* The loops of k-means by SSE2, which every x86-64 has: a block's rows are four vectors of four. */
#include <emmintrin.h>

#define VECTOR __m128i
#define LANES 4
#define LOAD(p) _mm_load_si128((const __m128i *)(const void *)(p))
#define STORE(p, v) _mm_storeu_si128((__m128i *)(void *)(p), (v))
#define SET(i) _mm_set1_epi32(i)
#define DOT(s, a, b) _mm_add_epi32((s), _mm_madd_epi16((a), (b)))
#define CHOOSE(mask, a, b) _mm_or_si128(_mm_and_si128((mask), (a)), _mm_andnot_si128((mask), (b)))
#define KEEP(s, best, arg, i)                                                                                \
    do {                                                                                                     \
        const VECTOR more = _mm_cmpgt_epi32((s), (best));                                                    \
        (arg) = CHOOSE(more, SET(i), (arg));                                                                 \
        (best) = CHOOSE(more, (s), (best));                                                                  \
    } while (0)
/* Labels are below 1,024, so the saturation of signed numbers is out of reach. */
#define LABELS(to, arg)                                                                                      \
    do {                                                                                                     \
        STORE(to, _mm_packs_epi32((arg)[0], (arg)[1]));                                                      \
        STORE((to) + 8, _mm_packs_epi32((arg)[2], (arg)[3]));                                                \
    } while (0)
#define EIGHT(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define EQUALS(a, b)                                                                                         \
    _mm_packs_epi16(_mm_cmpeq_epi16(EIGHT(a), EIGHT(b)), _mm_cmpeq_epi16(EIGHT((a) + 8), EIGHT((b) + 8)))
#define DIFFERENT(a, b) (0xffffu & ~(uint32_t)_mm_movemask_epi8(EQUALS(a, b)))
#define OPAQUE(v) "+x"(v)
#define KERNEL KMEANS_SSE2
#define NAME "sse2"

#include "kmeans_kernel.inc"
