/* SPDX-License-Identifier: Apache-2.0 */
/* The windows of a convolution as rows of a matrix, and back. kernels/im2col.cl. */
#pragma once

#include "ops/tensor.h"

/* The windows of a square convolution on an h x w map; out = (in + 2 * pad - kernel) / stride + 1.
 * Taps outside [ky0, ky0 + rows) x [kx0, kx0 + taps) meet only padding at every output pixel and
 * are left out of the matrix. On a 1x1 map these are 8 of the 9 taps of a 3x3 kernel. */
typedef struct window_shape {
    int h, w, oh, ow;
    int kernel, stride, pad;
    int ky0, rows, kx0, taps;
} window_shape;

window_shape window_of(int h, int w, int kernel, int stride, int pad);

/* Fills cols[n * oh * ow][rows * taps * c] from x[n][h][w][c], in the precision of x. */
status im2col_run(device *dev, tensor x, const window_shape *windows, cl_mem cols, error *err);
/* x[n][h][w][c] = (accumulate ? x : 0) + the sum of all matrix elements that come from that
 * pixel. */
status col2im_run(device *dev, cl_mem cols, const window_shape *windows, tensor x, bool accumulate,
                  error *err);
