/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/gate.cl; see gate.h. */
#include "ops/gate.h"
#include "device/kernel.h"

status gate_forward(device *dev, tensor x, tensor gate, tensor y, error *err)
{
    return LAUNCH(dev, "gate", "gate_forward", range_of_vectors(dev, tensor_size(y)), err,
                  ARG_BUFFER(x.buffer), ARG_BUFFER(gate.buffer), ARG_BUFFER(y.buffer),
                  ARG_INT(tensor_size(y)));
}

status gate_backward(device *dev, tensor x, tensor gate, tensor dy, tensor dx, tensor dgate,
                     bool accumulate_x, bool accumulate_gate, error *err)
{
    if (!dx.buffer && !dgate.buffer)
        return STATUS_OK;
    return LAUNCH(dev, "gate", "gate_backward", range_of_vectors(dev, tensor_size(dy)), err,
                  ARG_BUFFER(x.buffer), ARG_BUFFER(gate.buffer), ARG_BUFFER(dy.buffer),
                  ARG_BUFFER(dx.buffer), ARG_BUFFER(dgate.buffer), ARG_INT(tensor_size(dy)),
                  ARG_INT(accumulate_x), ARG_INT(accumulate_gate));
}
