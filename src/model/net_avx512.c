/* The loops of the autoencoder by AVX-512. */
#include "net_turn.h"

#define VECTOR __m512
#define LANES 16
#define LOAD(p) _mm512_load_ps(p)
#define STORE(p, v) _mm512_storeu_ps((p), (v))
#define SET(f) _mm512_set1_ps(f)
#define ADD(a, b) _mm512_add_ps((a), (b))
#define SUB(a, b) _mm512_sub_ps((a), (b))
#define MUL(a, b) _mm512_mul_ps((a), (b))
#define FMA(a, b, c) _mm512_fmadd_ps((a), (b), (c))
#define MORE(a, b) _mm512_max_ps((a), (b))
#define LESS(a, b) _mm512_min_ps((a), (b))
#define LEAKED(gate, d)                                                                                      \
    _mm512_mask_mul_ps((d), _mm512_cmp_ps_mask((gate), _mm512_setzero_ps(), _CMP_NGT_UQ), (d), SET(NET_LEAK))
#define ROW_VECTORS 4
#define OUTPUTS 4
#define LANE_VECTORS 1
#define UNITS 8
#define FIX_LANES 8
#define FIX(p, sums)                                                                                         \
    _mm512_storeu_si512(                                                                                     \
        (sums),                                                                                              \
        _mm512_add_epi64(_mm512_loadu_si512(sums),                                                           \
                         _mm512_cvtps_epi64(_mm256_mul_ps(_mm256_loadu_ps(p), _mm256_set1_ps(0x1p32f)))))
#define OPAQUE(v) "+v"(v)
#define KERNEL NET_AVX512
#define NAME "avx512"

#include "net_kernel.inc"
