/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/gradients.cl; see gradients.h. */
#include "ops/gradients.h"
#include "device/kernel.h"

enum { VECTORS_PER_PART = 256, MAX_PARTS = 1024 };

size_t gradients_parts(const device *dev, size_t count)
{
    size_t parts = (device_vectors(dev, count) + VECTORS_PER_PART - 1) / VECTORS_PER_PART;
    return parts < MAX_PARTS ? parts : MAX_PARTS;
}

status gradients_squares(device *dev, size_t count, cl_mem gradient, float factor, cl_mem sums,
                         size_t first, error *err)
{
    size_t parts = gradients_parts(dev, count);
    return LAUNCH(dev, "gradients", "gradients_squares", range_of_tiles(dev, parts, 1, 1), err,
                  ARG_BUFFER(gradient), ARG_UINT(count), ARG_FLOAT(factor), ARG_UINT(parts),
                  ARG_BUFFER(sums), ARG_UINT(first));
}

status gradients_clip(device *dev, cl_mem sums, size_t parts, cl_mem gathered, float most,
                      cl_mem clip, error *err)
{
    TRY(LAUNCH(dev, "gradients", "gradients_gather", range_1d(GRADIENTS_GATHERED), err,
               ARG_BUFFER(sums), ARG_UINT(parts), ARG_BUFFER(gathered),
               ARG_UINT(GRADIENTS_GATHERED)));
    return LAUNCH(dev, "gradients", "gradients_clip", RANGE_GROUPS(1, 1), err, ARG_BUFFER(gathered),
                  ARG_UINT(GRADIENTS_GATHERED), ARG_FLOAT(most), ARG_BUFFER(clip));
}
