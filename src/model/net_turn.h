/* Turning 8 by 8 floats round by AVX, for both wide kernels. */
#ifndef MODEL_NET_TURN_H
#define MODEL_NET_TURN_H

#include <immintrin.h>
#include <stddef.h>

#define BLOCK_TURN(from, from_stride, to, to_stride) block_turn(from, from_stride, to, to_stride)

/* Rows in pairs, then pairs of pairs, then halves. */
static inline __attribute__((always_inline)) void block_turn(const float *from, size_t from_stride, float *to,
                                                             size_t to_stride)
{
    __m256 in[8], pairs[8], quads[8];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++)
        in[i] = _mm256_loadu_ps(from + i * from_stride);
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_ps(in[i], in[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(in[i], in[i + 1]);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i += 4) {
        quads[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0x44);
        quads[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], 0xee);
        quads[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0x44);
        quads[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], 0xee);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31));
    }
}

#endif
