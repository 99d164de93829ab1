/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/concat.cl; see concat.h. */
#include "ops/concat.h"
#include "device/kernel.h"

static status put(device *dev, tensor part, int from, tensor whole, error *err)
{
    return LAUNCH(dev, "concat", "concat_put",
                  range_2d(dev, device_vectors(dev, part.c), tensor_pixels(part)), err,
                  ARG_BUFFER(part.buffer), ARG_BUFFER(whole.buffer), ARG_INT(part.c), ARG_INT(from),
                  ARG_INT(whole.c));
}

static status take(device *dev, tensor whole, int from, tensor part, bool accumulate, error *err)
{
    if (!part.buffer)
        return STATUS_OK;
    return LAUNCH(dev, "concat", "concat_take",
                  range_2d(dev, device_vectors(dev, part.c), tensor_pixels(part)), err,
                  ARG_BUFFER(whole.buffer), ARG_BUFFER(part.buffer), ARG_INT(part.c), ARG_INT(from),
                  ARG_INT(whole.c), ARG_INT(accumulate));
}

status concat_forward(device *dev, tensor first, tensor second, tensor y, error *err)
{
    TRY(put(dev, first, 0, y, err));
    return put(dev, second, first.c, y, err);
}

status concat_backward(device *dev, tensor dy, int first_channels, tensor dfirst, tensor dsecond,
                       bool accumulate_first, bool accumulate_second, error *err)
{
    TRY(take(dev, dy, 0, dfirst, accumulate_first, err));
    return take(dev, dy, first_channels, dsecond, accumulate_second, err);
}
