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
