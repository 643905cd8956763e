/* The loops of the autoencoder by AVX2 and FMA. */
#include "net_turn.h"

#define VECTOR __m256
#define LANES 8
#define LOAD(p) _mm256_load_ps(p)
#define STORE(p, v) _mm256_storeu_ps((p), (v))
#define SET(f) _mm256_set1_ps(f)
#define ADD(a, b) _mm256_add_ps((a), (b))
#define SUB(a, b) _mm256_sub_ps((a), (b))
#define MUL(a, b) _mm256_mul_ps((a), (b))
#define FMA(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define MORE(a, b) _mm256_max_ps((a), (b))
#define LESS(a, b) _mm256_min_ps((a), (b))
#define LEAKED(gate, d)                                                                                      \
    _mm256_blendv_ps(MUL((d), SET(NET_LEAK)), (d), _mm256_cmp_ps((gate), _mm256_setzero_ps(), _CMP_GT_OQ))
#define ROW_VECTORS 2
#define OUTPUTS 4
#define LANE_VECTORS 2
#define UNITS 4
/* v + 1.5·2^52 has the whole number next to v in its last bits, |v| < 2^51. */
#define FIX_LANES 4
#define FIX_MAGIC 0x1.8p52
#define FIX(p, sums)                                                                                         \
    do {                                                                                                     \
        const __m256d scaled = _mm256_mul_pd(_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_set1_pd(0x1p32));      \
        const __m256d magic = _mm256_set1_pd(FIX_MAGIC);                                                     \
        const __m256i near_by =                                                                              \
            _mm256_sub_epi64(_mm256_castpd_si256(_mm256_add_pd(scaled, magic)), _mm256_castpd_si256(magic)); \
        __m256i *to = (__m256i *)(void *)(sums);                                                             \
        _mm256_storeu_si256(to, _mm256_add_epi64(_mm256_loadu_si256(to), near_by));                          \
    } while (0)
#define OPAQUE(v) "+x"(v)
#define KERNEL NET_AVX2
#define NAME "avx2"

#include "net_kernel.inc"
