// SPDX-License-Identifier: Apache-2.0
// Measures the device's peaks: with products whose factors and sums stay in registers or the first
// cache, and with a copy. `hcnn-cl bench` prints the share of these peaks that each layer reaches.
// src/ops/peak.c sets CHAINS and ROWS.

#include "matrix_unit.cl"

// A lane whose steps all have this value, which has to be exact in the unit's type.
INLINE lane lane_of(float value)
{
#if STEPS == 2
    const uint upper = as_uint(value) >> 16;
    return upper | upper << 16;
#else
    return value;
#endif
}

// The value of all; NaN if they differ.
INLINE float common_value(const float *values, int count)
{
    bool same = true;
    for (int i = 1; i < count; i++)
        same &= values[i] == values[0];
    return same ? values[0] : NAN;
}

// Each work-item starts all of its sums with sums[item] and, `steps` times, adds LANES * STEPS
// products factor * factor to each. It stores their value, or NaN if they differ.
// kernels/matrix_unit.cl's unit multiplies: ROWS x (2 * VEC) sums if it has tiles, otherwise CHAINS
// vectors.
kernel void peak_multiply(global float *sums, uint items, int steps, float factor)
{
    if (get_global_id(0) >= items)
        return;
    const float start = sums[get_global_id(0)];
#ifdef UNIT_TILES
    float total[ROWS * 2 * VEC];
    lane rows[ROWS * LANES], columns[LANES * 2 * VEC];
    for (int i = 0; i < ROWS * 2 * VEC; i++)
        total[i] = start;
    for (int i = 0; i < ROWS * LANES; i++)
        rows[i] = lane_of(factor);
    for (int i = 0; i < LANES * 2 * VEC; i++)
        columns[i] = lane_of(factor);
    sum_tiles t;
    begin_tiles();
    load_sums(&t, total, 2 * VEC);
    for (int step = 0; step < steps; step++)
        add_to_sums(&t, (ulong)rows, LANES, (ulong)columns, LANES, 0, 0);
    store_sums(&t, total, 2 * VEC);
    end_tiles();
    sums[get_global_id(0)] = common_value(total, ROWS * 2 * VEC);
#else
    // The starts differ, so that no compiler takes the chains for one.
    vec chain[CHAINS];
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        chain[i] = (vec)(start + i);
    const lane row = lane_of(factor);
    const lanes column = (lanes)(row);
    for (int step = 0; step < steps; step++) {
#pragma unroll
        for (int i = 0; i < CHAINS; i++)
            chain[i] = multiply_add(row, column, chain[i]);
    }
    float total[CHAINS * VEC];
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        vec_store(chain[i] - i, total + i * VEC);
    sums[get_global_id(0)] = common_value(total, CHAINS * VEC);
#endif
}

// One work-item copies VEC floats; count is a multiple of VEC.
kernel void peak_copy(global const float *from, global float *to, ulong count)
{
    const size_t at = (size_t)get_global_id(0) * VEC;
    if (at < count)
        vec_store(vec_load(from + at), to + at);
}
