// SPDX-License-Identifier: Apache-2.0
// im2col unrolls the windows of a convolution into the rows of a matrix; col2im adds such rows back
// onto the image. Both work on NHWC, where the taps of one window row are contiguous in memory:
//
//   cols[(n, oy, ox)][ky][kx][c] = x[n][oy * stride - pad + ky][ox * stride - pad + kx][c]
//
// for ky in [ky0, ky0 + rows) and kx in [kx0, kx0 + taps). The host leaves out taps that meet only
// padding.

// Copies elements [at, at + VEC) of a window's row, of `length` elements. `from` is where the row
// begins in the image's row `in`, which has `width` elements; others are padding.
static inline void copy_window(global const real *in, global real *out, int at, int length,
                               int from, int width)
{
    const int left = min(VEC, length - at);
    if (left == VEC && from + at >= 0 && from + at + VEC <= width) {
        real_store(real_load(in + from + at), out + at);
        return;
    }
    for (int i = at; i < at + left; i++)
        real_set(from + i >= 0 && from + i < width ? real_get(in + from + i) : 0.0f, out + i);
}

// A work-item of a GPU copies VEC of the `taps * c` elements of one window row, and one of a CPU
// a whole window.
kernel void im2col(global const real *x, global real *cols, int h, int w, int c, int oh, int ow,
                   int ky0, int rows, int kx0, int taps, int stride, int pad)
{
    const int length = taps * c;
    const uint pixel = get_global_id(2);
    const int ox = pixel % ow, oy = pixel / ow % oh, n = pixel / (ow * oh);
    const int from = (ox * stride - pad + kx0) * c;
    for (int row = get_global_id(1); row < rows; row += get_global_size(1)) {
        const int y = oy * stride - pad + ky0 + row;
        const int width = y >= 0 && y < h ? w * c : 0;
        global const real *in = x + ((size_t)n * h + y) * w * c;
        global real *out = cols + ((size_t)pixel * rows + row) * length;
        for (int at = get_global_id(0) * VEC; at < length; at += get_global_size(0) * VEC)
#if ON_CPU
            // The last vector overlaps the one before.
            copy_window(in, out, max(0, min(at, length - VEC)), length, from, width);
#else
            copy_window(in, out, at, length, from, width);
#endif
    }
}

// One work-item sums VEC channels of one pixel over all windows that contain it.
kernel void col2im(global const real *cols, global real *x, int h, int w, int c, int oh, int ow,
                   int ky0, int rows, int kx0, int taps, int stride, int pad, int accumulate)
{
    const int channel = get_global_id(0) * VEC;
    const size_t pixel = get_global_id(1);
    const int ix = pixel % w;
    const int iy = pixel / w % h;
    const size_t n = pixel / ((size_t)h * w);
    const int left = c - channel;
    if (left <= 0)
        return;
    global real *out = x + pixel * c + channel;

    vec sum = accumulate ? real_load_part(out, left) : (vec)(0.0f);
    for (int row = 0; row < rows; row++) {
        const int sy = iy + pad - ky0 - row;
        if (sy < 0 || sy % stride || sy / stride >= oh)
            continue;
        for (int tap = 0; tap < taps; tap++) {
            const int sx = ix + pad - kx0 - tap;
            if (sx < 0 || sx % stride || sx / stride >= ow)
                continue;
            const size_t window = (n * oh + sy / stride) * ow + sx / stride;
            sum += real_load_part(cols + ((window * rows + row) * taps + tap) * c + channel, left);
        }
    }
    real_store_part(sum, out, left);
}
