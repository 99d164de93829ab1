/* SPDX-License-Identifier: Apache-2.0 */
/* 1x1 convolutions without padding, as one CLBlast product over pixels, without im2col. With a
 * stride, the pixels that the convolution reads are gathered first. kernels/conv1x1.cl. */
#include "device/kernel.h"
#include "ops/convolution.h"
#include "ops/gemm.h"

static gemm_problem problem_of(const convolution_call *call, cl_mem x)
{
    size_t cin = (size_t)call->shape.cin, cout = (size_t)call->shape.cout;
    size_t pixels = tensor_pixels(call->y);
    gemm_matrix dense = {x, 0, cin, false}, weights = {call->weights, 0, cout, false};
    gemm_matrix y = {call->y.buffer, 0, cout, false};
    if (call->direction == CONVOLUTION_FORWARD)
        return (gemm_problem){pixels, cout, cin, dense, weights, y, 1, 0};
    if (call->direction == CONVOLUTION_BACKWARD_WEIGHTS) {
        dense.transposed = true;
        return (gemm_problem){
            cin, cout, pixels, dense, y, weights, call->terms.alpha, call->terms.beta};
    }
    weights.transposed = true;
    bool accumulate = call->accumulate && call->shape.stride == 1; /* otherwise the scatter adds */
    return (gemm_problem){pixels, cin, cout, y, weights, dense, 1, accumulate};
}

static bool supports(const device *dev, const convolution_call *call)
{
    return !precision_is_small(dev->precision) && call->shape.kernel == 1 && call->shape.pad == 0;
}

static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    gemm_problem p = problem_of(call, NULL);
    *bytes = (convolution_bytes){0};
    if (call->shape.stride > 1)
        bytes->columns = tensor_pixels(call->y) * (size_t)call->shape.cin * sizeof(float);
    return gemm_workspace(dev, &p, &bytes->scratch, err);
}

static status gather(device *dev, const convolution_call *call, cl_mem columns, error *err)
{
    tensor x = call->x;
    return LAUNCH(dev, "conv1x1", "conv1x1_gather",
                  range_2d(dev, device_vectors(dev, x.c), tensor_pixels(call->y)), err,
                  ARG_BUFFER(x.buffer), ARG_BUFFER(columns), ARG_INT(x.h), ARG_INT(x.w),
                  ARG_INT(x.c), ARG_INT(call->y.h), ARG_INT(call->y.w),
                  ARG_INT(call->shape.stride));
}

static status scatter(device *dev, const convolution_call *call, cl_mem columns, error *err)
{
    tensor x = call->x;
    return LAUNCH(dev, "conv1x1", "conv1x1_scatter",
                  range_2d(dev, device_vectors(dev, x.c), tensor_pixels(x)), err,
                  ARG_BUFFER(columns), ARG_BUFFER(x.buffer), ARG_INT(x.h), ARG_INT(x.w),
                  ARG_INT(x.c), ARG_INT(call->y.h), ARG_INT(call->y.w), ARG_INT(call->shape.stride),
                  ARG_INT(call->accumulate));
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    bool strided = call->shape.stride > 1;
    gemm_problem p = problem_of(call, strided ? memory.columns : call->x.buffer);
    if (strided && call->direction != CONVOLUTION_BACKWARD_DATA)
        TRY(gather(dev, call, memory.columns, err));
    TRY(gemm_run(dev, &p, memory.scratch, err));
    if (strided && call->direction == CONVOLUTION_BACKWARD_DATA)
        return scatter(dev, call, memory.columns, err);
    return STATUS_OK;
}

const convolution_algorithm conv1x1_gemm = {
    .name = "conv1x1", .family = "im2col", .supports = supports, .measure = measure, .run = run};
