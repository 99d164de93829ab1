// SPDX-License-Identifier: Apache-2.0
// Concatenation along the channels. Each kernel copies one part: into the whole tensor, or back out
// of it.

// whole[pixel][from .. from + c) = part[pixel][0 .. c). One work-item copies VEC channels.
kernel void concat_put(global const real *part, global real *whole, int c, int from, int whole_c)
{
    const int channel = get_global_id(0) * VEC;
    const size_t pixel = get_global_id(1);
    const int left = c - channel;
    if (left <= 0)
        return;
    real_store_part(real_load_part(part + pixel * c + channel, left),
                    whole + pixel * whole_c + from + channel, left);
}

// part[pixel][0 .. c) = (accumulate ? part : 0) + whole[pixel][from .. from + c).
kernel void concat_take(global const real *whole, global real *part, int c, int from, int whole_c,
                        int accumulate)
{
    const int channel = get_global_id(0) * VEC;
    const size_t pixel = get_global_id(1);
    const int left = c - channel;
    if (left <= 0)
        return;
    global real *out = part + pixel * c + channel;
    const vec taken = real_load_part(whole + pixel * whole_c + from + channel, left);
    real_store_part(accumulate ? real_load_part(out, left) + taken : taken, out, left);
}
