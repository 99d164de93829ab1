/* SPDX-License-Identifier: Apache-2.0 */
/* IEEE 754 binary16, for which C11 has no type. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Exact; NaN stays NaN. */
float half_to_float(uint16_t half);
/* Rounds to nearest, ties to even, like vstore_half_rte; values from 65520 on become infinite. NaN
 * stays NaN. */
uint16_t half_from_float(float value);

/* The same for arrays of `count` values, ten times as fast if the processor supports it:
 * halves[i] = scale * values[i]
 * values[i] = scale * halves[i]
 * sums[i] += more[i], rounded */
void half_pack(const float *values, size_t count, float scale, uint16_t *halves);
void half_unpack(const uint16_t *halves, size_t count, float scale, float *values);
void half_add(const uint16_t *more, size_t count, uint16_t *sums);
