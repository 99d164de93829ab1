/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/bias.cl; see bias.h. */
#include "ops/bias.h"
#include "device/kernel.h"

status bias_forward(device *dev, tensor y, cl_mem bias, error *err)
{
    return LAUNCH(dev, "bias", "bias_add",
                  range_2d(dev, device_vectors(dev, y.c), tensor_pixels(y)), err,
                  ARG_BUFFER(y.buffer), ARG_BUFFER(bias), ARG_INT(y.c));
}

status bias_backward(device *dev, tensor dy, cl_mem dbias, gradient_terms terms, error *err)
{
    return LAUNCH(dev, "bias", "bias_gradient",
                  range_of_tiles(dev, device_vectors(dev, dy.c), 1, 1), err, ARG_BUFFER(dy.buffer),
                  ARG_BUFFER(dbias), ARG_INT(tensor_pixels(dy)), ARG_INT(dy.c), ARG_TERMS(terms));
}
