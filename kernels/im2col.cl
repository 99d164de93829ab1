// SPDX-License-Identifier: Apache-2.0
// im2col unrolls the windows of a convolution into the rows of a matrix; col2im adds such rows back
// onto the image. Both work on NHWC, where the taps of one window row are contiguous in memory:
//
//   cols[(n, oy, ox)][ky][kx][c] = x[n][oy * stride - pad + ky][ox * stride - pad + kx][c]
//
// for ky in [ky0, ky0 + rows) and kx in [kx0, kx0 + taps). The host leaves out taps that meet only
// padding.

// One work-item copies VEC of the `taps * c` elements of one window row.
kernel void im2col(global const real *x, global real *cols, int h, int w, int c, int oh, int ow,
                   int ky0, int rows, int kx0, int taps, int stride, int pad)
{
    const int row_length = taps * c;
    const int at = get_global_id(0) * VEC;
    if (at >= row_length)
        return;
    const int row = get_global_id(1);
    const size_t pixel = get_global_id(2);
    const int ox = pixel % ow;
    const int oy = pixel / ow % oh;
    const size_t n = pixel / ((size_t)oh * ow);

    const int y = oy * stride - pad + ky0 + row;
    // Counted in elements from the start of the image's row; positions outside [0, w * c) are
    // padding.
    const int from = (ox * stride - pad + kx0) * c + at;
    const int left = min(VEC, row_length - at);
    global real *out = cols + (pixel * rows + row) * row_length + at;

    if (y < 0 || y >= h) {
        real_store_part((vec)(0.0f), out, left);
        return;
    }
    global const real *in = x + (n * h + y) * (size_t)w * c;
    if (left == VEC && from >= 0 && from + VEC <= w * c) {
        real_store(real_load(in + from), out);
        return;
    }
    for (int i = 0; i < left; i++)
        real_set(from + i >= 0 && from + i < w * c ? real_get(in + from + i) : 0.0f, out + i);
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
