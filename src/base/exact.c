#include "base/exact.h"

#include <math.h>
#include <string.h>

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

double exact_log2(double x)
{
    const uint64_t root_half = 0x3fe6a09e00000000u;  // the upper half of sqrt(1/2)
    uint64_t u = bits_of(x) - root_half;
    // An arithmetic shift of the sign: numbers below sqrt(1/2) have a negative exponent here.
    int64_t e = (int64_t)(u >> 52) - (int64_t)((u >> 63) << 12);
    double m = double_of((u & 0xfffffffffffffu) + root_half);
    double s = (m - 1.0) / (m + 1.0);
    double z = s * s;
    double p = 1.0 / 17;
    p = p * z + 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    return (double)e + (s + s * (p * z)) * 2.885390081777926814719849362003;
}

double exact_exp2(double x)
{
    double n = rint(x);
    double r = (x - n) * 0.693147180559945309417232121458;
    double p = 1.0;
    for (int k = 13; k >= 1; k--)
        p = p * r / k + 1.0;
    // In two steps, so that results below the least normal number are rounded once, at the end.
    int64_t whole = (int64_t)n;
    int64_t first = whole / 2;
    double low = double_of((uint64_t)(first + 1023) << 52);
    double high = double_of((uint64_t)(whole - first + 1023) << 52);
    return p * low * high;
}

int64_t fixed_log2(uint64_t n)
{
    return n < 2 ? 0 : llrint(exact_log2((double)n) * 0x1p32);
}
