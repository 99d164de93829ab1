/* Launches kernels/cross_entropy.cl; see cross_entropy.h. */
#include "ops/cross_entropy.h"
#include "device/kernel.h"

status cross_entropy_forward(device *dev, tensor logits, cl_mem labels, cl_mem results,
                             tensor gradient, float weight, error *err)
{
    return LAUNCH(dev, "cross_entropy", "cross_entropy", RANGE_1D((size_t)logits.n), err,
                  ARG_BUFFER(logits.buffer), ARG_BUFFER(labels), ARG_BUFFER(results),
                  ARG_BUFFER(gradient.buffer), ARG_FLOAT(weight / (float)logits.n),
                  ARG_INT(logits.c));
}

status softmax_forward(device *dev, tensor logits, cl_mem probabilities, error *err)
{
    return LAUNCH(dev, "cross_entropy", "softmax", RANGE_1D((size_t)logits.n), err,
                  ARG_BUFFER(logits.buffer), ARG_BUFFER(probabilities), ARG_INT(logits.c));
}
