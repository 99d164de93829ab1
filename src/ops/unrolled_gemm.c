/* The first layer, whose three channels fill no vector: its windows are unrolled once, and the
 * product over them runs as the 1x1 convolution that it then is; see implicit_gemm.c. */
#include "ops/convolution.h"
#include "ops/im2col.h"

static window_shape windows_of(const convolution_call *call)
{
    const convolution_shape *s = &call->shape;
    return window_of(call->x.h, call->x.w, s->kernel, s->stride, s->pad);
}

static int unrolled_channels(const convolution_shape *s)
{
    return s->kernel * s->kernel * s->cin;
}

/* With taps left out the weights of those that remain would not be contiguous. */
static bool supports(const device *dev, const convolution_call *call)
{
    const convolution_shape *s = &call->shape;
    window_shape w = windows_of(call);
    return implicit_gemm.supports(dev, call) && call->direction != CONVOLUTION_BACKWARD_DATA &&
           s->kernel > 1 && s->cin < dev->vec && w.rows == s->kernel && w.taps == s->kernel;
}

/* The 1x1 convolution over windows that lie in `columns`. */
static convolution_call product_of(const convolution_call *call, cl_mem columns)
{
    int channels = unrolled_channels(&call->shape);
    convolution_call product = *call;
    product.shape = (convolution_shape){channels, call->shape.cout, 1, 1, 0};
    product.x = (tensor){columns, call->y.n, call->y.h, call->y.w, channels};
    return product;
}

static status measure(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err)
{
    const convolution_call product = product_of(call, NULL);
    TRY(implicit_gemm.measure(dev, &product, bytes, err));
    bytes->columns = tensor_bytes(dev, product.x);
    return STATUS_OK;
}

static status run(device *dev, const convolution_call *call, convolution_memory memory, error *err)
{
    window_shape windows = windows_of(call);
    const convolution_call product = product_of(call, memory.columns);
    TRY(im2col_run(dev, call->x, &windows, memory.columns, err));
    return implicit_gemm.run(dev, &product, memory, err);
}

static size_t sum_runs(const device *dev, const convolution_call *call)
{
    const convolution_call product = product_of(call, NULL);
    return implicit_gemm.sum_runs(dev, &product);
}

const convolution_algorithm unrolled_gemm = {.name = "unrolled_gemm",
                                             .family = "gemm",
                                             .supports = supports,
                                             .measure = measure,
                                             .run = run,
                                             .finishes = true,
                                             .sum_runs = sum_runs};
