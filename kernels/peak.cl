// SPDX-License-Identifier: Apache-2.0
// Measures the device's peaks, with chains of multiply-adds that never leave the registers and with
// a copy. `hcnn-cl bench` prints the share of these peaks that each layer reaches. src/ops/peak.c
// sets CHAINS.

// Each work-item starts all CHAINS chains with sums[item], applies chain = chain * factor + addend
// `steps` times, and stores the sum of the chains. With factor 1 and addend 0 the result is CHAINS
// * the start value, which the test checks.
kernel void peak_multiply(global float *sums, uint items, int steps, float factor, float addend)
{
    if (get_global_id(0) >= items)
        return;
    vec chain[CHAINS];
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        chain[i] = (vec)(sums[get_global_id(0)]);
    for (int step = 0; step < steps; step++) {
#pragma unroll
        for (int i = 0; i < CHAINS; i++)
            chain[i] = fma(chain[i], (vec)(factor), (vec)(addend));
    }
    vec total = (vec)(0.0f);
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        total += chain[i];
    float lanes[VEC];
    vec_store(total, lanes);
    float lowest = lanes[0];
    for (int i = 1; i < VEC; i++)
        lowest = min(lowest, lanes[i]);
    sums[get_global_id(0)] = lowest;
}

// One work-item copies VEC floats; count is a multiple of VEC.
kernel void peak_copy(global const float *from, global float *to, ulong count)
{
    const size_t at = (size_t)get_global_id(0) * VEC;
    if (at < count)
        vec_store(vec_load(from + at), to + at);
}
