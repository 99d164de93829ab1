/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/input.cl; see input.h. */
#include "ops/input.h"
#include "device/kernel.h"

const float input_mean[3] = {0.5071f, 0.4867f, 0.4408f};
const float input_deviation[3] = {0.2675f, 0.2565f, 0.2761f};

status input_forward(device *dev, cl_mem pixels, cl_mem images, tensor y, error *err)
{
    return LAUNCH(dev, "input", "input", range_1d(tensor_pixels(y)), err, ARG_BUFFER(pixels),
                  ARG_BUFFER(images), ARG_BUFFER(y.buffer), ARG_ULONG(tensor_pixels(y)),
                  ARG_INT(y.w), ARG_INT(y.h), ARG_FLOAT(input_mean[0]), ARG_FLOAT(input_mean[1]),
                  ARG_FLOAT(input_mean[2]), ARG_FLOAT(input_deviation[0]),
                  ARG_FLOAT(input_deviation[1]), ARG_FLOAT(input_deviation[2]));
}
