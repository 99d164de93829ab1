// SPDX-License-Identifier: Apache-2.0
// Convolutions computed from their definition, for every device and shape. Each work-item keeps a
// small tile of the result in registers and walks over the terms of its sum. These kernels need no
// memory besides the tensors, no work-groups and no local memory, so they run where nothing else
// can.
//
// src/ops/direct.c defines PIXELS and CHANNELS. A tile is PIXELS x VEC in the forward pass, PIXELS
// x CHANNELS in the data gradient, and CHANNELS x VEC in the weight gradient.

// The bound of a loop over the first `channels` of CHANNELS. On a GPU it is a constant, so that the
// loop can be unrolled.
#if ON_CPU
#define MOST(channels) (channels)
#else
#define MOST(channels) CHANNELS
#endif

// The output pixel that reads the given pixel of x with tap (ky, kx), or -1 if there is none.
INLINE int pixel_of_y(const shapes s, int pixel, int ky, int kx)
{
    const int image = pixel / (s.h * s.w);
    const int y = pixel / s.w % s.h + s.pad - ky, x = pixel % s.w + s.pad - kx;
    const bool inside = image < s.n && y >= 0 && x >= 0 && y % s.stride == 0 &&
                        x % s.stride == 0 && y / s.stride < s.oh && x / s.stride < s.ow;
    return inside ? (image * s.oh + y / s.stride) * s.ow + x / s.stride : -1;
}

// y = convolution of x and weights. One work-item for PIXELS pixels and one vector of output
// channels.
kernel void direct_forward(global const real *x, global const float *weights, global real *y,
                           CONVOLUTION_ARGUMENTS)
{
    const shapes s = SHAPES;
    const ending e = ENDING;
    const int column = get_global_id(0) * VEC, left = cout - column;
    if (left <= 0)
        return;
    const int first = get_global_id(1) * PIXELS;
    vec results[PIXELS];
    for (int i = 0; i < PIXELS; i++)
        results[i] = (vec)(0.0f);
    for (int tap = 0; tap < size * size; tap++) {
        const global float *tap_weights = weights + (size_t)tap * cin * cout + column;
        int from[PIXELS];
        bool used = false;
        for (int i = 0; i < PIXELS; i++) {
            from[i] = pixel_of_x(s, first + i, tap / size, tap % size);
            used |= from[i] >= 0;
        }
        for (int c = 0; used && c < cin; c++) {
            const vec factor = vec_load_part(tap_weights + (size_t)c * cout, left);
#pragma unroll
            for (int i = 0; i < PIXELS; i++) {
                const float value = from[i] >= 0 ? real_get(x + (size_t)from[i] * cin + c) : 0.0f;
                results[i] = fma((vec)(value), factor, results[i]);
            }
        }
    }
    UNROLL_ON_GPU
    for (int i = 0; i < PIXELS && first + i < n * oh * ow; i++) {
        const size_t at = (size_t)(first + i) * cout + column;
        const vec v = results[i];
        real_store_part(e.shift ? finish_vec(v, e, column, at, left) : v, y + at, left);
    }
}

// Adds the products of one tap. Here both matrices have rows of cout values, so the vectors run
// along the sum; their lanes are added at the end.
INLINE void add_tap(const global real *dy, const global float *tap_weights, const int *from,
                    int channels, int cout, vec sums[PIXELS][CHANNELS])
{
    for (int c = 0; c < cout; c += VEC) {
        vec factors[CHANNELS];
        for (int k = 0; k < CHANNELS; k++)
            factors[k] = k < channels ? vec_load_part(tap_weights + (size_t)k * cout + c, cout - c)
                                      : (vec)(0.0f);
        UNROLL_ON_GPU
        for (int i = 0; i < PIXELS; i++) {
            if (from[i] < 0)
                continue;
            const vec value = real_load_part(dy + (size_t)from[i] * cout + c, cout - c);
            for (int k = 0; k < CHANNELS; k++)
                sums[i][k] = fma(value, factors[k], sums[i][k]);
        }
    }
}

// dx = (accumulate ? dx : 0) + the data gradient. One work-item for PIXELS pixels and CHANNELS
// input channels.
kernel void direct_backward_data(global const real *dy, global const float *weights,
                                 global real *dx, CONVOLUTION_ARGUMENTS)
{
    const shapes s = SHAPES;
    const int column = get_global_id(0) * CHANNELS, channels = min(CHANNELS, cin - column);
    if (channels <= 0)
        return;
    const int first = get_global_id(1) * PIXELS;
    vec lanes[PIXELS][CHANNELS];
    for (int i = 0; i < PIXELS; i++)
        for (int k = 0; k < CHANNELS; k++)
            lanes[i][k] = (vec)(0.0f);
    for (int tap = 0; tap < size * size; tap++) {
        int from[PIXELS];
        bool used = false;
        UNROLL_ON_GPU
        for (int i = 0; i < PIXELS; i++) {
            from[i] = pixel_of_y(s, first + i, tap / size, tap % size);
            used |= from[i] >= 0;
        }
        if (used)
            add_tap(dy, weights + ((size_t)tap * cin + column) * cout, from, channels, cout, lanes);
    }
    UNROLL_ON_GPU
    for (int i = 0; i < PIXELS && first + i < n * h * w; i++)
        UNROLL_ON_GPU
        for (int k = 0; k < MOST(channels) && k < channels; k++) {
            global real *target = dx + (size_t)(first + i) * cin + column + k;
            const float before = accumulate ? real_get(target) : 0.0f;
            real_set(before + sum_of_lanes(lanes[i][k]), target);
        }
}

// dweights = alpha * (sum over pixels of x * dy) + beta * dweights, for every tap that meets at
// least one pixel inside the image. One work-item for a tap, CHANNELS input channels and one vector
// of output channels.
kernel void direct_backward_weights(global const real *x, global const real *dy,
                                    global float *dweights, CONVOLUTION_ARGUMENTS)
{
    const shapes s = SHAPES;
    const int column = get_global_id(0) * VEC, left = cout - column;
    if (left <= 0)
        return;
    const int row = get_global_id(1) * CHANNELS, channels = min(CHANNELS, cin - row);
    const int tap = get_global_id(2);
    vec results[CHANNELS];
    bool used = false;
    for (int k = 0; k < CHANNELS; k++)
        results[k] = (vec)(0.0f);
    for (int pixel = 0; pixel < n * oh * ow; pixel++) {
        const int from = pixel_of_x(s, pixel, tap / size, tap % size);
        if (from < 0)
            continue;
        used = true;
        const vec gradient = real_load_part(dy + (size_t)pixel * cout + column, left);
#pragma unroll
        for (int k = 0; k < CHANNELS; k++) {
            const float value = k < channels ? real_get(x + (size_t)from * cin + row + k) : 0.0f;
            results[k] = fma((vec)(value), gradient, results[k]);
        }
    }
    UNROLL_ON_GPU
    for (int k = 0; k < MOST(channels) && used && k < channels; k++) {
        global float *target = dweights + ((size_t)tap * cin + row + k) * cout + column;
        store_gradient(results[k], alpha, beta, target, left);
    }
}
