/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/initialize.cl; see initialize.h. */
#include "ops/initialize.h"
#include "base/random.h"
#include "device/kernel.h"

status initialize_normal(device *dev, cl_mem values, size_t count, uint64_t seed, uint32_t id,
                         float deviation, error *err)
{
    return LAUNCH(dev, "initialize", "initialize_normal", range_1d((count + 15) / 16), err,
                  ARG_BUFFER(values), ARG_UINT(count), ARG_ULONG(seed), ARG_UINT(RANDOM_WEIGHTS),
                  ARG_UINT(id), ARG_FLOAT(deviation));
}

status initialize_uniform(device *dev, cl_mem values, size_t count, uint64_t seed, uint32_t id,
                          float bound, error *err)
{
    return LAUNCH(dev, "initialize", "initialize_uniform", range_1d((count + 3) / 4), err,
                  ARG_BUFFER(values), ARG_UINT(count), ARG_ULONG(seed), ARG_UINT(RANDOM_WEIGHTS),
                  ARG_UINT(id), ARG_FLOAT(bound));
}

status initialize_constant(device *dev, cl_mem values, size_t count, float value, error *err)
{
    return LAUNCH(dev, "initialize", "initialize_constant", range_1d(count), err,
                  ARG_BUFFER(values), ARG_UINT(count), ARG_FLOAT(value));
}
