/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions in double precision; see reference_convolution.h. */
#include "selftest/reference_convolution.h"

#include <string.h>

tensor reference_convolution_output(const convolution_shape *s, tensor x)
{
    return (tensor){NULL, x.n, (x.h + 2 * s->pad - s->kernel) / s->stride + 1,
                    (x.w + 2 * s->pad - s->kernel) / s->stride + 1, s->cout};
}

/* One pixel of x, one matrix of weights and one pixel of y that meet. */
static void add_products(const convolution_shape *s, const reference_convolution *r, size_t x,
                         size_t w, size_t y)
{
    size_t cin = (size_t)s->cin, cout = (size_t)s->cout;
    for (size_t in = 0; in < cin; in++)
        for (size_t out = 0; out < cout; out++) {
            size_t at_x = x * cin + in, at_w = (w * cin + in) * cout + out, at_y = y * cout + out;
            if (r->y)
                r->y[at_y] += (double)r->x[at_x] * r->w[at_w];
            if (r->dx)
                r->dx[at_x] += (double)r->dy[at_y] * r->w[at_w];
            if (r->dw)
                r->dw[at_w] += (double)r->dy[at_y] * r->x[at_x];
        }
}

static void add_window(const convolution_shape *s, tensor x, const reference_convolution *r, int n,
                       int oy, int ox, size_t y)
{
    for (int ky = 0; ky < s->kernel; ky++)
        for (int kx = 0; kx < s->kernel; kx++) {
            int row = oy * s->stride - s->pad + ky, column = ox * s->stride - s->pad + kx;
            if (row < 0 || row >= x.h || column < 0 || column >= x.w)
                continue;
            add_products(s, r,
                         ((size_t)n * (size_t)x.h + (size_t)row) * (size_t)x.w + (size_t)column,
                         (size_t)ky * (size_t)s->kernel + (size_t)kx, y);
        }
}

void reference_convolution_add(const convolution_shape *s, tensor x, const reference_convolution *r)
{
    const tensor out = reference_convolution_output(s, x);
    size_t y = 0;
    for (int n = 0; n < x.n; n++)
        for (int oy = 0; oy < out.h; oy++)
            for (int ox = 0; ox < out.w; ox++)
                add_window(s, x, r, n, oy, ox, y++);
}

size_t reference_combine_runs(const float *sums, size_t runs, size_t c, double *mean,
                              double *squares)
{
    size_t pixels = 0;
    for (size_t run = 0; run < runs; run++) {
        cl_int count;
        memcpy(&count, sums + runs * 2 * c + run, sizeof count);
        if (count <= 0)
            return 0;
        for (size_t i = 0; i < c; i++) {
            double delta = sums[2 * run * c + i] - mean[i], both = (double)pixels + count;
            mean[i] += delta * count / both;
            squares[i] +=
                sums[(2 * run + 1) * c + i] + delta * delta * (double)pixels * count / both;
        }
        pixels += (size_t)count;
    }
    return pixels;
}
