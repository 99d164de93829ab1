/* SPDX-License-Identifier: Apache-2.0 */
/* One step of an optimizer on one parameter, in place, by PyTorch's formulas (torch.optim.SGD,
 * Adam, AdamW). kernels/optimizer.cl. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* What is applied to a gradient before the step. {.factor = 1}: nothing. */
typedef struct unscaling {
    float factor;    /* multiplies the gradient first: 1 / the loss scale */
    cl_mem clip;     /* float, another factor, computed by gradients_clip; NULL: none */
    cl_mem overflow; /* int; if it is not 0 the step is skipped; NULL: never */
} unscaling;

/* Sets overflow (int) to 1 if any of `count` gradients is infinite or NaN; otherwise leaves it
 * unchanged. */
status find_overflow(device *dev, size_t count, cl_mem gradient, cl_mem overflow, error *err);

/* SGD: g = factor * clip * gradient + weight_decay * value. If momentum is not 0: buffer = first ?
 * g : momentum * buffer + g, and then g = nesterov ? g + momentum * buffer : buffer. Finally value
 * -= lr * g. All of `count` floats. buffer may be NULL if momentum is 0. */
status sgd_step(device *dev, size_t count, cl_mem value, cl_mem gradient, cl_mem buffer,
                unscaling unscale, float lr, float momentum, float weight_decay, bool nesterov,
                bool first, error *err);

/* Adam: g = factor * clip * gradient + weight_decay * value; m = beta1 * m + (1 - beta1) * g; v =
 * beta2 * v + (1 - beta2) * g * g; value -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 -
 * beta2^step) + epsilon). step counts from 1. If `decoupled` (AdamW), value *= 1 - lr *
 * weight_decay comes first, and g has no weight decay. */
status adam_step(device *dev, size_t count, cl_mem value, cl_mem gradient, cl_mem m, cl_mem v,
                 unscaling unscale, float lr, float beta1, float beta2, float epsilon,
                 float weight_decay, bool decoupled, int step, error *err);
