/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/moving_average.cl; see moving_average.h. */
#include "ops/moving_average.h"
#include "device/kernel.h"

status moving_average(device *dev, size_t count, cl_mem value, cl_mem average, float share,
                      error *err)
{
    return LAUNCH(dev, "moving_average", "moving_average", range_of_vectors(dev, count), err,
                  ARG_BUFFER(value), ARG_BUFFER(average), ARG_UINT(count), ARG_FLOAT(share));
}
