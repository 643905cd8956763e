#include "net_kernel.h"

#include "base/simd.h"

const struct net_kernel *net_kernel_choose(void)
{
#if defined(__x86_64__)
    if (simd_level() == SIMD_AVX512)
        return &NET_AVX512;
    if (simd_level() == SIMD_AVX2)
        return &NET_AVX2;
#endif
    return &NET_PLAIN;
}
