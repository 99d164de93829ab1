/* SPDX-License-Identifier: Apache-2.0 */
/* Converts binary16 by working on its bits; see half.h. A half has 5 bits of exponent, biased by
 * 15, and 10 bits of fraction; a float has 8, biased by 127, and 23. */
#include "base/half.h"

#include <string.h>

enum { BIAS_DIFFERENCE = 127 - 15, FRACTION_DIFFERENCE = 23 - 10 };

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 0x1fu, fraction = half & 0x3ffu;
    if (exponent == 0x1f)
        return float_of_bits(sign | 0x7f800000u | fraction << FRACTION_DIFFERENCE);
    if (exponent != 0)
        return float_of_bits(sign | (exponent + BIAS_DIFFERENCE) << 23 |
                             fraction << FRACTION_DIFFERENCE);
    float subnormal = (float)fraction * 0x1p-24f;
    return sign ? -subnormal : subnormal;
}

/* value >> shift, rounded to nearest, ties to even. */
static uint32_t shift_rounded(uint32_t value, uint32_t shift)
{
    uint32_t kept = value >> shift, lost = value & ((1u << shift) - 1), middle = 1u << (shift - 1);
    return kept + (lost > middle || (lost == middle && (kept & 1)));
}

/* Rounding may carry into the exponent, and from the largest number to infinity. The result is
 * right, because the bit patterns of halves are ordered by magnitude. */
uint16_t half_from_float(float value)
{
    uint32_t bits = bits_of_float(value), magnitude = bits & 0x7fffffffu, half;
    if (magnitude > 0x7f800000u)
        half = 0x7e00;
    else if (magnitude >= bits_of_float(65520.0f))
        half = 0x7c00;
    else if (magnitude >= bits_of_float(0x1p-14f))
        half = shift_rounded(magnitude - ((uint32_t)BIAS_DIFFERENCE << 23), FRACTION_DIFFERENCE);
    else if (magnitude < bits_of_float(0x1p-25f))
        half = 0;
    else /* a subnormal, in units of 2^-24 */
        half = shift_rounded((magnitude & 0x7fffffu) | 0x800000u, 126 - (magnitude >> 23));
    return (uint16_t)(half | (bits >> 16 & 0x8000u));
}

/* ---- Arrays ----
 *
 * These use the processor's own instructions if it has them. Each vector function handles as many
 * values as fill whole vectors and returns their number. */

#if defined __GNUC__ && defined __x86_64__
#include <immintrin.h>

/* Every processor with AVX2 has F16C. Not every compiler can ask for F16C itself. */
#define VECTOR_TARGET __attribute__((target("avx2,f16c")))
enum { LANES = 8 };

/* The number of values that a vector function handled; 0 if the processor lacks AVX2. */
#define VECTORS(done) (__builtin_cpu_supports("avx2") ? (done) : 0)

VECTOR_TARGET static size_t pack(const float *values, size_t count, float scale, uint16_t *halves)
{
    const __m256 factor = _mm256_set1_ps(scale);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        _mm_storeu_si128((__m128i *)(halves + i),
                         _mm256_cvtps_ph(_mm256_mul_ps(_mm256_loadu_ps(values + i), factor),
                                         _MM_FROUND_TO_NEAREST_INT));
    return i;
}

VECTOR_TARGET static __m256 widen(const uint16_t *halves)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
}

VECTOR_TARGET static size_t unpack(const uint16_t *halves, size_t count, float scale, float *values)
{
    const __m256 factor = _mm256_set1_ps(scale);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        _mm256_storeu_ps(values + i, _mm256_mul_ps(widen(halves + i), factor));
    return i;
}

VECTOR_TARGET static size_t add(const uint16_t *more, size_t count, uint16_t *sums)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        _mm_storeu_si128((__m128i *)(sums + i),
                         _mm256_cvtps_ph(_mm256_add_ps(widen(sums + i), widen(more + i)),
                                         _MM_FROUND_TO_NEAREST_INT));
    return i;
}

#else
#define VECTORS(done) 0
#endif

void half_pack(const float *values, size_t count, float scale, uint16_t *halves)
{
    for (size_t i = VECTORS(pack(values, count, scale, halves)); i < count; i++)
        halves[i] = half_from_float(values[i] * scale);
}

void half_unpack(const uint16_t *halves, size_t count, float scale, float *values)
{
    for (size_t i = VECTORS(unpack(halves, count, scale, values)); i < count; i++)
        values[i] = half_to_float(halves[i]) * scale;
}

void half_add(const uint16_t *more, size_t count, uint16_t *sums)
{
    for (size_t i = VECTORS(add(more, count, sums)); i < count; i++)
        sums[i] = half_from_float(half_to_float(sums[i]) + half_to_float(more[i]));
}
