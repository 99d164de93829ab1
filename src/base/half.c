/* Conversions of binary16 by its bits; see half.h. A half has 5 bits of exponent, biased by 15, and
 * 10 of fraction; a float 8, biased by 127, and 23. */
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

/* value >> shift, to the nearest, ties to even. */
static uint32_t shift_rounded(uint32_t value, uint32_t shift)
{
    uint32_t kept = value >> shift, lost = value & ((1u << shift) - 1), middle = 1u << (shift - 1);
    return kept + (lost > middle || (lost == middle && (kept & 1)));
}

/* Rounding may carry into the exponent, and from the largest number to infinity: bits of halves
 * are in the order of their magnitudes. */
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
    else /* a subnormal: units of 2^-24 */
        half = shift_rounded((magnitude & 0x7fffffu) | 0x800000u, 126 - (magnitude >> 23));
    return (uint16_t)(half | (bits >> 16 & 0x8000u));
}

/* ---- Many at once ----
 *
 * Without branches, so that the compiler makes vector instructions of them; it has to be asked. */

#if defined __GNUC__ && !defined __clang__
#define VECTORISED __attribute__((optimize("O3")))
#else
#define VECTORISED
#endif

enum {
    FLOAT_INFINITE = 255 << 23,
    HALF_INFINITE = 0x1f << 10,
    /* As a float 2^-1: what is added to it loses all bits below 2^-24, a half's last. */
    HALF_OF_ONE = 126 << 23,
};

/* The bits of a half, by those of a float. */
static inline uint32_t narrow(uint32_t bits)
{
    const uint32_t smallest_normal = (uint32_t)(BIAS_DIFFERENCE + 1) << 23;
    const uint32_t beyond = (uint32_t)(BIAS_DIFFERENCE + 31) << 23;
    uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t odd = magnitude >> FRACTION_DIFFERENCE & 1;
    uint32_t normal =
        (magnitude - ((uint32_t)BIAS_DIFFERENCE << 23) + 0xfff + odd) >> FRACTION_DIFFERENCE;
    uint32_t subnormal =
        bits_of_float(float_of_bits(magnitude) + float_of_bits(HALF_OF_ONE)) - HALF_OF_ONE;
    uint32_t special = magnitude > FLOAT_INFINITE ? HALF_INFINITE | 0x200u : HALF_INFINITE;
    uint32_t half = magnitude < smallest_normal ? subnormal : normal;
    return (magnitude >= beyond ? special : half) | (bits >> 16 & 0x8000u);
}

/* The bits of a float, by those of a half: its exponent is put right by a product. */
static inline uint32_t widen(uint32_t half)
{
    uint32_t shifted = (half & 0x7fffu) << FRACTION_DIFFERENCE;
    uint32_t bits = bits_of_float(float_of_bits(shifted) * 0x1p112f);
    uint32_t special = shifted | FLOAT_INFINITE;
    return (shifted >= (uint32_t)HALF_INFINITE << FRACTION_DIFFERENCE ? special : bits) |
           (half & 0x8000u) << 16;
}

VECTORISED void half_pack(const float *values, size_t count, float scale, uint16_t *halves)
{
    for (size_t i = 0; i < count; i++)
        halves[i] = (uint16_t)narrow(bits_of_float(values[i] * scale));
}

VECTORISED void half_unpack(const uint16_t *halves, size_t count, float scale, float *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = float_of_bits(widen(halves[i])) * scale;
}

VECTORISED void half_add(const uint16_t *more, size_t count, uint16_t *sums)
{
    for (size_t i = 0; i < count; i++)
        sums[i] = (uint16_t)narrow(
            bits_of_float(float_of_bits(widen(sums[i])) + float_of_bits(widen(more[i]))));
}
