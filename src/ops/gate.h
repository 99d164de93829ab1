/* SPDX-License-Identifier: Apache-2.0 */
/* A gate: y = x * sigmoid(gate), element by element, for two tensors of the same shape.
 * kernels/gate.cl. */
#pragma once

#include "ops/tensor.h"

status gate_forward(device *dev, tensor x, tensor gate, tensor y, error *err);
/* Each gradient replaces the old values or, with accumulate, is added to them. One without a buffer
 * is left out. */
status gate_backward(device *dev, tensor x, tensor gate, tensor dy, tensor dx, tensor dgate,
                     bool accumulate_x, bool accumulate_gate, error *err);
