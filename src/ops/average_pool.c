/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/average_pool.cl; see average_pool.h. */
#include "ops/average_pool.h"
#include "device/kernel.h"

status average_pool_forward(device *dev, tensor x, tensor y, error *err)
{
    return LAUNCH(dev, "average_pool", "average_pool_forward",
                  range_2d(dev, device_vectors(dev, x.c), (size_t)x.n), err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(y.buffer), ARG_INT(x.h * x.w), ARG_INT(x.c));
}

status average_pool_backward(device *dev, tensor dy, tensor dx, bool accumulate, error *err)
{
    return LAUNCH(dev, "average_pool", "average_pool_backward",
                  range_2d(dev, device_vectors(dev, dx.c), tensor_pixels(dx)), err,
                  ARG_BUFFER(dy.buffer), ARG_BUFFER(dx.buffer), ARG_INT(dx.h * dx.w), ARG_INT(dx.c),
                  ARG_INT(accumulate));
}
