/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/max_pool.cl; see max_pool.h. */
#include "ops/max_pool.h"
#include "device/kernel.h"

size_t max_pool_index_bytes(tensor y)
{
    return tensor_size(y);
}

/* Vectors of channels x columns x rows of all images. */
static launch_range range_of(const device *dev, tensor t)
{
    return range_3d(dev, device_vectors(dev, t.c), (size_t)t.w, (size_t)t.n * (size_t)t.h);
}

status max_pool_forward(device *dev, tensor x, int kernel, int stride, int pad,
                        enum max_pool_padding padding, tensor y, cl_mem maxima, error *err)
{
    return LAUNCH(dev, "max_pool", "max_pool", range_of(dev, y), err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(y.buffer), ARG_BUFFER(maxima), ARG_INT(x.h), ARG_INT(x.w),
                  ARG_INT(x.c), ARG_INT(y.h), ARG_INT(y.w), ARG_INT(kernel), ARG_INT(stride),
                  ARG_INT(pad), ARG_INT(padding == MAX_POOL_ZEROS));
}

status max_pool_backward(device *dev, tensor dy, cl_mem maxima, int kernel, int stride, int pad,
                         tensor dx, bool accumulate, error *err)
{
    return LAUNCH(dev, "max_pool", "max_pool_gradient", range_of(dev, dx), err,
                  ARG_BUFFER(dy.buffer), ARG_BUFFER(maxima), ARG_BUFFER(dx.buffer), ARG_INT(dx.h),
                  ARG_INT(dx.w), ARG_INT(dx.c), ARG_INT(dy.h), ARG_INT(dy.w), ARG_INT(kernel),
                  ARG_INT(stride), ARG_INT(pad), ARG_INT(accumulate));
}
