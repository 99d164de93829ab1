/* Softmax and the cross entropy of integer labels, with what the accuracies are counted from.
 * kernels/cross_entropy.cl. Logits are {n, 1, 1, classes}. */
#ifndef HCNN_OPS_CROSS_ENTROPY_H
#define HCNN_OPS_CROSS_ENTROPY_H

#include "ops/tensor.h"

/* What a step said of one image; the same 16 bytes as in kernels/cross_entropy.cl. */
typedef struct head_result {
    float loss;    /* cross entropy of this image, unweighted */
    int32_t rank;  /* classes with a higher logit than the true one (ties: a lower index counts as
                      higher): 0 is top-1 right, < 5 top-5 right. A true logit that is NaN ranks
                      INT32_MAX, one of another class counts as higher. */
    int32_t guess; /* the class with the highest logit, the first of several; the first NaN, where
                      there is one */
    int32_t label;
} head_result;

/* Fills results[n] (head_result) from the logits and labels[n] (int32), and, unless
 * gradient.buffer is NULL, gradient = weight / n * (softmax(logits) - onehot(labels)): that of
 * weight * (the mean loss). gradient may share the buffer of logits. A label outside of
 * 0..classes-1, or labels == NULL, gives a loss and gradients of NaN and the rank INT32_MAX; the
 * guess is still right. */
status cross_entropy_forward(device *dev, tensor logits, cl_mem labels, cl_mem results,
                             tensor gradient, float weight, error *err);

/* probabilities[n][classes] = softmax(logits); floats whatever the logits' precision. */
status softmax_forward(device *dev, tensor logits, cl_mem probabilities, error *err);

#endif
