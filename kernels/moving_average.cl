// SPDX-License-Identifier: Apache-2.0
// average += share * (value - average). Written this way, an average that has reached a constant
// value stays exactly there. One work-item handles VEC values.
kernel void moving_average(global const float *value, global float *average, uint count,
                           float share)
{
    const size_t at = (size_t)get_global_id(0) * VEC;
    if (at >= count)
        return;
    const int left = min((size_t)VEC, count - at);
    const vec before = vec_load_part(average + at, left);
    vec_store_part(before + share * (vec_load_part(value + at, left) - before), average + at, left);
}
