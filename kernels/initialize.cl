// SPDX-License-Identifier: Apache-2.0
// Initial weights from Philox4x32-10 (see src/base/random.h). Block `index` of a stream is four
// words and fills four neighbouring floats, so values do not depend on the device.

static inline uint4 random_block(ulong seed, uint stream, ulong index)
{
    uint key0 = (uint)seed, key1 = (uint)(seed >> 32);
    uint4 c = (uint4)((uint)index, (uint)(index >> 32), stream, 0);
    for (int round = 0; round < 10; round++) {
        const uint high0 = mul_hi(0xD2511F53u, c.x), low0 = 0xD2511F53u * c.x;
        const uint high1 = mul_hi(0xCD9E8D57u, c.z), low1 = 0xCD9E8D57u * c.z;
        c = (uint4)(high1 ^ c.y ^ key0, low1, high0 ^ c.w ^ key1, low0);
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return c;
}

// A number in (0, 1): the middle of one of 2^24 equal steps, so its logarithm is finite.
static inline float unit_interval(uint word)
{
    return ((float)(word >> 8) + 0.5f) * 0x1p-24f;
}

static inline void store_four(float4 v, global float *values, uint count, uint at)
{
    if (at + 4 <= count) {
        vstore4(v, 0, values + at);
        return;
    }
    const float lanes[4] = {v.x, v.y, v.z, v.w};
    for (uint i = at; i < count; i++)
        values[i] = lanes[i - at];
}

// The Box-Muller transform: two normal numbers from two uniform ones. One work-item handles four
// blocks, so that the logarithms and angles fill vectors.
kernel void initialize_normal(global float *values, uint count, ulong seed, uint stream, uint id,
                              float deviation)
{
    const uint at = get_global_id(0) * 16;
    if (at >= count)
        return;
    float radii[8], turns[8], lanes[16];
    for (uint i = 0; i < 4; i++) {
        const uint4 words = random_block(seed, stream, (ulong)id << 32 | (at / 4 + i));
        radii[2 * i] = unit_interval(words.x);
        turns[2 * i] = unit_interval(words.y);
        radii[2 * i + 1] = unit_interval(words.z);
        turns[2 * i + 1] = unit_interval(words.w);
    }
    const float8 r = deviation * sqrt(-2.0f * log(vload8(0, radii)));
    const float8 angle = 6.28318530718f * vload8(0, turns);
    const float8 c = r * cos(angle), s = r * sin(angle);
    float8 first, second; // passing a float16 makes clang warn, on processors without AVX-512
    first.even = c.lo;
    first.odd = s.lo;
    second.even = c.hi;
    second.odd = s.hi;
    if (at + 16 <= count) {
        vstore8(first, 0, values + at);
        vstore8(second, 1, values + at);
        return;
    }
    vstore8(first, 0, lanes);
    vstore8(second, 1, lanes);
    for (uint i = at; i < count; i++)
        values[i] = lanes[i - at];
}

kernel void initialize_uniform(global float *values, uint count, ulong seed, uint stream, uint id,
                               float bound)
{
    const uint block = get_global_id(0);
    if (block >= (count + 3) / 4)
        return;
    const uint4 words = random_block(seed, stream, (ulong)id << 32 | block);
    const float4 unit = (float4)(unit_interval(words.x), unit_interval(words.y),
                                 unit_interval(words.z), unit_interval(words.w));
    store_four((2.0f * unit - 1.0f) * bound, values, count, block * 4);
}

kernel void initialize_constant(global float *values, uint count, float value)
{
    if (get_global_id(0) < count)
        values[get_global_id(0)] = value;
}
