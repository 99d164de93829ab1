/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/optimizer.cl; see optimizer.h. */
#include "ops/optimizer.h"
#include "device/kernel.h"

#include <math.h>

static launch_range range_of(const device *dev, size_t count)
{
    return range_of_vectors(dev, count);
}

status find_overflow(device *dev, size_t count, cl_mem gradient, cl_mem overflow, error *err)
{
    return LAUNCH(dev, "optimizer", "find_overflow", range_of(dev, count), err,
                  ARG_BUFFER(gradient), ARG_UINT(count), ARG_BUFFER(overflow));
}

status sgd_step(device *dev, size_t count, cl_mem value, cl_mem gradient, cl_mem buffer,
                unscaling unscale, float lr, float momentum, float weight_decay, bool nesterov,
                bool first, error *err)
{
    return LAUNCH(dev, "optimizer", "sgd_step", range_of(dev, count), err, ARG_BUFFER(value),
                  ARG_BUFFER(gradient), ARG_BUFFER(buffer), ARG_UINT(count),
                  ARG_FLOAT(unscale.factor), ARG_BUFFER(unscale.clip), ARG_BUFFER(unscale.overflow),
                  ARG_FLOAT(lr), ARG_FLOAT(momentum), ARG_FLOAT(weight_decay), ARG_INT(nesterov),
                  ARG_INT(first));
}

status adam_step(device *dev, size_t count, cl_mem value, cl_mem gradient, cl_mem m, cl_mem v,
                 unscaling unscale, float lr, float beta1, float beta2, float epsilon,
                 float weight_decay, bool decoupled, int step, error *err)
{
    double rate = (double)lr / (1.0 - pow((double)beta1, step));
    double shrink = decoupled ? 1.0 - (double)lr * (double)weight_decay : 1.0;
    double root = sqrt(1.0 - pow((double)beta2, step));
    return LAUNCH(dev, "optimizer", "adam_step", range_of(dev, count), err, ARG_BUFFER(value),
                  ARG_BUFFER(gradient), ARG_BUFFER(m), ARG_BUFFER(v), ARG_UINT(count),
                  ARG_FLOAT(unscale.factor), ARG_BUFFER(unscale.clip), ARG_BUFFER(unscale.overflow),
                  ARG_FLOAT(rate), ARG_FLOAT(root), ARG_FLOAT(beta1), ARG_FLOAT(beta2),
                  ARG_FLOAT(epsilon), ARG_FLOAT(decoupled ? 0 : weight_decay), ARG_FLOAT(shrink));
}
