/* SPDX-License-Identifier: Apache-2.0 */
/* The softmax cross entropy of integer labels, which may be smoothed and mixed, and of the labels'
 * parents. It also yields the ranks and guesses from which accuracies are computed.
 * kernels/cross_entropy.cl. Logits are {n, 1, 1, classes}. */
#pragma once

#include "ops/tensor.h"

/* What a step found for one image; the same 20 bytes as in kernels/cross_entropy.cl. */
typedef struct head_result {
    float loss;    /* cross entropy of this image with its target, unweighted */
    int32_t rank;  /* classes with a higher logit than the true class; of equal logits the lower
                      index counts as higher. 0 means top-1 is right, less than 5 top-5. If the true
                      logit is NaN the rank is INT32_MAX; a NaN of another class counts as higher */
    int32_t guess; /* the class with the highest logit, the first of equal ones; if there are NaNs,
                      the first NaN */
    int32_t label; /* the true class; of a mixed image the one with the larger share, or its own if
                      the shares are equal */
    float marginal_loss; /* cross entropy of the parents; 0 without marginal_terms */
} head_result;

/* How labels become a target: (1 - smoothing) * ((1 - partner_share) * own + partner_share *
 * partner) + smoothing / classes, where own and partner are the one-hot vectors of the labels of
 * images i and n - 1 - i. PyTorch's CrossEntropyLoss(label_smoothing) does the same if it is given
 * the mixed one-hot vectors as probabilities. All zeros: the labels as they are. */
typedef struct target_terms {
    float smoothing;     /* 0 .. 1 */
    float partner_share; /* as in batch_mix, 0 .. 1 */
} target_terms;

/* The coarse loss on fine logits: the probability and the target of a parent are the sums over its
 * children, and marginal_loss is their cross entropy. */
typedef struct marginal_terms {
    cl_mem tree; /* from cross_entropy_tree; NULL: no marginal loss */
    int parents;
    float weight;
} marginal_terms;

/* Creates a buffer with the classes sorted by parent, from parents[classes], each in
 * 0..parent_count-1. The caller releases it. */
status cross_entropy_tree(device *dev, const int *parents, int classes, int parent_count,
                          cl_mem *tree, error *err);
/* Bytes of that buffer. */
size_t cross_entropy_tree_bytes(int classes, int parent_count);

/* Fills results[n] (head_result) from the logits and labels[n] (int32). Unless gradient.buffer is
 * NULL, it also sets gradient = weight / n * (softmax(logits) - target), which is the gradient of
 * weight * mean loss. With `marginal`, it is the gradient of weight * mean loss + marginal.weight *
 * mean marginal loss. gradient may share the buffer of logits. If a label is outside of
 * 0..classes-1, or labels is NULL, the loss and the gradients are NaN and the rank is INT32_MAX;
 * the guess is still right. */
status cross_entropy_forward(device *dev, tensor logits, cl_mem labels, target_terms targets,
                             marginal_terms marginal, cl_mem results, tensor gradient, float weight,
                             error *err);
