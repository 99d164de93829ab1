/* Launches kernels/add.cl; see add.h. */
#include "ops/add.h"
#include "device/kernel.h"

/* One size of group for all tensors: PoCL compiles a kernel for each. Beyond the end a work-item
 * loads and stores nothing. */
static launch_range vectors_of(const device *dev, tensor t)
{
    enum { GROUP = 64 };
    return RANGE_GROUPS(device_vectors(dev, tensor_size(t)), GROUP);
}

status add_forward(device *dev, tensor first, tensor second, tensor y, error *err)
{
    return LAUNCH(dev, "add", "add_forward", vectors_of(dev, y), err, ARG_BUFFER(first.buffer),
                  ARG_BUFFER(second.buffer), ARG_BUFFER(y.buffer), ARG_ULONG(tensor_size(y)));
}

static status send(device *dev, tensor dy, tensor dx, bool accumulate, error *err)
{
    if (!dx.buffer)
        return STATUS_OK;
    return LAUNCH(dev, "add", "add_backward", vectors_of(dev, dy), err, ARG_BUFFER(dy.buffer),
                  ARG_BUFFER(dx.buffer), ARG_ULONG(tensor_size(dy)), ARG_INT(accumulate));
}

status add_backward(device *dev, tensor dy, tensor dfirst, tensor dsecond, bool accumulate_first,
                    bool accumulate_second, error *err)
{
    TRY(send(dev, dy, dfirst, accumulate_first, err));
    return send(dev, dy, dsecond, accumulate_second, err);
}
