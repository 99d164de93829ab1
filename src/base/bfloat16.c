/* SPDX-License-Identifier: Apache-2.0 */
/* Converts bfloat16 by working on its bits; see bfloat16.h. */
#include "base/bfloat16.h"

#include <string.h>

float bfloat16_to_float(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

/* Rounding may carry into the exponent, and from the largest number to infinity. The result is
 * right, because the bit patterns of floats are ordered by magnitude. A NaN is made quiet: the
 * upper half of its fraction may be zero. */
uint16_t bfloat16_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
