/* SPDX-License-Identifier: Apache-2.0 */
/* bfloat16, the upper half of a float: its sign, its 8 bits of exponent and 7 of its 23 bits of
 * fraction. */
#pragma once

#include <stdint.h>

/* Exact; NaN stays NaN. */
float bfloat16_to_float(uint16_t value);
/* Rounds to nearest, ties to even, like real_set of kernels/common.cl. Values that are nearer to
 * 2^128 than to the largest number become infinite. NaN stays NaN. */
uint16_t bfloat16_from_float(float value);
