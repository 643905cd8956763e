/* The loops of k-means by AVX-512 without VNNI. */
#include "kmeans_avx512.h"

#define DOT(s, a, b) _mm512_add_epi32((s), _mm512_madd_epi16((a), (b)))
#define KERNEL KMEANS_AVX512
#define NAME "avx512"

#include "kmeans_kernel.inc"
