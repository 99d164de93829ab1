// SPDX-License-Identifier: Apache-2.0
// Global average pooling: x[n][pixels][c] to y[n][c].

// One work-item averages VEC channels of one image, adding pixels in order.
kernel void average_pool_forward(global const real *x, global real *y, int pixels, int c)
{
    const int channel = get_global_id(0) * VEC;
    const size_t n = get_global_id(1);
    const int left = c - channel;
    if (left <= 0)
        return;
    global const real *in = x + n * pixels * c + channel;
    vec sum = (vec)(0.0f);
    for (int i = 0; i < pixels; i++)
        sum += real_load_part(in + (size_t)i * c, left);
    real_store_part(sum / (float)pixels, y + n * c + channel, left);
}

// dx[n][pixel][c] = (accumulate ? dx : 0) + dy[n][c] / pixels.
kernel void average_pool_backward(global const real *dy, global real *dx, int pixels, int c,
                                  int accumulate)
{
    const int channel = get_global_id(0) * VEC;
    const size_t pixel = get_global_id(1);
    const int left = c - channel;
    if (left <= 0)
        return;
    global real *out = dx + pixel * c + channel;
    const vec share = real_load_part(dy + pixel / pixels * c + channel, left) / (float)pixels;
    real_store_part(accumulate ? real_load_part(out, left) + share : share, out, left);
}
