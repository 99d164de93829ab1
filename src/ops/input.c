/* Launches kernels/input.cl; see input.h. */
#include "ops/input.h"
#include "device/kernel.h"

const float input_mean[3] = {0.5071f, 0.4867f, 0.4408f};
const float input_deviation[3] = {0.2675f, 0.2565f, 0.2761f};

status input_forward(device *dev, cl_mem pixels, cl_mem images, tensor y, error *err)
{
    return LAUNCH(dev, "input", "input", RANGE_3D((size_t)y.w, (size_t)y.h, (size_t)y.n), err,
                  ARG_BUFFER(pixels), ARG_BUFFER(images), ARG_BUFFER(y.buffer), ARG_INT(y.w),
                  ARG_INT(y.h), ARG_FLOAT(input_mean[0]), ARG_FLOAT(input_mean[1]),
                  ARG_FLOAT(input_mean[2]), ARG_FLOAT(input_deviation[0]),
                  ARG_FLOAT(input_deviation[1]), ARG_FLOAT(input_deviation[2]));
}
