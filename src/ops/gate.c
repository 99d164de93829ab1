/* Launches kernels/gate.cl; see gate.h. */
#include "ops/gate.h"
#include "device/kernel.h"

/* One size of group for all tensors: PoCL compiles a kernel for each. Beyond the end a work-item
 * loads and stores nothing. */
static launch_range vectors_of(const device *dev, tensor t)
{
    enum { GROUP = 64 };
    return RANGE_GROUPS(device_vectors(dev, tensor_size(t)), GROUP);
}

status gate_forward(device *dev, tensor x, tensor gate, tensor y, error *err)
{
    return LAUNCH(dev, "gate", "gate_forward", vectors_of(dev, y), err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(gate.buffer), ARG_BUFFER(y.buffer), ARG_INT(tensor_size(y)));
}

status gate_backward(device *dev, tensor x, tensor gate, tensor dy, tensor dx, tensor dgate,
                     bool accumulate_x, bool accumulate_gate, error *err)
{
    if (!dx.buffer && !dgate.buffer)
        return STATUS_OK;
    return LAUNCH(dev, "gate", "gate_backward", vectors_of(dev, dy), err, ARG_BUFFER(x.buffer),
                  ARG_BUFFER(gate.buffer), ARG_BUFFER(dy.buffer), ARG_BUFFER(dx.buffer),
                  ARG_BUFFER(dgate.buffer), ARG_INT(tensor_size(dy)), ARG_INT(accumulate_x),
                  ARG_INT(accumulate_gate));
}
