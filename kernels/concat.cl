// SPDX-License-Identifier: Apache-2.0
// Channel concatenation: one part at a time between its own tensor and its place in the whole.

// whole[pixel][from .. from + c) = part[pixel][0 .. c); one work-item moves VEC channels.
kernel void concat_put(global const real *part, global real *whole, int c, int from, int whole_c)
{
    const int channel = get_global_id(0) * VEC;
    const size_t pixel = get_global_id(1);
    const int left = c - channel;
    real_store_part(real_load_part(part + pixel * c + channel, left),
                    whole + pixel * whole_c + from + channel, left);
}

// part = (accumulate ? part : 0) + its place in the whole.
kernel void concat_take(global const real *whole, global real *part, int c, int from, int whole_c,
                        int accumulate)
{
    const int channel = get_global_id(0) * VEC;
    const size_t pixel = get_global_id(1);
    const int left = c - channel;
    global real *out = part + pixel * c + channel;
    const vec taken = real_load_part(whole + pixel * whole_c + from + channel, left);
    real_store_part(accumulate ? real_load_part(out, left) + taken : taken, out, left);
}
