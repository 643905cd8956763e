/* The loops of k-means by AVX-512 with VNNI: one instruction multiplies and adds. Not the one that saturates.
 */
#include "kmeans_avx512.h"

#define DOT(s, a, b) _mm512_dpwssd_epi32((s), (a), (b))
#define KERNEL KMEANS_VNNI
#define NAME "avx512 vnni"

#include "kmeans_kernel.inc"
