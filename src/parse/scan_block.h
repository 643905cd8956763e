/* Sixty-four bytes at once: the same answers from AVX-512, from AVX2 and from plain C. A mask has a bit a
 * byte, the first byte's the lowest. */
#ifndef PARSE_SCAN_BLOCK_H
#define PARSE_SCAN_BLOCK_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#    include <immintrin.h>
#endif

#if defined(__AVX512BW__)

typedef __m512i block;

static inline block block_load(const void *at)
{
    return _mm512_loadu_si512(at);
}

static inline void block_store(void *at, block b)
{
    _mm512_storeu_si512(at, b);
}

static inline uint64_t block_find(block b, char c)
{
    return _mm512_cmpeq_epi8_mask(b, _mm512_set1_epi8(c));
}

static inline uint64_t block_same(block a, block b)
{
    return _mm512_cmpeq_epi8_mask(a, b);
}

static inline uint64_t block_between(block b, char least, char most)
{
    return _mm512_cmple_epu8_mask(_mm512_sub_epi8(b, _mm512_set1_epi8(least)),
                                  _mm512_set1_epi8((char)(most - least)));
}

/* The bytes of the mask, capitals lowered; the others 0. */
static inline block block_lower(block b, uint64_t capitals, uint64_t mask)
{
    const block lower = _mm512_mask_add_epi8(b, capitals, b, _mm512_set1_epi8('a' - 'A'));
    return _mm512_maskz_mov_epi8(mask, lower);
}

#elif defined(__AVX2__)

typedef struct {
    __m256i half[2];
} block;

static inline block block_load(const void *at)
{
    const __m256i *halves = at;
    return (block){{_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)}};
}

static inline void block_store(void *at, block b)
{
    __m256i *halves = at;
    _mm256_storeu_si256(halves, b.half[0]);
    _mm256_storeu_si256(halves + 1, b.half[1]);
}

static inline uint64_t block_mask(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

static inline uint64_t block_find(block b, char c)
{
    const __m256i all = _mm256_set1_epi8(c);
    return block_mask(_mm256_cmpeq_epi8(b.half[0], all), _mm256_cmpeq_epi8(b.half[1], all));
}

static inline uint64_t block_same(block a, block b)
{
    return block_mask(_mm256_cmpeq_epi8(a.half[0], b.half[0]), _mm256_cmpeq_epi8(a.half[1], b.half[1]));
}

static inline uint64_t block_between(block b, char least, char most)
{
    const __m256i from = _mm256_set1_epi8(least), span = _mm256_set1_epi8((char)(most - least));
    const __m256i low = _mm256_sub_epi8(b.half[0], from), high = _mm256_sub_epi8(b.half[1], from);
    return block_mask(_mm256_cmpeq_epi8(_mm256_min_epu8(low, span), low),
                      _mm256_cmpeq_epi8(_mm256_min_epu8(high, span), high));
}

/* 32 bits as 32 bytes of 0 or 0xff. */
static inline __m256i bytes_of_bits(uint32_t bits)
{
    const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201u);
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), spread);
    return _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
}

static inline block block_lower(block b, uint64_t capitals, uint64_t mask)
{
    const __m256i bit = _mm256_set1_epi8('a' - 'A');
    block lower;
    for (int i = 0; i < 2; i++) {
        const __m256i raise = _mm256_and_si256(bytes_of_bits((uint32_t)(capitals >> 32 * i)), bit);
        lower.half[i] =
            _mm256_and_si256(_mm256_add_epi8(b.half[i], raise), bytes_of_bits((uint32_t)(mask >> 32 * i)));
    }
    return lower;
}

#else

typedef struct {
    uint64_t word[8];
} block;

#    define BYTES_OF(c) (0x0101010101010101u * (uint8_t)(c))

static inline block block_load(const void *at)
{
    block b;
    memcpy(&b, at, sizeof b);
#    if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (int i = 0; i < 8; i++)
        b.word[i] = __builtin_bswap64(b.word[i]);
#    endif
    return b;
}

static inline void block_store(void *at, block b)
{
#    if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (int i = 0; i < 8; i++)
        b.word[i] = __builtin_bswap64(b.word[i]);
#    endif
    memcpy(at, &b, sizeof b);
}

/* The high bit of each byte that is 0. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return ~(((word & BYTES_OF(0x7f)) + BYTES_OF(0x7f)) | word | BYTES_OF(0x7f));
}

/* The high bits of eight bytes, side by side. */
static inline uint64_t high_bits(uint64_t word)
{
    return ((word >> 7) & BYTES_OF(1)) * 0x0102040810204080u >> 56;
}

static inline uint64_t block_find(block b, char c)
{
    uint64_t mask = 0;
    for (int i = 0; i < 8; i++)
        mask |= high_bits(zero_bytes(b.word[i] ^ BYTES_OF(c))) << 8 * i;
    return mask;
}

static inline uint64_t block_same(block a, block b)
{
    uint64_t mask = 0;
    for (int i = 0; i < 8; i++)
        mask |= high_bits(zero_bytes(a.word[i] ^ b.word[i])) << 8 * i;
    return mask;
}

/* Of ASCII bounds. */
static inline uint64_t block_between(block b, char least, char most)
{
    uint64_t mask = 0;
    for (int i = 0; i < 8; i++) {
        const uint64_t seven = b.word[i] & BYTES_OF(0x7f);
        const uint64_t above = seven + BYTES_OF(0x7f - most), reached = seven + BYTES_OF(0x80 - least);
        mask |= high_bits(reached & ~above & ~b.word[i]) << 8 * i;
    }
    return mask;
}

static inline uint64_t bytes_of_bits(uint64_t bits)
{
    const uint64_t spread = (bits & 0xff) * 0x0101010101010101u & 0x8040201008040201u;
    return (((spread + BYTES_OF(0x7f)) | spread) & BYTES_OF(0x80)) >> 7 & BYTES_OF(1);
}

static inline block block_lower(block b, uint64_t capitals, uint64_t mask)
{
    for (int i = 0; i < 8; i++) {
        b.word[i] += bytes_of_bits(capitals >> 8 * i) * ('a' - 'A');
        b.word[i] &= bytes_of_bits(mask >> 8 * i) * 0xff;
    }
    return b;
}

#endif

/* The lowest `count` bits, count <= 64. */
static inline uint64_t mask_of(size_t count)
{
    return count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1;
}

#endif
