// SPDX-License-Identifier: Apache-2.0
// Put before every program by src/device/program.c. VEC, the number of floats that one work-item
// handles at once, comes from the device's native vector width.
#ifndef VEC
#define VEC 4
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

#if VEC == 1
typedef float vec;
typedef int vec_mask;
#define vec_load(p)     (*(p))
#define vec_store(v, p) (*(p) = (v))
#else
typedef JOIN(float, VEC) vec;
typedef JOIN(int, VEC) vec_mask;
#define vec_load(p)     JOIN(vload, VEC)(0, (p))
#define vec_store(v, p) JOIN(vstore, VEC)((v), 0, (p))
#endif

// Loads min(VEC, left) floats, the rest zero; for the last vector of a row whose length is no
// multiple of VEC. The loop stays one: it is seldom run but stands in every kernel dozens of times.
inline vec vec_load_part(const global float *p, int left)
{
    if (left >= VEC)
        return vec_load(p);
    float lanes[VEC];
    vec_store((vec)(0.0f), lanes);
#pragma unroll 1
    for (int i = 0; i < left; i++)
        lanes[i] = p[i];
    return vec_load(lanes);
}

// Stores min(VEC, left) floats.
inline void vec_store_part(vec v, global float *p, int left)
{
    if (left >= VEC) {
        vec_store(v, p);
        return;
    }
    float lanes[VEC];
    vec_store(v, lanes);
#pragma unroll 1
    for (int i = 0; i < left; i++)
        p[i] = lanes[i];
}

// A `real` is how activations and their gradients lie in memory: float, or with HALF_STORAGE half,
// which is loaded and stored but not computed with. vload_half and vstore_half are in every OpenCL,
// cl_khr_fp16 or not; stores round to the nearest, ties to even. real_get and real_set move one,
// the others what their vec_ sisters move.
#ifdef HALF_STORAGE
typedef half real;
#define real_get(p)    vload_half(0, (p))
#define real_set(v, p) vstore_half_rte((v), 0, (p))
#if VEC == 1
#define real_load(p)     real_get(p)
#define real_store(v, p) real_set(v, p)
#elif ON_CPU
// PoCL 3.1 takes it that vload_half16 and vstore_half16 are given aligned addresses, and its
// vstore16 of ushorts stores them one by one. A packed struct is moved whole from and to anywhere.
typedef struct __attribute__((packed)) halves {
    JOIN(ushort, VEC) bits;
} halves;

inline vec real_load(const global real *p)
{
    const JOIN(ushort, VEC) bits = ((const global halves *)p)->bits;
    return JOIN(vloada_half, VEC)(0, (const half *)&bits);
}

inline void real_store(vec v, global real *p)
{
    JOIN(ushort, VEC) bits;
    JOIN(JOIN(vstorea_half, VEC), _rte)(v, 0, (half *)&bits);
    ((global halves *)p)->bits = bits;
}
#else
#define real_load(p)     JOIN(vload_half, VEC)(0, (p))
#define real_store(v, p) JOIN(JOIN(vstore_half, VEC), _rte)((v), 0, (p))
#endif

inline vec real_load_part(const global real *p, int left)
{
    if (left >= VEC)
        return real_load(p);
    float lanes[VEC];
    for (int i = 0; i < VEC; i++)
        lanes[i] = i < left ? real_get(p + i) : 0.0f;
    return vec_load(lanes);
}

inline void real_store_part(vec v, global real *p, int left)
{
    if (left >= VEC) {
        real_store(v, p);
        return;
    }
    float lanes[VEC];
    vec_store(v, lanes);
    for (int i = 0; i < left; i++)
        real_set(lanes[i], p + i);
}
#else
typedef float real;
#define real_get(p)                 (*(p))
#define real_set(v, p)              (*(p) = (v))
#define real_load(p)                vec_load(p)
#define real_store(v, p)            vec_store(v, p)
#define real_load_part(p, left)     vec_load_part(p, left)
#define real_store_part(v, p, left) vec_store_part(v, p, left)
#endif

inline float sum_of_lanes(vec v)
{
    float lanes[VEC], sum = 0.0f;
    vec_store(v, lanes);
    for (int i = 0; i < VEC; i++)
        sum += lanes[i];
    return sum;
}

// target = alpha * gradient + beta * target, for min(VEC, left) weights. With a beta of 0 the
// target is not read, so it may hold anything.
inline void store_gradient(vec gradient, float alpha, float beta, global float *target, int left)
{
    vec value = alpha * gradient;
    if (beta != 0.0f)
        value = fma((vec)(alpha), gradient, beta * vec_load_part(target, left));
    vec_store_part(value, target, left);
}

// Zero where v <= 0; a NaN stays.
inline vec relu_of(vec v)
{
    return select(v, (vec)(0.0f), v <= 0.0f);
}

// The gradient dy where y came through the ReLU; without one y is NULL.
inline vec load_masked(global const real *dy, global const real *y, size_t at, int left)
{
    const vec d = real_load_part(dy + at, left);
    return y ? select(d, (vec)(0.0f), real_load_part(y + at, left) <= 0.0f) : d;
}

// A work-item's part of a normalisation of x[pixels][c]: a run of `run` pixels by `width` channels, a
// multiple of VEC; the last of each may be smaller.
typedef struct patch {
    int first, last; // pixels
    int begin, end;  // channels
} patch;

inline patch patch_of(int pixels, int c, int width, int run)
{
    const int first = get_global_id(1) * run, begin = get_global_id(0) * width;
    return (patch){first, min(pixels, first + run), begin, min(c, begin + width)};
}

// The first stage of a normalisation's sums, over a patch, in registers for `rows` pixels at a time.
// [0][c] = their mean, [1][c] = the sum of squared deviations from it. Sums are of differences from
// the first pixel, so that a mean that is large beside the deviation costs no digits.
inline void sum_channels(global const real *x, global float *sums, const patch p, int rows, int c)
{
    global const real *shifts = x + p.first * (size_t)c;
    const float scale = 1.0f / (p.last - p.first);
    for (int row = p.first; row < p.last; row += rows) {
        const int stop = min(p.last, row + rows);
        for (int at = p.begin; at < p.end; at += VEC) {
            const int left = c - at;
            const vec shift = real_load_part(shifts + at, left);
            vec sum = (vec)(0.0f), squares = (vec)(0.0f);
            if (row > p.first) {
                sum = vec_load_part(sums + at, left);
                squares = vec_load_part(sums + c + at, left);
            }
            for (int pixel = row; pixel < stop; pixel++) {
                const vec d = real_load_part(x + pixel * (size_t)c + at, left) - shift;
                sum += d;
                squares += d * d;
            }
            if (stop == p.last) {
                squares = relu_of(squares - sum * sum * scale);
                sum = shift + sum * scale;
            }
            vec_store_part(sum, sums + at, left);
            vec_store_part(squares, sums + c + at, left);
        }
    }
}

// The same for the backward pass: [0][c] = the sum of dy, [1][c] = of dy * (x - mean), dy being
// masked by the ReLU.
inline void sum_channel_gradients(global const real *x, global const float *mean,
                                  global const real *y, global const real *dy, global float *sums,
                                  const patch p, int rows, int c)
{
    for (int row = p.first; row < p.last; row += rows) {
        const int stop = min(p.last, row + rows);
        for (int at = p.begin; at < p.end; at += VEC) {
            const int left = c - at;
            const vec m = vec_load_part(mean + at, left);
            vec sum = (vec)(0.0f), product = (vec)(0.0f);
            if (row > p.first) {
                sum = vec_load_part(sums + at, left);
                product = vec_load_part(sums + c + at, left);
            }
            for (int pixel = row; pixel < stop; pixel++) {
                const size_t i = pixel * (size_t)c + at;
                const vec d = load_masked(dy, y, i, left);
                sum += d;
                product += d * (real_load_part(x + i, left) - m);
            }
            vec_store_part(sum, sums + at, left);
            vec_store_part(product, sums + c + at, left);
        }
    }
}

// y = relu?((x - mean) * inverse_deviation * gamma + beta [+ residual]), of a patch.
inline void normalise(global const real *x, global const float *mean,
                      global const float *inverse_deviation, global const float *gamma,
                      global const float *beta, global const real *residual, int relu,
                      global real *y, const patch p, int c)
{
    for (int pixel = p.first; pixel < p.last; pixel++)
        for (int at = p.begin; at < p.end; at += VEC) {
            const int left = c - at;
            const size_t i = pixel * (size_t)c + at;
            const vec scale =
                vec_load_part(gamma + at, left) * vec_load_part(inverse_deviation + at, left);
            vec v = (real_load_part(x + i, left) - vec_load_part(mean + at, left)) * scale +
                    vec_load_part(beta + at, left);
            if (residual)
                v += real_load_part(residual + i, left);
            real_store_part(relu ? relu_of(v) : v, y + i, left);
        }
}

// The sums of `runs` partial sums [2][c], one after the other, for VEC channels from `at` on.
inline void add_runs(global const float *partials, int runs, int c, int at, vec *first,
                     vec *second)
{
    *first = *second = (vec)(0.0f);
    for (int r = 0; r < runs; r++) {
        global const float *in = partials + r * (size_t)2 * c + at;
        *first += vec_load_part(in, c - at);
        *second += vec_load_part(in + c, c - at);
    }
}

// A batch's statistics in parts: sums[runs][2][c] hold each run's mean and sum of squared
// deviations from it, and behind them lies how many pixels each run had.
#define SUM_COUNTS(sums, runs, c) ((global int *)((sums) + (runs) * (size_t)2 * (c)))

// What a convolution does to its results while they are at hand: src/ops/convolution.h's finish
// (without a shift, nothing), and the first stage of their statistics.
typedef struct ending {
    global const float *scale, *shift;
    global const real *residual;
    int relu;
    global float *sums;
} ending;

// relu?(scale * v + shift [+ residual]) for the vector of channels from `channel` on, of which
// `left` exist; `at` is its place in the result.
inline vec finish_vec(vec v, const ending e, int channel, size_t at, int left)
{
    if (e.scale)
        v *= vec_load_part(e.scale + channel, left);
    v += vec_load_part(e.shift + channel, left);
    if (e.residual)
        v += real_load_part(e.residual + at, left);
    return e.relu ? relu_of(v) : v;
}

// ---- Convolutions ----

#define INLINE inline __attribute__((always_inline)) // else sums leave the registers

// What follows the two factors and the result in the arguments of every kernel that is a direction
// of a convolution, as src/ops/convolution.h's ARG_CONVOLUTION has it: the shapes of
// x[n][h][w][cin], weights[size][size][cin][cout] and y[n][oh][ow][cout]; forward, an ending;
// backward, whether dx is added to what is there, and the terms of dweights.
#define CONVOLUTION_ARGUMENTS                                                                      \
    int n, int h, int w, int cin, int oh, int ow, int cout, int size, int stride, int pad,         \
        global const float *scale, global const float *shift, global const real *residual,         \
        int relu, global float *sums, int accumulate, float alpha, float beta

#define ENDING {scale, shift, residual, relu, sums}
#define SHAPES {n, h, w, cin, oh, ow, cout, size, stride, pad}
typedef struct shapes {
    int n, h, w, cin, oh, ow, cout, size, stride, pad;
} shapes;

// The pixel of x that the output's pixel meets with tap (ky, kx); -1: padding, or no such pixel.
INLINE int pixel_of_x(const shapes s, int pixel, int ky, int kx)
{
    const int image = pixel / (s.oh * s.ow);
    const int y = pixel / s.ow % s.oh * s.stride - s.pad + ky;
    const int x = pixel % s.ow * s.stride - s.pad + kx;
    const bool inside = image < s.n && y >= 0 && y < s.h && x >= 0 && x < s.w;
    return inside ? (image * s.h + y) * s.w + x : -1;
}

// The output's places along one side whose tap k lies inside the image.
typedef struct span {
    int first, count;
} span;

INLINE span span_of_tap(int k, int length, int out, int stride, int pad)
{
    const int first = max(0, (pad - k + stride - 1) / stride), room = length - 1 + pad - k;
    return (span){first, room < 0 ? 0 : max(0, min(out - 1, room / stride) - first + 1)};
}

// Forward, and the gradient by the input, as sums over taps of source * weights. The pixel of the
// source that a result's pixel q = (qy, qx) of the grid meets with tap (ky, kx) lies at
// q * source_step + offset; the result's own pixel is q * target_step + start. The taps that a pixel
// meets are tap_step apart, from the first on. With `transposed` a tap's weights are
// [target_c][source_c], else [source_c][target_c].
typedef struct geometry {
    int images, grid_h, grid_w;
    int source_h, source_w, source_c, source_step;
    int target_h, target_w, target_c, target_step, start_y, start_x;
    int size, pad, tap_step, first_ky, first_kx;
    bool transposed;
} geometry;

INLINE geometry forward_geometry(const shapes s)
{
    return (geometry){s.n,  s.oh,   s.ow, s.h, s.w,    s.cin, s.stride, s.oh, s.ow, s.cout,
                      1,    0,      0,    s.size, s.pad, 1,   0,        0,    false};
}

// Of one of the stride * stride classes of pixels that meet the same taps.
INLINE geometry backward_geometry(const shapes s, int place)
{
    const int y = place / s.stride, x = place % s.stride;
    const int grid_h = (s.h - y + s.stride - 1) / s.stride;
    const int grid_w = (s.w - x + s.stride - 1) / s.stride;
    return (geometry){s.n, grid_h, grid_w, s.oh, s.ow, s.cout, 1, s.h, s.w, s.cin, s.stride, y, x,
                      s.size, s.pad, s.stride, (y + s.pad) % s.stride, (x + s.pad) % s.stride, true};
}

// Along one side, from the start on it.
INLINE int offset_of_tap(const geometry g, int start, int tap)
{
    return g.transposed ? (start + g.pad - tap) / g.tap_step : tap - g.pad;
}
