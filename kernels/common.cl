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

// Zero where v <= 0; a NaN stays.
inline vec relu_of(vec v)
{
    return select(v, (vec)(0.0f), v <= 0.0f);
}

// A batch's statistics in parts: sums[runs][2][c] hold each run's mean and sum of squared
// deviations from it, and behind them lies how many pixels each run had.
#define SUM_COUNTS(sums, runs, c) ((global int *)((sums) + (runs) * (size_t)2 * (c)))

// What a convolution does to its results while they are at hand: src/ops/convolution.h's finish
// (without a shift, nothing), and the first stage of their statistics.
typedef struct ending {
    global const float *scale, *shift, *residual;
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
        v += vec_load_part(e.residual + at, left);
    return e.relu ? relu_of(v) : v;
}
