/* Launches kernels/conv1x1.cl and the products; see conv1x1.h. */
#include "ops/conv1x1.h"
#include "device/kernel.h"

static int strided(int size, int stride)
{
    return (size - 1) / stride + 1;
}

static size_t dense_pixels(const convolution_shape *s, tensor x)
{
    return (size_t)x.n * (size_t)strided(x.h, s->stride) * (size_t)strided(x.w, s->stride);
}

static gemm_problem forward_problem(const convolution_shape *s, size_t pixels, cl_mem x,
                                    cl_mem weights, cl_mem y)
{
    size_t cin = (size_t)s->cin, cout = (size_t)s->cout;
    return (gemm_problem){
        pixels, cout, cin, {x, 0, cin, false}, {weights, 0, cout, false}, {y, 0, cout, false},
        false};
}

static gemm_problem weights_problem(const convolution_shape *s, size_t pixels, cl_mem x, cl_mem dy,
                                    cl_mem dweights)
{
    size_t cin = (size_t)s->cin, cout = (size_t)s->cout;
    return (gemm_problem){
        cin,  cout, pixels, {x, 0, cin, true}, {dy, 0, cout, false}, {dweights, 0, cout, false},
        false};
}

static gemm_problem data_problem(const convolution_shape *s, size_t pixels, cl_mem dy,
                                 cl_mem weights, cl_mem dx, bool accumulate)
{
    size_t cin = (size_t)s->cin, cout = (size_t)s->cout;
    return (gemm_problem){
        pixels,    cin, cout, {dy, 0, cout, false}, {weights, 0, cout, true}, {dx, 0, cin, false},
        accumulate};
}

status conv1x1_workspace(device *dev, const convolution_shape *shape, tensor x, bool backward,
                         size_t *cols_bytes, size_t *scratch_bytes, error *err)
{
    size_t pixels = dense_pixels(shape, x);
    *cols_bytes = shape->stride > 1 ? pixels * (size_t)shape->cin * sizeof(float) : 0;
    const gemm_problem problems[] = {
        forward_problem(shape, pixels, NULL, NULL, NULL),
        weights_problem(shape, pixels, NULL, NULL, NULL),
        data_problem(shape, pixels, NULL, NULL, NULL, true),
    };
    *scratch_bytes = 0;
    for (int i = 0; i < (backward ? 3 : 1); i++) {
        size_t bytes;
        TRY(gemm_workspace(dev, &problems[i], &bytes, err));
        *scratch_bytes = bytes > *scratch_bytes ? bytes : *scratch_bytes;
    }
    return STATUS_OK;
}

/* *dense is x itself or cols with the gathered pixels. */
static status gather(device *dev, const convolution_shape *s, tensor x, cl_mem cols, cl_mem *dense,
                     error *err)
{
    *dense = x.buffer;
    if (s->stride == 1)
        return STATUS_OK;
    *dense = cols;
    return LAUNCH(
        dev, "conv1x1", "conv1x1_gather", RANGE_2D(device_vectors(dev, x.c), dense_pixels(s, x)),
        err, ARG_BUFFER(x.buffer), ARG_BUFFER(cols), ARG_INT(x.h), ARG_INT(x.w), ARG_INT(x.c),
        ARG_INT(strided(x.h, s->stride)), ARG_INT(strided(x.w, s->stride)), ARG_INT(s->stride));
}

status conv1x1_forward(device *dev, const convolution_shape *shape, tensor x, cl_mem weights,
                       tensor y, cl_mem cols, cl_mem scratch, error *err)
{
    cl_mem dense;
    TRY(gather(dev, shape, x, cols, &dense, err));
    gemm_problem p = forward_problem(shape, dense_pixels(shape, x), dense, weights, y.buffer);
    return gemm_run(dev, &p, scratch, err);
}

status conv1x1_backward_weights(device *dev, const convolution_shape *shape, tensor x, tensor dy,
                                cl_mem dweights, cl_mem cols, cl_mem scratch, error *err)
{
    cl_mem dense;
    TRY(gather(dev, shape, x, cols, &dense, err));
    gemm_problem p = weights_problem(shape, dense_pixels(shape, x), dense, dy.buffer, dweights);
    return gemm_run(dev, &p, scratch, err);
}

status conv1x1_backward_data(device *dev, const convolution_shape *shape, tensor dy, cl_mem weights,
                             tensor dx, bool accumulate, cl_mem cols, cl_mem scratch, error *err)
{
    size_t pixels = dense_pixels(shape, dx);
    if (shape->stride == 1) {
        gemm_problem p = data_problem(shape, pixels, dy.buffer, weights, dx.buffer, accumulate);
        return gemm_run(dev, &p, scratch, err);
    }
    gemm_problem p = data_problem(shape, pixels, dy.buffer, weights, cols, false);
    TRY(gemm_run(dev, &p, scratch, err));
    return LAUNCH(dev, "conv1x1", "conv1x1_scatter",
                  RANGE_2D(device_vectors(dev, dx.c), tensor_pixels(dx)), err, ARG_BUFFER(cols),
                  ARG_BUFFER(dx.buffer), ARG_INT(dx.h), ARG_INT(dx.w), ARG_INT(dx.c),
                  ARG_INT(strided(dx.h, shape->stride)), ARG_INT(strided(dx.w, shape->stride)),
                  ARG_INT(shape->stride), ARG_INT(accumulate));
}
