/* SPDX-License-Identifier: Apache-2.0 */
/* A moving average of the weights (EMA). kernels/moving_average.cl. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* average += share * (value - average), for `count` floats. */
status moving_average(device *dev, size_t count, cl_mem value, cl_mem average, float share,
                      error *err);
