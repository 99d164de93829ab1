// SPDX-License-Identifier: Apache-2.0
// Winograd's minimal filtering for 3x3 convolutions of stride 1; see Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks" (2016). F(M x M) computes a tile of M x M results
// from a window of A x A inputs, A = M + 2, with A * A products instead of 9 * M * M:
//
//   y = AT [(G w GT) * (BT x B)] A
//
// where * multiplies element by element. Summed over channels, these are A * A independent matrix
// products. The kernels in this file do what comes before and after the products: they transform
// input, weights and results, and for the weight gradient apply the adjoints of two of these
// transforms. The interpolation points are 0, 1, -1 and infinity, and for M = 4 also 2 and -2. The
// program is built once for each M, so that loops and branches over M vanish.
//
// If CLOSED is defined, a tile is a whole map of 2 x 2 pixels and nothing is outside of it. Along
// each axis y0 = w1 x0 + w2 x1 and y1 = w0 x0 + w1 x1 then need three products instead of four:
// w1 (x0 + x1), (w2 - w1) x1 and (w0 - w1) x0; A is 3. These are products with a Toeplitz matrix.
//
// Transformed data is [A * A][tiles or cin][channels]; a `factor` of a product is stored as the
// device's unit multiplies it (matrix_unit.cl), a sum as a float. A work-item handles one tile, or
// one input channel of the weights, and `width` of the channels of a row. Large maps are
// transformed in parts, so that the caches hold what the products read and write: `tiles` tiles
// from tile `start` on.

#include "matrix_unit.cl"
#include "panel.cl"

#if STEPS == 1
typedef float factor;
#define factor_store_part(v, p, left) vec_store_part(v, p, left)
#else
typedef real factor;
#define factor_store_part(v, p, left) real_store_part(v, p, left)
#endif

#ifdef CLOSED
enum { A = 3, READ = 2 }; // READ: side of the window that is read
#define WINOGRAD(name) JOIN(JOIN(toeplitz, M), name)
#else
enum { A = M + 2, READ = A };
#define WINOGRAD(name) JOIN(JOIN(winograd, M), name)
#endif

// The vectors of one window, row by row, in private memory. One line at a time is transformed in
// registers. Loops over windows of more than 4x4 must not be unrolled: with a border check each,
// they would be thousands of instructions that take a minute to compile. SERIAL loops never are.
#define SERIAL _Pragma("unroll 1") for
#if M == 2 && ON_CPU
#define LOOP _Pragma("unroll") for
#else
#define LOOP SERIAL
#endif
typedef struct window {
    vec at[A][A];
} window;

#ifdef CLOSED
INLINE void input_line(vec *d)
{
    const vec sum = d[0] + d[1];
    d[2] = d[1];
    d[1] = sum;
}

INLINE void weights_line(vec *d)
{
    d[0] -= d[1];
    d[2] -= d[1];
}

INLINE void output_line(vec *d)
{
    const vec second = d[0] + d[1];
    d[0] = d[1] + d[2];
    d[1] = second;
}

INLINE void output_adjoint_line(vec *d)
{
    const vec first = d[0], second = d[1];
    d[0] = second;
    d[1] = first + second;
    d[2] = first;
}

INLINE void weights_adjoint_line(vec *d)
{
    d[1] -= d[0] + d[2];
}
#else
// BT: from READ inputs to A values.
INLINE void input_line(vec *d)
{
    const vec a = d[0], b = d[1], c = d[2], e = d[3];
    if (M == 2) {
        d[0] = a - c;
        d[1] = b + c;
        d[2] = c - b;
        d[3] = b - e;
    } else {
        const vec f = d[4], g = d[5];
        const vec even = f - 4.0f * c, odd = e - 4.0f * b;
        const vec half_even = f - c, half_odd = 2.0f * (e - b);
        d[0] = 4.0f * a - 5.0f * c + f;
        d[1] = even + odd;
        d[2] = even - odd;
        d[3] = half_even + half_odd;
        d[4] = half_even - half_odd;
        d[5] = 4.0f * b - 5.0f * e + g;
    }
}

// G: from 3 weights to A values.
INLINE void weights_line(vec *d)
{
    const vec a = d[0], b = d[1], c = d[2];
    if (M == 2) {
        const vec outer = 0.5f * (a + c), inner = 0.5f * b;
        d[1] = outer + inner;
        d[2] = outer - inner;
        d[3] = c;
    } else {
        const vec outer = (a + c) * (-1.0f / 6), inner = b * (1.0f / 6);
        const vec far = a * (1.0f / 24) + c * (1.0f / 6), far_inner = b * (1.0f / 12);
        d[0] = 0.25f * a;
        d[1] = outer - inner;
        d[2] = outer + inner;
        d[3] = far + far_inner;
        d[4] = far - far_inner;
        d[5] = c;
    }
}

// AT: from A products to M results.
INLINE void output_line(vec *d)
{
    const vec sum = d[1] + d[2], difference = d[1] - d[2];
    if (M == 2) {
        d[0] = d[0] + sum;
        d[1] = difference - d[3];
    } else {
        const vec far_sum = d[3] + d[4], far_difference = d[3] - d[4];
        d[0] = d[0] + sum + far_sum;
        d[1] = difference + 2.0f * far_difference;
        d[2] = sum + 4.0f * far_sum;
        d[3] = difference + 8.0f * far_difference + d[5];
    }
}

// A: from M gradients to A values; the adjoint of output_line.
INLINE void output_adjoint_line(vec *d)
{
    const vec a = d[0], b = d[1];
    if (M == 2) {
        d[1] = a + b;
        d[2] = a - b;
        d[3] = -b;
    } else {
        const vec c = d[2], e = d[3];
        const vec even = a + c, odd = b + e;
        const vec far_even = a + 4.0f * c, far_odd = 2.0f * b + 8.0f * e;
        d[1] = even + odd;
        d[2] = even - odd;
        d[3] = far_even + far_odd;
        d[4] = far_even - far_odd;
        d[5] = e;
    }
}

// GT: from A values to 3 weights; the adjoint of weights_line.
INLINE void weights_adjoint_line(vec *d)
{
    const vec sum = d[1] + d[2], difference = d[1] - d[2];
    if (M == 2) {
        d[0] = d[0] + 0.5f * sum;
        d[1] = 0.5f * difference;
        d[2] = 0.5f * sum + d[3];
    } else {
        const vec far_sum = d[3] + d[4], far_difference = d[3] - d[4];
        d[0] = 0.25f * d[0] - sum * (1.0f / 6) + far_sum * (1.0f / 24);
        d[1] = far_difference * (1.0f / 12) - difference * (1.0f / 6);
        d[2] = (far_sum - sum) * (1.0f / 6) + d[5];
    }
}

#endif

enum transform { INPUT, WEIGHTS, OUTPUT, OUTPUT_ADJOINT, WEIGHTS_ADJOINT };

INLINE void transform_line(vec *d, enum transform which)
{
    if (which == INPUT)
        input_line(d);
    else if (which == WEIGHTS)
        weights_line(d);
    else if (which == OUTPUT)
        output_line(d);
    else if (which == OUTPUT_ADJOINT)
        output_adjoint_line(d);
    else
        weights_adjoint_line(d);
}

// Transforms the `from` x `from` vectors of a window: first its columns, which then have length
// `to`, and then its rows.
INLINE void transform_window(window *d, int from, int to, enum transform which)
{
    LOOP(int x = 0; x < from; x++) {
        vec line[A];
#pragma unroll
        for (int y = 0; y < from; y++)
            line[y] = d->at[y][x];
        transform_line(line, which);
#pragma unroll
        for (int y = 0; y < to; y++)
            d->at[y][x] = line[y];
    }
    LOOP(int y = 0; y < to; y++)
        transform_line(d->at[y], which);
}

// Where tile `index` of h x w maps begins: its image, and the position of its first result.
typedef struct place {
    int image, y, x;
} place;

INLINE place place_of(int index, int h, int w)
{
    const int across = (w + M - 1) / M, down = (h + M - 1) / M;
    const place p = {index / (across * down), index / across % down * M, index % across * M};
    return p;
}

// Loads the window of one row, from `channel` on, of transformed data[A * A][rows][c].
INLINE void load_window(window *d, global const float *data, int rows, int row, int c, int channel)
{
    LOOP(int i = 0; i < A; i++)
        LOOP(int j = 0; j < A; j++)
            d->at[i][j] = vec_load_part(
                data + ((size_t)(i * A + j) * rows + row) * c + channel, c - channel);
}

INLINE void store_window(const window *d, global float *data, int rows, int row, int c, int channel)
{
    LOOP(int i = 0; i < A; i++)
        LOOP(int j = 0; j < A; j++)
            vec_store_part(d->at[i][j],
                           data + ((size_t)(i * A + j) * rows + row) * c + channel, c - channel);
}

INLINE void store_factors(const window *d, global factor *data, int rows, int row, int c,
                          int channel)
{
    LOOP(int i = 0; i < A; i++)
        LOOP(int j = 0; j < A; j++)
            factor_store_part(d->at[i][j],
                              data + ((size_t)(i * A + j) * rows + row) * c + channel, c - channel);
}

// out[A * A][tiles][c] = the transform of `from` x `from` windows of a map[n][h][w][c], which is x
// or dy. There is one window for each tile of the oh x ow results, and it begins `pad` before its
// tile.
INLINE void map_tile(global const real *map, global factor *out, int start, int tiles, int h, int w,
                     int c, int oh, int ow, int pad, int width, int from, enum transform which)
{
    const int tile = get_global_id(1), begin = get_global_id(0) * width;
    const place p = place_of(start + tile, oh, ow);
#if ON_CPU
    const size_t image = (size_t)p.image * h * w;
    int pixels[A][A]; // of the image; -1: padding
    LOOP(int i = 0; i < from; i++)
        LOOP(int j = 0; j < from; j++) {
            const int y = p.y + i - pad, x = p.x + j - pad;
            pixels[i][j] = y >= 0 && y < h && x >= 0 && x < w ? y * w + x : -1;
        }
#endif
    for (int channel = begin; channel < min(c, begin + width); channel += VEC) {
        window d;
        LOOP(int i = 0; i < from; i++)
            LOOP(int j = 0; j < from; j++) {
#if ON_CPU
                const bool inside = pixels[i][j] >= 0;
                const size_t pixel = image + pixels[i][j];
#else
                // On a GPU, a work-item has one vector of channels. The array would be in memory.
                const int y = p.y + i - pad, x = p.x + j - pad;
                const bool inside = y >= 0 && y < h && x >= 0 && x < w;
                const size_t pixel = ((size_t)p.image * h + y) * w + x;
#endif
                d.at[i][j] = (vec)(0.0f);
                if (inside)
                    d.at[i][j] = real_load_part(map + pixel * c + channel, c - channel);
            }
        transform_window(&d, from, A, which);
        store_factors(&d, out, tiles, tile, c, channel);
    }
}

kernel void WINOGRAD(_input)(global const real *x, global factor *out, int start, int tiles, int h,
                             int w, int c, int oh, int ow, int pad, int width)
{
    map_tile(x, out, start, tiles, h, w, c, oh, ow, pad, width, READ, INPUT);
}

kernel void WINOGRAD(_output_adjoint)(global const real *dy, global factor *out, int start,
                                      int tiles, int h, int w, int c, int oh, int ow, int pad,
                                      int width)
{
    map_tile(dy, out, start, tiles, h, w, c, oh, ow, pad, width, M, OUTPUT_ADJOINT);
}

// out[A * A][cin][cout] = G w GT of w[3][3][cin][cout]. With `flip` the taps are rotated by 180
// degrees, which makes the data gradient a convolution of dy.
kernel void WINOGRAD(_weights)(global const float *weights, global float *out, int cin, int cout,
                               int flip, int width)
{
    const int row = get_global_id(1), begin = get_global_id(0) * width;
    for (int channel = begin; channel < min(cout, begin + width); channel += VEC) {
        window d;
        LOOP(int i = 0; i < 3; i++)
            LOOP(int j = 0; j < 3; j++) {
                const int tap = flip ? 8 - (i * 3 + j) : i * 3 + j;
                d.at[i][j] = vec_load_part(
                    weights + ((size_t)tap * cin + row) * cout + channel, cout - channel);
            }
        transform_window(&d, 3, A, WEIGHTS);
        store_window(&d, out, cin, row, cout, channel);
    }
}

#if ON_CPU
// The same, packed for kernels/implicit_gemm.cl: lanes[A * A][panels][lanes][COLUMNS]. A work-item
// packs STEPS * GROUP channels of a panel. With `back` the product's steps are the cout channels
// and its columns the cin channels, and the taps are rotated.
enum { GROUP = 16 };
kernel void WINOGRAD(_pack)(global const float *weights, global lane *packed, int cin, int cout,
                            int back)
{
    float taps[9][STEPS * GROUP][COLUMNS];
    const int steps_in_all = back ? cout : cin, columns_in_all = back ? cin : cout;
    const int step = get_global_id(0) * STEPS * GROUP, column = get_global_id(1) * COLUMNS;
    const int steps = min(STEPS * GROUP, steps_in_all - step);
    const int columns = min(COLUMNS, columns_in_all - column);
    const int panels = (columns_in_all + COLUMNS - 1) / COLUMNS;
    SERIAL(int tap = 0; tap < 9; tap++) {
        float *to = taps[tap][0];
        if (back)
            copy_transposed(weights + ((size_t)(8 - tap) * cin + column) * cout + step, cout, to,
                            steps, columns);
        else
            SERIAL(int i = 0; i < steps; i++)
                copy_columns(weights + ((size_t)tap * cin + step + i) * cout + column,
                             to + i * COLUMNS, columns);
        SERIAL(int i = steps * COLUMNS; i < lanes_in(steps) * STEPS * COLUMNS; i++)
            to[i] = 0.0f;
    }
    SERIAL(int k = 0; k < lanes_in(steps) * 2; k++) {
        window d[STEPS];
        LOOP(int s = 0; s < STEPS; s++) {
            LOOP(int i = 0; i < 9; i++)
                d[s].at[i / 3][i % 3] = vec_load(&taps[i][k / 2 * STEPS + s][k % 2 * VEC]);
            transform_window(&d[s], 3, A, WEIGHTS);
        }
        LOOP(int i = 0; i < A * A; i++) {
            const size_t row = ((size_t)i * panels + get_global_id(1)) * lanes_in(steps_in_all) +
                               step / STEPS + k / 2;
#if STEPS == 1
            const lanes made = d[0].at[i / A][i % A];
#else
            const lanes made = lanes_of(d[0].at[i / A][i % A], d[1].at[i / A][i % A]);
#endif
            lanes_store(made, packed + row * COLUMNS + k % 2 * VEC);
        }
    }
}
#endif

// The number of rows and columns of a tile's M x M results that are inside the map.
typedef struct extent {
    int down, across;
} extent;

// Adds one tile's results to the statistics of its run. Differences from the run's first result are
// summed, so no digits are lost if the mean is large compared with the deviation. `count` is 0
// except for the run's last tile, where it is the number of results in the run; the sums then
// become the mean and the sum of squared deviations from it.
INLINE void sum_tile(const window *d, extent inside, vec shift, bool first, int count,
                     global float *mean, global float *squares, int left)
{
    vec sum = (vec)(0.0f), square = (vec)(0.0f);
    if (!first) {
        sum = vec_load_part(mean, left);
        square = vec_load_part(squares, left);
    }
    LOOP(int i = 0; i < M; i++)
        LOOP(int j = 0; j < M; j++) {
            if (i >= inside.down || j >= inside.across)
                continue;
            const vec difference = d->at[i][j] - shift;
            sum += difference;
            square += difference * difference;
        }
    if (count > 0) {
        square = relu_of(square - sum * sum / (float)count);
        sum = shift + sum / (float)count;
    }
    vec_store_part(sum, mean, left);
    vec_store_part(square, squares, left);
}

// Applies the ending to a tile's results and stores them from y[at] on. Neighbouring pixels are c
// elements apart, rows w * c.
INLINE void store_tile(window *d, extent inside, global real *y, size_t at, int w, int c,
                       int accumulate, const ending e, int channel)
{
    LOOP(int i = 0; i < M; i++)
        LOOP(int j = 0; j < M; j++) {
            if (i >= inside.down || j >= inside.across)
                continue;
            const size_t here = at + ((size_t)i * w + j) * c;
            vec v = d->at[i][j];
            if (accumulate)
                v += real_load_part(y + here, c - channel);
            if (e.shift)
                v = finish_vec(v, e, channel, here, c - channel);
            d->at[i][j] = v;
            real_store_part(v, y + here, c - channel);
        }
}

// y[n][h][w][c] = (accumulate ? y : 0) + AT products A, from products[A * A][tiles][c], with the
// ending applied. A work-item handles a run of `run` tiles; there are `runs` runs in the whole map.
kernel void WINOGRAD(_output)(global const float *products, global real *y, int start, int tiles,
                              int h, int w, int c, int accumulate, int width, int run, int runs,
                              global const float *scale, global const float *shift,
                              global const real *residual, int relu, global float *sums)
{
    const ending e = ENDING;
    const int begin = get_global_id(0) * width;
    const int first = get_global_id(1) * run, last = min(tiles, first + run);
    const int number = start / run + get_global_id(1);
    const place beginning = place_of(start + first, h, w);
    const size_t shifts = (((size_t)beginning.image * h + beginning.y) * w + beginning.x) * c;
    global float *means = e.sums + number * (size_t)2 * c;
    int count = 0;
    for (int tile = first; tile < last; tile++) {
        const place p = place_of(start + tile, h, w);
        const extent inside = {min(M, h - p.y), min(M, w - p.x)};
        count += inside.down * inside.across;
        for (int channel = begin; channel < min(c, begin + width); channel += VEC) {
            const int left = c - channel;
            window d;
            load_window(&d, products, tiles, tile, c, channel);
            transform_window(&d, A, M, OUTPUT);
            store_tile(&d, inside, y, (((size_t)p.image * h + p.y) * w + p.x) * c + channel, w, c,
                       accumulate, e, channel);
            if (e.sums)
                sum_tile(&d, inside, real_load_part(y + shifts + channel, left), tile == first,
                         tile + 1 == last ? count : 0, means + channel, means + c + channel, left);
        }
    }
    if (e.sums && begin == 0)
        SUM_COUNTS(e.sums, runs, c)[number] = count;
}

// dweights[3][3][cin][cout] = alpha * GT sums G + beta * dweights, from sums[A * A][cin][cout].
kernel void WINOGRAD(_weights_adjoint)(global const float *sums, global float *dweights, int cin,
                                       int cout, float alpha, float beta, int width)
{
    const int row = get_global_id(1), begin = get_global_id(0) * width;
    for (int channel = begin; channel < min(cout, begin + width); channel += VEC) {
        window d;
        load_window(&d, sums, cin, row, cout, channel);
        transform_window(&d, A, 3, WEIGHTS_ADJOINT);
        LOOP(int i = 0; i < 3; i++)
            LOOP(int j = 0; j < 3; j++)
                store_gradient(d.at[i][j], alpha, beta,
                               dweights + ((size_t)(i * 3 + j) * cin + row) * cout + channel,
                               cout - channel);
    }
}
