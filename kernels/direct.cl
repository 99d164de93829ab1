// SPDX-License-Identifier: Apache-2.0
// Convolutions straight from their definition, for every device and shape: a work-item owns a small
// tile of the result in registers and walks over what it is the sum of. It needs no memory beside
// the tensors, no groups and no local memory; it is what remains when nothing else fits.
//
// src/ops/direct.c defines the tile: PIXELS are its rows, CHANNELS its columns, or rows, where they
// are not a vector.

#define INLINE inline __attribute__((always_inline)) // else sums leave the registers

// The pixel of x that the output's pixel meets with tap (ky, kx); -1: padding, or no such pixel.
INLINE int pixel_of_x(int pixel, int ky, int kx, int n, int h, int w, int oh, int ow, int stride,
                      int pad)
{
    const int image = pixel / (oh * ow);
    const int y = pixel / ow % oh * stride - pad + ky, x = pixel % ow * stride - pad + kx;
    const bool inside = image < n && y >= 0 && y < h && x >= 0 && x < w;
    return inside ? (image * h + y) * w + x : -1;
}

// The output's pixel that meets x's pixel with tap (ky, kx); -1: none.
INLINE int pixel_of_y(int pixel, int ky, int kx, int n, int h, int w, int oh, int ow, int stride,
                      int pad)
{
    const int image = pixel / (h * w);
    const int y = pixel / w % h + pad - ky, x = pixel % w + pad - kx;
    const bool inside = image < n && y >= 0 && x >= 0 && y % stride == 0 && x % stride == 0 &&
                        y / stride < oh && x / stride < ow;
    return inside ? (image * oh + y / stride) * ow + x / stride : -1;
}

// y[n][oh][ow][cout] = convolution of x[n][h][w][cin] and weights[size][size][cin][cout]. One item
// for PIXELS pixels and a vector of output channels. The last arguments are an ending's.
kernel void direct_forward(global const real *x, global const float *weights, global real *y,
                           int n, int h, int w, int cin, int oh, int ow, int cout, int size,
                           int stride, int pad, global const float *scale,
                           global const float *shift, global const real *residual, int relu)
{
    const ending e = {scale, shift, residual, relu, 0};
    const int column = get_global_id(0) * VEC, left = cout - column;
    const int first = get_global_id(1) * PIXELS;
    vec sums[PIXELS];
    for (int i = 0; i < PIXELS; i++)
        sums[i] = (vec)(0.0f);
    for (int tap = 0; tap < size * size; tap++) {
        const global float *tap_weights = weights + (size_t)tap * cin * cout + column;
        int from[PIXELS];
        bool used = false;
        for (int i = 0; i < PIXELS; i++) {
            from[i] = pixel_of_x(first + i, tap / size, tap % size, n, h, w, oh, ow, stride, pad);
            used |= from[i] >= 0;
        }
        for (int c = 0; used && c < cin; c++) {
            const vec factor = vec_load_part(tap_weights + (size_t)c * cout, left);
#pragma unroll
            for (int i = 0; i < PIXELS; i++) {
                const float value = from[i] >= 0 ? real_get(x + (size_t)from[i] * cin + c) : 0.0f;
                sums[i] = fma((vec)(value), factor, sums[i]);
            }
        }
    }
    for (int i = 0; i < PIXELS && first + i < n * oh * ow; i++) {
        const size_t at = (size_t)(first + i) * cout + column;
        real_store_part(e.shift ? finish_vec(sums[i], e, column, at, left) : sums[i], y + at, left);
    }
}

INLINE float sum_of_lanes(vec v)
{
    float lanes[VEC], sum = 0.0f;
    vec_store(v, lanes);
    for (int i = 0; i < VEC; i++)
        sum += lanes[i];
    return sum;
}

// Both matrices have rows of cout values here, so a vector runs along the sum, and its lanes are
// added at the end.
INLINE void add_tap(const global real *dy, const global float *tap_weights, const int *from,
                    int channels, int cout, vec sums[PIXELS][CHANNELS])
{
    for (int c = 0; c < cout; c += VEC) {
        vec factors[CHANNELS];
        for (int k = 0; k < CHANNELS; k++)
            factors[k] = k < channels ? vec_load_part(tap_weights + (size_t)k * cout + c, cout - c)
                                      : (vec)(0.0f);
        for (int i = 0; i < PIXELS; i++) {
            if (from[i] < 0)
                continue;
            const vec value = real_load_part(dy + (size_t)from[i] * cout + c, cout - c);
            for (int k = 0; k < CHANNELS; k++)
                sums[i][k] = fma(value, factors[k], sums[i][k]);
        }
    }
}

// dx[n][h][w][cin] = (accumulate ? dx : 0) + the gradient by x. One item for PIXELS pixels and
// CHANNELS input channels.
kernel void direct_backward_data(global const real *dy, global const float *weights,
                                 global real *dx, int n, int h, int w, int cin, int oh, int ow,
                                 int cout, int size, int stride, int pad, int accumulate)
{
    const int column = get_global_id(0) * CHANNELS, channels = min(CHANNELS, cin - column);
    const int first = get_global_id(1) * PIXELS;
    vec sums[PIXELS][CHANNELS];
    for (int i = 0; i < PIXELS; i++)
        for (int k = 0; k < CHANNELS; k++)
            sums[i][k] = (vec)(0.0f);
    for (int tap = 0; tap < size * size; tap++) {
        int from[PIXELS];
        bool used = false;
        for (int i = 0; i < PIXELS; i++) {
            from[i] = pixel_of_y(first + i, tap / size, tap % size, n, h, w, oh, ow, stride, pad);
            used |= from[i] >= 0;
        }
        if (used)
            add_tap(dy, weights + ((size_t)tap * cin + column) * cout, from, channels, cout, sums);
    }
    for (int i = 0; i < PIXELS && first + i < n * h * w; i++)
        for (int k = 0; k < channels; k++) {
            global real *target = dx + (size_t)(first + i) * cin + column + k;
            const float before = accumulate ? real_get(target) : 0.0f;
            real_set(before + sum_of_lanes(sums[i][k]), target);
        }
}

// dweights[tap][cin][cout] = alpha * (sum over pixels of x * dy) + beta * dweights, for the taps of
// which a pixel lies inside the image. One item for a tap, CHANNELS input channels and a vector of
// output channels.
kernel void direct_backward_weights(global const real *x, global const real *dy,
                                    global float *dweights, int n, int h, int w, int cin, int oh,
                                    int ow, int cout, int size, int stride, int pad, float alpha,
                                    float beta)
{
    const int column = get_global_id(0) * VEC, left = cout - column;
    const int row = get_global_id(1) * CHANNELS, channels = min(CHANNELS, cin - row);
    const int tap = get_global_id(2);
    vec sums[CHANNELS];
    bool used = false;
    for (int k = 0; k < CHANNELS; k++)
        sums[k] = (vec)(0.0f);
    for (int pixel = 0; pixel < n * oh * ow; pixel++) {
        const int from =
            pixel_of_x(pixel, tap / size, tap % size, n, h, w, oh, ow, stride, pad);
        if (from < 0)
            continue;
        used = true;
        const vec gradient = real_load_part(dy + (size_t)pixel * cout + column, left);
#pragma unroll
        for (int k = 0; k < CHANNELS; k++) {
            const float value = k < channels ? real_get(x + (size_t)from * cin + row + k) : 0.0f;
            sums[k] = fma((vec)(value), gradient, sums[k]);
        }
    }
    for (int k = 0; used && k < channels; k++) {
        global float *target = dweights + ((size_t)tap * cin + row + k) * cout + column;
        store_gradient(sums[k], alpha, beta, target, left);
    }
}
