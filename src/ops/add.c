/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/add.cl; see add.h. */
#include "ops/add.h"
#include "device/kernel.h"

status add_forward(device *dev, tensor first, tensor second, tensor y, error *err)
{
    return LAUNCH(dev, "add", "add_forward", range_of_vectors(dev, tensor_size(y)), err,
                  ARG_BUFFER(first.buffer), ARG_BUFFER(second.buffer), ARG_BUFFER(y.buffer),
                  ARG_ULONG(tensor_size(y)));
}

static status send(device *dev, tensor dy, tensor dx, bool accumulate, error *err)
{
    if (!dx.buffer)
        return STATUS_OK;
    return LAUNCH(dev, "add", "add_backward", range_of_vectors(dev, tensor_size(dy)), err,
                  ARG_BUFFER(dy.buffer), ARG_BUFFER(dx.buffer), ARG_ULONG(tensor_size(dy)),
                  ARG_INT(accumulate));
}

status add_backward(device *dev, tensor dy, tensor dfirst, tensor dsecond, bool accumulate_first,
                    bool accumulate_second, error *err)
{
    TRY(send(dev, dy, dfirst, accumulate_first, err));
    return send(dev, dy, dsecond, accumulate_second, err);
}
