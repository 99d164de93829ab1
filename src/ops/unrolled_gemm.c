/* SPDX-License-Identifier: Apache-2.0 */
/* The first layer. Its three channels do not fill a vector, so its windows are unrolled once, and
 * the product over them runs as a 1x1 convolution; see implicit_gemm.c and tiled_gemm.c. */
#include "ops/convolution.h"
#include "ops/im2col.h"

static window_shape windows_of(const convolution_call *call)
{
    const convolution_shape *s = &call->shape;
    return window_of(call->x.h, call->x.w, s->kernel, s->stride, s->pad);
}

/* The 1x1 convolution of the unrolled windows. */
static convolution_call product_of(const convolution_call *call, cl_mem columns)
{
    int channels = call->shape.kernel * call->shape.kernel * call->shape.cin;
    convolution_call product = *call;
    product.shape = (convolution_shape){channels, call->shape.cout, 1, 1, 0};
    product.x = (tensor){columns, call->y.n, call->y.h, call->y.w, channels};
    return product;
}

/* The algorithm that multiplies on this device. */
static const convolution_algorithm *gemm_of(const device *dev, const convolution_call *call)
{
    return implicit_gemm.supports(dev, call) ? &implicit_gemm : &tiled_gemm;
}

/* If taps were left out, the weights of the others would not be contiguous. implicit_gemm's forward
 * pass gathers whole rows of a window by itself. */
static bool supports(const device *dev, const convolution_call *call)
{
    const convolution_shape *s = &call->shape;
    window_shape w = windows_of(call);
    const convolution_algorithm *gemm = gemm_of(dev, call);
    bool gathered = call->direction == CONVOLUTION_FORWARD && gemm == &implicit_gemm;
    return gemm->supports(dev, call) && !gathered && call->direction != CONVOLUTION_BACKWARD_DATA &&
           s->kernel > 1 && s->cin < dev->vec && w.rows == s->kernel && w.taps == s->kernel;
}

static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    const convolution_call product = product_of(call, NULL);
    TRY(gemm_of(dev, call)->measure(dev, &product, bytes, err));
    bytes->columns = tensor_bytes(dev, product.x);
    return STATUS_OK;
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    window_shape windows = windows_of(call);
    const convolution_call product = product_of(call, memory.columns);
    TRY(im2col_run(dev, call->x, &windows, memory.columns, err));
    return gemm_of(dev, call)->run(dev, &product, memory, err);
}

static size_t sum_runs(const device *dev, const convolution_call *call)
{
    const convolution_call product = product_of(call, NULL);
    const convolution_algorithm *gemm = gemm_of(dev, call);
    return gemm->sum_runs ? gemm->sum_runs(dev, &product) : 0;
}

const convolution_algorithm unrolled_gemm = {.name = "unrolled_gemm",
                                             .family = "gemm",
                                             .supports = supports,
                                             .measure = measure,
                                             .run = run,
                                             .finishes = true,
                                             .sum_runs = sum_runs};
