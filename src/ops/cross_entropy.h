/* SPDX-License-Identifier: Apache-2.0 */
/* The softmax cross entropy of integer labels, smoothed and mixed, with what the accuracies are
 * counted from; and the same of the labels' parents. kernels/cross_entropy.cl. Logits are
 * {n, 1, 1, classes}. */
#pragma once

#include "ops/tensor.h"

/* What a step said of one image; the same 20 bytes as in kernels/cross_entropy.cl. */
typedef struct head_result {
    float loss;    /* cross entropy of this image with its target, unweighted */
    int32_t rank;  /* classes with a higher logit than the true one (ties: a lower index counts as
                      higher): 0 is top-1 right, < 5 top-5 right. A true logit that is NaN ranks
                      INT32_MAX, one of another class counts as higher. */
    int32_t guess; /* the class with the highest logit, the first of several; the first NaN, where
                      there is one */
    int32_t label; /* the true one; of a mixed image the one with the larger share, its own at even
                      shares */
    float marginal_loss; /* that of the parents; 0 without marginal_terms */
} head_result;

/* What makes a target of labels. With own = the one-hot vector of image i's label and partner that
 * of image n - 1 - i's: (1 - smoothing) * ((1 - partner_share) * own + partner_share * partner) +
 * smoothing / classes, as PyTorch's CrossEntropyLoss(label_smoothing) makes it of the mixed
 * probabilities. All zeros: the labels as they are. */
typedef struct target_terms {
    float smoothing;     /* 0 .. 1 */
    float partner_share; /* batch_mix's */
} target_terms;

/* The coarse loss on fine logits: the probability and the target of a parent are the sums of those
 * of its children, and marginal_loss is the cross entropy of these. */
typedef struct marginal_terms {
    cl_mem tree; /* made by cross_entropy_tree; NULL: none of this */
    int parents;
    float weight;
} marginal_terms;

/* A buffer with the classes sorted by parent, from parents[classes], each in 0..parent_count-1. */
status cross_entropy_tree(device *dev, const int *parents, int classes, int parent_count,
                          cl_mem *tree, error *err);
size_t cross_entropy_tree_bytes(int classes, int parent_count);

/* Fills results[n] (head_result) from the logits and labels[n] (int32), and, unless
 * gradient.buffer is NULL, gradient = weight / n * (softmax(logits) - target): that of weight *
 * (the mean loss); with `marginal`, that of weight * (the mean loss) + marginal's weight * (the
 * mean marginal loss). gradient may share the buffer of logits. A label outside of 0..classes-1, or
 * labels == NULL, gives a loss and gradients of NaN and the rank INT32_MAX; the guess is still
 * right. */
status cross_entropy_forward(device *dev, tensor logits, cl_mem labels, target_terms targets,
                             marginal_terms marginal, cl_mem results, tensor gradient, float weight,
                             error *err);
