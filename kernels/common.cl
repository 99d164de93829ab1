// SPDX-License-Identifier: Apache-2.0
// src/device/program.c puts this file in front of every program. VEC, the number of floats that a
// work-item handles at once, follows from the device's native vector width. Nothing in this file
// belongs to a single operation: it is what several of them share.
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
#define vec_load(p) JOIN(vload, VEC)(0, (p))

#if ON_CPU
// Defines `name`, which stores a vector at any element. PoCL's vstore16 makes three stores of a
// vector with 16 elements; a type that is aligned like its elements is stored as a whole.
#define DEFINE_STORE_TO(space, name, type, element)                                                \
    static inline __attribute__((overloadable)) void name(type v, space element *p)                \
    {                                                                                              \
        typedef type loose __attribute__((aligned(sizeof(element))));                              \
        *(space loose *)p = v;                                                                     \
    }
#define DEFINE_STORE(name, type, element)                                                          \
    DEFINE_STORE_TO(global, name, type, element)                                                   \
    DEFINE_STORE_TO(local, name, type, element)                                                    \
    DEFINE_STORE_TO(private, name, type, element)
DEFINE_STORE(vec_store, vec, float)
#else
#define vec_store(v, p) JOIN(vstore, VEC)((v), 0, (p))
#endif
#endif

// Unrolls the loop that follows, on a GPU: it keeps an array in memory instead of in registers if a
// loop that is not unrolled indexes it.
#if ON_CPU
#define UNROLL_ON_GPU
#else
#define UNROLL_ON_GPU _Pragma("unroll")
#endif

// Loads min(VEC, left) floats and sets the other lanes to zero. It serves the last vector of a row
// if the row's length is not a multiple of VEC. The loop must not be unrolled: it rarely runs, but
// it is inlined dozens of times in every kernel. On a GPU, where vectors have four lanes, it
// would keep the array in memory.
static inline vec vec_load_part(const global float *p, int left)
{
    if (left >= VEC)
        return vec_load(p);
#if VEC == 4 && !ON_CPU
    return (vec)(left > 0 ? p[0] : 0.0f, left > 1 ? p[1] : 0.0f, left > 2 ? p[2] : 0.0f, 0.0f);
#else
    float lanes[VEC];
    vec_store((vec)(0.0f), lanes);
#pragma unroll 1
    for (int i = 0; i < left; i++)
        lanes[i] = p[i];
    return vec_load(lanes);
#endif
}

// Stores min(VEC, left) floats.
static inline void vec_store_part(vec v, global float *p, int left)
{
    if (left >= VEC) {
        vec_store(v, p);
        return;
    }
#if VEC == 4 && !ON_CPU
    if (left > 0)
        p[0] = v.s0;
    if (left > 1)
        p[1] = v.s1;
    if (left > 2)
        p[2] = v.s2;
#else
    float lanes[VEC];
    vec_store(v, lanes);
#pragma unroll 1
    for (int i = 0; i < left; i++)
        p[i] = lanes[i];
#endif
}

// `real` is the type in which activations and their gradients are stored: float, bfloat16 if
// BF16_STORAGE is defined, or half if HALF_STORAGE is; SMALL_STORAGE says that it is not float.
// Reals are only loaded and stored; all arithmetic is in float. Stores round to nearest, ties to
// even; NaN stays NaN. real_get and real_set access one element; the other functions do for `real`
// what the vec_ functions do for float.
#if defined BF16_STORAGE
#define SMALL_STORAGE
// The upper half of a float.
typedef ushort real;
#define real_get(p)    as_float((uint)*(p) << 16)
#define real_set(v, p) (*(p) = bf16_of(v))
#define real_load4(p)  as_float4(convert_uint4(vload4(0, (p))) << 16)

static inline ushort bf16_of(float v)
{
    const uint bits = as_uint(v), rounded = bits + 0x7fff + (bits >> 16 & 1);
    return (isnan(v) ? bits | 0x400000 : rounded) >> 16;
}

#if VEC > 1
static inline vec widen(JOIN(ushort, VEC) bits)
{
    return JOIN(as_float, VEC)(JOIN(convert_uint, VEC)(bits) << 16);
}

static inline JOIN(ushort, VEC) narrow(vec v)
{
#if defined(UNIT_X86_BF16) && VEC >= 8
    // It takes subnormal numbers for zero, like the products of matrix_unit.cl.
    JOIN(ushort, VEC) bits;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(bits) : "v"(v));
    return bits;
#else
    const JOIN(uint, VEC) bits = JOIN(as_uint, VEC)(v), rounded = bits + 0x7fff + (bits >> 16 & 1);
    return JOIN(convert_ushort, VEC)(select(rounded, bits | 0x400000, isnan(v)) >> 16);
#endif
}
#endif
#elif defined HALF_STORAGE
#define SMALL_STORAGE
// vload_half and vstore_half are part of every OpenCL, with or without cl_khr_fp16.
typedef half real;
#define real_get(p)    vload_half(0, (p))
#define real_set(v, p) vstore_half_rte((v), 0, (p))
#define real_load4(p)  vload_half4(0, (p))

#if VEC > 1
static inline vec widen(JOIN(ushort, VEC) bits)
{
    return JOIN(vloada_half, VEC)(0, (const half *)&bits);
}

static inline JOIN(ushort, VEC) narrow(vec v)
{
    JOIN(ushort, VEC) bits;
    JOIN(JOIN(vstorea_half, VEC), _rte)(v, 0, (half *)&bits);
    return bits;
}
#endif
#endif

#ifdef SMALL_STORAGE
#if VEC == 1
#define real_load(p)     real_get(p)
#define real_store(v, p) real_set(v, p)
#elif ON_CPU
// PoCL 3.1 assumes that the addresses of vload_half16 and vstore_half16 are aligned, and its
// vstore16 of ushorts stores them one at a time. A packed struct is copied as a whole, to and from
// any address.
typedef struct __attribute__((packed)) reals {
    JOIN(ushort, VEC) bits;
} reals;

static inline vec real_load(const global real *p)
{
    return widen(((const global reals *)p)->bits);
}

static inline void real_store(vec v, global real *p)
{
    ((global reals *)p)->bits = narrow(v);
}
#elif defined BF16_STORAGE
#define real_load(p)     widen(JOIN(vload, VEC)(0, (p)))
#define real_store(v, p) JOIN(vstore, VEC)(narrow(v), 0, (p))
#else
#define real_load(p)     JOIN(vload_half, VEC)(0, (p))
#define real_store(v, p) JOIN(JOIN(vstore_half, VEC), _rte)((v), 0, (p))
#endif

static inline vec real_load_part(const global real *p, int left)
{
    if (left >= VEC)
        return real_load(p);
    float lanes[VEC];
    UNROLL_ON_GPU
    for (int i = 0; i < VEC; i++)
        lanes[i] = i < left ? real_get(p + i) : 0.0f;
    return vec_load(lanes);
}

static inline void real_store_part(vec v, global real *p, int left)
{
    if (left >= VEC) {
        real_store(v, p);
        return;
    }
    float lanes[VEC];
    vec_store(v, lanes);
    UNROLL_ON_GPU
    for (int i = 0; i < (ON_CPU ? left : VEC); i++)
        if (i < left)
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

static inline float sum_of_lanes(vec v)
{
    float lanes[VEC], sum = 0.0f;
    vec_store(v, lanes);
    for (int i = 0; i < VEC; i++)
        sum += lanes[i];
    return sum;
}

// target = alpha * gradient + beta * target, for min(VEC, left) weights. If beta is 0 the target is
// not read, so its old contents do not matter.
static inline void store_gradient(vec gradient, float alpha, float beta, global float *target,
                                  int left)
{
    vec value = alpha * gradient;
    if (beta != 0.0f)
        value = fma((vec)(alpha), gradient, beta * vec_load_part(target, left));
    vec_store_part(value, target, left);
}

// max(v, 0), except that a NaN stays a NaN.
static inline vec relu_of(vec v)
{
    return select(v, (vec)(0.0f), v <= 0.0f);
}

// dy, set to zero where the ReLU's output y is 0. Without a ReLU y is NULL, and dy is returned
// unchanged.
static inline vec load_masked(global const real *dy, global const real *y, size_t at, int left)
{
    const vec d = real_load_part(dy + at, left);
    return y ? select(d, (vec)(0.0f), real_load_part(y + at, left) <= 0.0f) : d;
}

// A work-item's part of a normalisation of x[pixels][c]: a run of `run` pixels by `width` channels,
// where `width` is a multiple of VEC. The last patch in each direction may be smaller.
typedef struct patch {
    int first, last; // pixels
    int begin, end;  // channels
} patch;

static inline patch patch_of(int pixels, int c, int width, int run)
{
    const int first = get_global_id(1) * run, begin = get_global_id(0) * width;
    return (patch){first, min(pixels, first + run), begin, min(c, begin + width)};
}

// First stage of a normalisation's statistics, over one patch: sums[0][c] = the mean, sums[1][c] =
// the sum of squared deviations from it. Sums stay in registers for `rows` pixels at a time.
// Differences from the first pixel are summed, so no digits are lost if the mean is large compared
// with the deviation.
static inline void sum_channels(global const real *x, global float *sums, const patch p, int rows,
                                int c)
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

// First stage of the backward pass: sums[0][c] = the sum of dy, sums[1][c] = the sum of dy * (x -
// mean). dy is masked by the ReLU.
static inline void sum_channel_gradients(global const real *x, global const float *mean,
                                         global const real *y, global const real *dy,
                                         global float *sums, const patch p, int rows, int c)
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

// y = relu?((x - mean) * inverse_deviation * gamma + beta [+ residual]), for one patch.
static inline void normalise(global const real *x, global const float *mean,
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

// Adds up `runs` partial sums [2][c], in order, for VEC channels from channel `at` on.
static inline void add_runs(global const float *partials, int runs, int c, int at, vec *first,
                            vec *second)
{
    *first = *second = (vec)(0.0f);
    for (int r = 0; r < runs; r++) {
        global const float *in = partials + r * (size_t)2 * c + at;
        *first += vec_load_part(in, c - at);
        *second += vec_load_part(in + c, c - at);
    }
}

// Partial statistics of a batch: sums[runs][2][c] contains the mean of each run and its sum of
// squared deviations from that mean. They are followed by the number of pixels in each run.
#define SUM_COUNTS(sums, runs, c) ((global int *)((sums) + (runs) * (size_t)2 * (c)))

// What a convolution does to its results before it stores them: it applies the convolution_finish
// of src/ops/convolution.h (nothing if shift is NULL), and computes the first stage of the results'
// statistics.
typedef struct ending {
    global const float *scale, *shift;
    global const real *residual;
    int relu;
    global float *sums;
} ending;

// relu?(scale * v + shift [+ residual]) for the vector of channels that starts at `channel`; only
// `left` channels remain in the row. `at` is the vector's index in the result.
static inline vec finish_vec(vec v, const ending e, int channel, size_t at, int left)
{
    if (e.scale)
        v *= vec_load_part(e.scale + channel, left);
    v += vec_load_part(e.shift + channel, left);
    if (e.residual)
        v += real_load_part(e.residual + at, left);
    return e.relu ? relu_of(v) : v;
}

// ---- Convolutions ----

// Always inline: otherwise sums are spilled from registers.
#define INLINE static inline __attribute__((always_inline))

// The arguments that follow the two factors and the result in every convolution kernel, in the
// order of ARG_CONVOLUTION in src/ops/convolution.h: the shapes of x[n][h][w][cin],
// weights[size][size][cin][cout] and y[n][oh][ow][cout]; the ending, for the forward pass; whether
// to add to dx; and the terms of dweights.
#define CONVOLUTION_ARGUMENTS                                                                      \
    int n, int h, int w, int cin, int oh, int ow, int cout, int size, int stride, int pad,         \
        global const float *scale, global const float *shift, global const real *residual,         \
        int relu, global float *sums, int accumulate, float alpha, float beta

#define ENDING {scale, shift, residual, relu, sums}
#define SHAPES {n, h, w, cin, oh, ow, cout, size, stride, pad}
typedef struct shapes {
    int n, h, w, cin, oh, ow, cout, size, stride, pad;
} shapes;

// The pixel of x that tap (ky, kx) reads for the given output pixel, or -1 if it is in the padding
// or the output pixel does not exist.
INLINE int pixel_of_x(const shapes s, int pixel, int ky, int kx)
{
    const int image = pixel / (s.oh * s.ow);
    const int y = pixel / s.ow % s.oh * s.stride - s.pad + ky;
    const int x = pixel % s.ow * s.stride - s.pad + kx;
    const bool inside = image < s.n && y >= 0 && y < s.h && x >= 0 && x < s.w;
    return inside ? (image * s.h + y) * s.w + x : -1;
}

// The output positions along one axis for which tap k is inside the image.
typedef struct span {
    int first, count;
} span;

INLINE span span_of_tap(int k, int length, int out, int stride, int pad)
{
    const int first = max(0, (pad - k + stride - 1) / stride), room = length - 1 + pad - k;
    return (span){first, room < 0 ? 0 : max(0, min(out - 1, room / stride) - first + 1)};
}

// The forward pass and the data gradient are both sums over taps of source * weights; this struct
// describes either one. The grid is the pixels of the result that one description covers: all of
// them, or one class of them (see backward_geometry). For pixel q = (qy, qx) of the grid, the
// source pixel of tap (ky, kx) is q * source_step + offset, and the result's pixel is
// q * target_step + start. The taps that contribute to a pixel are tap_step apart and begin with
// (first_ky, first_kx). The weights of a tap are [target_c][source_c] if `transposed`, else
// [source_c][target_c]. `run` pixels of the source, side by side, count as one tap: 1, or all
// `size` of a window's row.
typedef struct geometry {
    int images, grid_h, grid_w;
    int source_h, source_w, source_c, source_step;
    int target_h, target_w, target_c, target_step, start_y, start_x;
    int size, pad, tap_step, first_ky, first_kx;
    bool transposed;
    int run;
} geometry;

INLINE geometry forward_geometry(const shapes s)
{
    return (geometry){s.n,  s.oh,   s.ow, s.h, s.w,    s.cin, s.stride, s.oh, s.ow, s.cout,
                      1,    0,      0,    s.size, s.pad, 1,   0,        0,    false, 1};
}

// The geometry of the data gradient for one class of pixels of x. All pixels of a class have the
// same remainders (y % stride, x % stride) and therefore meet the same taps; there are
// stride * stride classes.
INLINE geometry backward_geometry(const shapes s, int place)
{
    const int y = place / s.stride, x = place % s.stride;
    const int grid_h = (s.h - y + s.stride - 1) / s.stride;
    const int grid_w = (s.w - x + s.stride - 1) / s.stride;
    return (geometry){s.n, grid_h, grid_w, s.oh, s.ow, s.cout, 1, s.h, s.w, s.cin, s.stride, y, x,
                      s.size, s.pad, s.stride, (y + s.pad) % s.stride, (x + s.pad) % s.stride,
                      true, 1};
}

// The offset of a tap along one axis, given the start on that axis.
INLINE int offset_of_tap(const geometry g, int start, int tap)
{
    return g.transposed ? (start + g.pad - tap) / g.tap_step : tap - g.pad;
}
