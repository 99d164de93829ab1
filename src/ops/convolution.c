/* Convolution as a matrix product over unrolled windows; see convolution.h.
 *
 * With every tap in use it is one product. Where taps are left out (window_of), those that remain
 * are contiguous weights only within a kernel row, so there is one product per row. */
#include "ops/convolution.h"
#include "ops/im2col.h"

enum direction { FORWARD, BACKWARD_WEIGHTS, BACKWARD_DATA };

/* A convolution cut into products over `k` rows of the weights each. */
typedef struct slices {
    window_shape windows;
    int count;          /* products */
    size_t k;           /* weight rows of each */
    size_t pixels;      /* n * oh * ow */
    size_t first_row;   /* of the weights, for the first slice */
    size_t row_step;    /* from one slice to the next */
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

static gemm_problem slice_problem(const convolution_shape *s, const slices *c, int index,
                                  enum direction direction, cl_mem cols, cl_mem weights, cl_mem y)
{
    size_t cout = (size_t)s->cout;
    gemm_matrix a = {cols, (size_t)index * c->k, c->cols_stride, false};
    gemm_matrix b = {weights, (c->first_row + (size_t)index * c->row_step) * cout, cout, false};
    gemm_matrix out = {y, 0, cout, false};
    if (direction == FORWARD)
        return (gemm_problem){c->pixels, cout, c->k, a, b, out, index > 0};
    if (direction == BACKWARD_WEIGHTS) {
        a.transposed = true;
        return (gemm_problem){c->k, cout, c->pixels, a, out, b, false};
    }
    b.transposed = true;
    return (gemm_problem){c->pixels, c->k, cout, out, b, a, false};
}

status convolution_workspace(device *dev, const convolution_shape *shape, tensor x, bool backward,
                             size_t *cols_bytes, size_t *scratch_bytes, error *err)
{
    slices c = cut(shape, x);
    *cols_bytes = c.pixels * c.cols_stride * sizeof(float);
    *scratch_bytes = 0;
    for (int direction = FORWARD; direction <= (backward ? BACKWARD_DATA : FORWARD); direction++)
        for (int i = 0; i < c.count; i++) {
            gemm_problem p =
                slice_problem(shape, &c, i, (enum direction)direction, NULL, NULL, NULL);
            size_t bytes;
            TRY(gemm_workspace(dev, &p, &bytes, err));
            *scratch_bytes = bytes > *scratch_bytes ? bytes : *scratch_bytes;
        }
    return STATUS_OK;
}

static status run_slices(device *dev, const convolution_shape *shape, const slices *c,
                         enum direction direction, cl_mem cols, cl_mem weights, cl_mem y,
                         cl_mem scratch, error *err)
{
    for (int i = 0; i < c->count; i++) {
        gemm_problem p = slice_problem(shape, c, i, direction, cols, weights, y);
        TRY(gemm_run(dev, &p, scratch, err));
    }
    return STATUS_OK;
}

status convolution_forward(device *dev, const convolution_shape *shape, tensor x, cl_mem weights,
                           tensor y, cl_mem cols, cl_mem scratch, error *err)
{
    slices c = cut(shape, x);
    TRY(im2col_run(dev, x, &c.windows, cols, err));
    return run_slices(dev, shape, &c, FORWARD, cols, weights, y.buffer, scratch, err);
}

status convolution_backward_weights(device *dev, const convolution_shape *shape, tensor x,
                                    tensor dy, cl_mem dweights, cl_mem cols, cl_mem scratch,
                                    error *err)
{
    slices c = cut(shape, x);
    TRY(im2col_run(dev, x, &c.windows, cols, err));
    return run_slices(dev, shape, &c, BACKWARD_WEIGHTS, cols, dweights, dy.buffer, scratch, err);
}

status convolution_backward_data(device *dev, const convolution_shape *shape, tensor dy,
                                 cl_mem weights, tensor dx, bool accumulate, cl_mem cols,
                                 cl_mem scratch, error *err)
{
    slices c = cut(shape, dx);
    TRY(run_slices(dev, shape, &c, BACKWARD_DATA, cols, weights, dy.buffer, scratch, err));
    return col2im_run(dev, cols, &c.windows, dx, accumulate, err);
}
