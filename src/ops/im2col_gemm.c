/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions as CLBlast products over unrolled windows. This is the reference: it is correct for
 * every shape and device, in fp32.
 *
 * If every tap is used it is one product. If taps are left out (window_of), the weights of the
 * others are contiguous only within a row of the kernel, so there is one product per row. */
#include "ops/convolution.h"
#include "ops/gemm.h"
#include "ops/im2col.h"

/* A convolution divided into products over `k` rows of the weights each. */
typedef struct slices {
    window_shape windows;
    int count;          /* products */
    size_t k;           /* rows of the weights in each product */
    size_t pixels;      /* n * oh * ow */
    size_t first_row;   /* of the weights, for the first product */
    size_t row_step;    /* rows of the weights from one product to the next */
    size_t cols_stride; /* floats in a row of cols */
} slices;

static slices cut(const convolution_shape *s, tensor x)
{
    slices cut = {.windows = window_of(x.h, x.w, s->kernel, s->stride, s->pad)};
    const window_shape *w = &cut.windows;
    bool whole = w->taps == s->kernel;
    size_t cin = (size_t)s->cin;
    cut.count = whole ? 1 : w->rows;
    cut.k = (size_t)w->taps * cin * (whole ? (size_t)w->rows : 1);
    cut.pixels = (size_t)x.n * (size_t)w->oh * (size_t)w->ow;
    cut.first_row = (size_t)(w->ky0 * s->kernel + w->kx0) * cin;
    cut.row_step = (size_t)s->kernel * cin;
    cut.cols_stride = (size_t)(w->rows * w->taps) * cin;
    return cut;
}

static gemm_problem slice_problem(const convolution_call *call, const slices *c, int index,
                                  cl_mem cols)
{
    size_t cout = (size_t)call->shape.cout;
    gemm_matrix a = {cols, (size_t)index * c->k, c->cols_stride, false};
    gemm_matrix b = {call->weights, (c->first_row + (size_t)index * c->row_step) * cout, cout,
                     false};
    gemm_matrix out = {call->y.buffer, 0, cout, false};
    if (call->direction == CONVOLUTION_FORWARD)
        return (gemm_problem){c->pixels, cout, c->k, a, b, out, 1, index > 0};
    if (call->direction == CONVOLUTION_BACKWARD_WEIGHTS) {
        a.transposed = true;
        return (gemm_problem){c->k, cout, c->pixels,         a,
                              out,  b,    call->terms.alpha, call->terms.beta};
    }
    b.transposed = true;
    return (gemm_problem){c->pixels, c->k, cout, out, b, a, 1, 0};
}

static bool supports(const device *dev, const convolution_call *call)
{
    (void)call;
    return !precision_is_small(dev->precision);
}

static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    slices c = cut(&call->shape, call->x);
    *bytes = (convolution_bytes){.columns = c.pixels * c.cols_stride * sizeof(float)};
    for (int i = 0; i < c.count; i++) {
        gemm_problem p = slice_problem(call, &c, i, NULL);
        size_t scratch;
        TRY(gemm_workspace(dev, &p, &scratch, err));
        bytes->scratch = scratch > bytes->scratch ? scratch : bytes->scratch;
    }
    return STATUS_OK;
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    slices c = cut(&call->shape, call->x);
    if (call->direction != CONVOLUTION_BACKWARD_DATA)
        TRY(im2col_run(dev, call->x, &c.windows, memory.columns, err));
    for (int i = 0; i < c.count; i++) {
        gemm_problem p = slice_problem(call, &c, i, memory.columns);
        TRY(gemm_run(dev, &p, memory.scratch, err));
    }
    if (call->direction == CONVOLUTION_BACKWARD_DATA)
        return col2im_run(dev, memory.columns, &c.windows, call->x, call->accumulate, err);
    return STATUS_OK;
}

const convolution_algorithm im2col_gemm = {
    .name = "im2col", .family = "im2col", .supports = supports, .measure = measure, .run = run};
