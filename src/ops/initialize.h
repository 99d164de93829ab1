/* SPDX-License-Identifier: Apache-2.0 */
/* Initial values, drawn on the device. They depend only on seed and id (base/random.h, stream
 * RANDOM_WEIGHTS). kernels/initialize.cl. */
#pragma once

#include "device/device.h"

#include <stddef.h>
#include <stdint.h>

/* `count` normal numbers of mean 0 and the given standard deviation. */
status initialize_normal(device *dev, cl_mem values, size_t count, uint64_t seed, uint32_t id,
                         float deviation, error *err);
/* `count` uniform numbers in (-bound, bound). */
status initialize_uniform(device *dev, cl_mem values, size_t count, uint64_t seed, uint32_t id,
                          float bound, error *err);
status initialize_constant(device *dev, cl_mem values, size_t count, float value, error *err);
