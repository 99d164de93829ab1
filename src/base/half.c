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
