/* Launches kernels/input.cl; see input.h. */
#include "ops/input.h"
#include "device/kernel.h"

status input_forward(device *dev, cl_mem pixels, cl_mem images, const float mean[3],
                     const float deviation[3], tensor y, error *err)
{
    return LAUNCH(dev, "input", "input", RANGE_3D((size_t)y.w, (size_t)y.h, (size_t)y.n), err,
                  ARG_BUFFER(pixels), ARG_BUFFER(images), ARG_BUFFER(y.buffer), ARG_INT(y.w),
                  ARG_INT(y.h), ARG_FLOAT(mean[0]), ARG_FLOAT(mean[1]), ARG_FLOAT(mean[2]),
                  ARG_FLOAT(deviation[0]), ARG_FLOAT(deviation[1]), ARG_FLOAT(deviation[2]));
}
