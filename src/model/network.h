/* SPDX-License-Identifier: Apache-2.0 */
/* A network on a device: its parameters, its memory, one step at a time. Built from options, not
 * from a file; weights.h moves parameters between it and files. */
#pragma once

#include "base/pixels.h"
#include "device/device.h"
#include "model/network_options.h"
#include "model/parameter.h"
#include "ops/convolution.h"
#include "ops/cross_entropy.h"

#include <stdint.h>

/* The results of one batch, filled by the device some time after network_fetch returned. */
typedef struct step_results {
    int count;
    head_result *coarse; /* [count]; NULL with only_fine */
    head_result *fine;   /* [count] */
} step_results;

typedef struct network network;

/* The distinct convolutions (choices.h says what tells two apart) that a network of these options
 * runs, without buffers: those of its training with options->training, else forward ones alone. By
 * direction, then in the order of the layers; freed by the caller. */
status network_convolutions(const network_options *options, convolution_call **calls, size_t *count,
                            error *err);

/* Whether some batch normalisation of it would see one value per channel when a batch, with sync
 * that of all ranks, is a single image: there is no variance then, and no training. */
status network_needs_two(const network_options *options, bool *needs, error *err);

/* Builds it; a freeze prefix that fits no parameter is STATUS_USAGE. Parameters are undefined until
 * network_initialize or weights are loaded. A batch that does not fit is STATUS_FAILED, naming the
 * largest that does; before that, one that does not fit with the device's tuned choices is tried
 * with the quick ones, which may need less. */
status network_create(device *dev, const network_options *options, network **created, error *err);
void network_free(network *net); /* NULL is fine */

/* Makes room for batches of more raw pixels than pixel_capacity announced; between steps. */
status network_reserve_pixels(network *net, size_t bytes, error *err);

const network_options *network_get_options(const network *net);
device *network_device(const network *net);
uint64_t network_memory_bytes(const network *net);     /* all device memory that it holds */
const struct graph *network_graph(const network *net); /* for convolutions.h */

/* Parameters in state-dict order. */
size_t network_parameter_count(const network *net);
parameter *network_parameter(network *net, size_t index);
/* The one after `before`, or the first one for NULL; NULL after the last one:
 * for (parameter *p = NULL; (p = network_next(net, p));) goes over them all. */
parameter *network_next(network *net, const parameter *before);
/* NULL when there is none. */
parameter *network_find(network *net, const char *name);
/* Trained elements in all: the number that papers report. */
size_t network_size(const network *net);

/* The original's initialisation, a function of seed and the parameter's name. It is meant for
 * backbones whose weights are loaded afterwards: from scratch, the original's learning rate makes
 * it diverge within ten steps (in PyTorch as well). With from_scratch the last batch normalisation
 * of each residual block starts at gamma 0 (Goyal et al., "Accurate, large minibatch SGD", 2017)
 * and the classifiers near 0, which keeps the first steps small. BiT's blocks end with a
 * convolution by standardised weights, which no scale of them makes small: they start as they are.
 */
status network_initialize(network *net, uint64_t seed, bool from_scratch, error *err);

/* Blocking copies between a parameter and host values in file layout. Not for counters. */
status network_parameter_read(network *net, const parameter *p, float *values, error *err);
status network_parameter_write(network *net, parameter *p, const float *values, error *err);
status network_gradient_read(network *net, const parameter *p, float *values, error *err);

/* What gradients are multiplied by, from the next step on; 1 at first. In fp16 it keeps small ones
 * from being rounded to 0. */
void network_set_loss_scale(network *net, float scale);

/* The label smoothing of training steps (target_terms), from the next one on; 0 at first. */
void network_set_smoothing(network *net, float smoothing);

/* From the next step on; one of zeros, as at first: nobody is told. */
void network_watch_gradients(network *net, gradient_watch watch);

/* A batch as network_forward takes it; read until network_wait has returned for it. */
typedef struct network_batch {
    int count;
    const unsigned char *pixels;
    size_t pixel_bytes;
    const pixel_source *images; /* [count] */
    const int32_t *coarse;      /* [count]; both NULL when there are no labels: no losses then, and
                                   results that say nothing */
    const int32_t *fine;
    batch_mix mix; /* of the input and the targets */
} network_batch;

enum step_mode {
    STEP_TRAIN,    /* batch statistics, running ones moved, gradients computed */
    STEP_EVALUATE, /* running statistics, losses */
};

/* A step is network_forward, with STEP_TRAIN network_backward, and network_fetch; network_wait
 * returns its results. None but the last waits for the device.
 *
 * Forward: upload, input, layers and, with labels, losses; with STEP_TRAIN also the gradients by
 * the logits of coarse_weight * (coarse loss + marginal loss) + fine_weight * fine loss, each a
 * mean over the batch (the marginal one is in the fine head's results).
 *
 * With options.sync STEP_TRAIN blocks in every batch normalisation, forward and where its input has
 * a gradient also backward, until the device has read its sums and all ranks have theirs: each rank
 * takes the same steps, with as many images as it has. A rank that weighs both losses by its share
 * of all images has gradients whose sum over the ranks is that of the whole batch's loss; the loss
 * scale has to be the same on all. */
status network_forward(network *net, const network_batch *batch, enum step_mode mode,
                       float coarse_weight, float fine_weight, error *err);
/* After a forward pass with STEP_TRAIN: the gradient of each trained parameter goes into its
 * buffer, or with options.steps_in_backward into the parameter itself. {1, 0} stores gradients, {1,
 * 1} adds them to those of the batches before, and {-learning rate, 1} is a step of gradient
 * descent. */
status network_backward(network *net, gradient_terms terms, error *err);
/* Sends the results on their way to the host. *ticket names them; at most two may be open: a
 * third is STATUS_FAILED, as waiting for one that is not open. */
status network_fetch(network *net, int *ticket, error *err);
/* Waits for the ticket's results; they stay valid until the second network_fetch after. After this
 * the batch's host memory is free. */
status network_wait(network *net, int ticket, const step_results **results, error *err);

/* The input [count][image_size][image_size][3] of the last step, red, green, blue, as ops/input.h
 * makes it (augmented and normalised, in fp16 rounded to halves); blocking. For networks with
 * options.training: without, other values have taken its place by then. */
status network_read_input(network *net, float *values, error *err);
/* The logits [count][classes] of the last step, blocking; either may be NULL, and coarse is not
 * touched with only_fine. */
status network_read_logits(network *net, float *coarse, float *fine, error *err);
