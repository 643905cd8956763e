#include "kmeans_kernel.h"

#include "base/simd.h"

const struct kmeans_kernel *kmeans_kernel_choose(void)
{
#if defined(__x86_64__)
    if (simd_has_vnni())
        return &KMEANS_VNNI;
    if (simd_level() == SIMD_AVX512)
        return &KMEANS_AVX512;
    return simd_level() == SIMD_AVX2 ? &KMEANS_AVX2 : &KMEANS_SSE2;
#else
    return &KMEANS_PLAIN;
#endif
}
