/* SPDX-License-Identifier: Apache-2.0 */
/* A network on a device: its parameters, its memory, and the steps of training and evaluation. It
 * is built from options and knows no files; weights.h moves parameters between files and a
 * network. */
#pragma once

#include "base/pixels.h"
#include "device/device.h"
#include "model/network_options.h"
#include "model/parameter.h"
#include "ops/convolution.h"
#include "ops/cross_entropy.h"

#include <stdint.h>

/* The results of one batch. The device fills them some time after network_fetch returns, so read
 * them only after network_wait. */
typedef struct step_results {
    int count;
    head_result *coarse; /* [count]; NULL with only_fine */
    head_result *fine;   /* [count] */
} step_results;

typedef struct network network;

/* Lists the distinct convolutions (choices.h defines which are the same) that a network of these
 * options runs, without buffers; only forward ones unless options->training. They are ordered by
 * direction, then by layer. The caller frees *calls. */
status network_convolutions(const network_options *options, convolution_call **calls, size_t *count,
                            error *err);

/* Builds the graph of a network of these options, with the algorithms that network_create would
 * choose for the convolver's device. A batch too large for the device is not an error here. The
 * caller releases the graph with graph_free. */
struct convolver;
struct graph;
status network_choose(const struct convolver *c, const network_options *options, struct graph *g,
                      error *err);

/* Whether training needs at least two images per batch, counting the images of all ranks if sync is
 * set. It does if some batch normalisation has only one pixel per image: one value per channel has
 * no variance. */
status network_needs_two(const network_options *options, bool *needs, error *err);

/* Builds a network and allocates its memory. A freeze prefix that fits no parameter is
 * STATUS_USAGE. If the batch does not fit into device memory with the tuned algorithms, the quick
 * choices, which may need less, are tried. If it still does not fit, that is STATUS_FAILED, and the
 * message names the largest batch that does. Parameters are undefined until network_initialize or
 * until weights are loaded. */
status network_create(device *dev, const network_options *options, network **created, error *err);
void network_free(network *net); /* NULL is allowed */

/* Makes room for batches with more bytes of raw pixels than options.pixel_capacity. Call it between
 * steps. */
status network_reserve_pixels(network *net, size_t bytes, error *err);

const network_options *network_get_options(const network *net);
device *network_device(const network *net);
uint64_t network_memory_bytes(const network *net);     /* all device memory of the network */
const struct graph *network_graph(const network *net); /* for convolutions.h */

/* The parameters, in the order of the state dict. */
size_t network_parameter_count(const network *net);
parameter *network_parameter(network *net, size_t index);
/* The parameter after `before`, or the first one if that is NULL; NULL after the last one. To visit
 * all: for (parameter *p = NULL; (p = network_next(net, p));) */
parameter *network_next(network *net, const parameter *before);
/* The parameter of that name, or NULL. */
parameter *network_find(network *net, const char *name);
/* Number of elements of all weights and biases, frozen ones included: the size that papers
 * report. */
size_t network_size(const network *net);

/* Initialises the parameters as the original does; the values depend on the seed and the
 * parameters' names. The original's initialisation is meant for backbones whose weights are loaded
 * afterwards: without them, training diverges within ten steps at the original's learning rate (in
 * PyTorch as well). With from_scratch, the last batch normalisation of each residual block
 * therefore starts at gamma 0 (Goyal et al., "Accurate, large minibatch SGD", 2017) and the
 * classifiers near 0, which keeps the first steps small. BiT's blocks end with a convolution with
 * standardised weights. No scale of these weights makes its result small, so the blocks start
 * unchanged. */
status network_initialize(network *net, uint64_t seed, bool from_scratch, error *err);

/* Copy p->count values in file layout between host memory and a parameter or its gradient, and wait
 * for the copy. Not for counters. A parameter without a gradient buffer is STATUS_FAILED. */
status network_parameter_read(network *net, const parameter *p, float *values, error *err);
status network_parameter_write(network *net, parameter *p, const float *values, error *err);
status network_gradient_read(network *net, const parameter *p, float *values, error *err);

/* Sets the factor of the gradients from the next step on; 1 at first. In fp16 it keeps small
 * gradients from being rounded to 0. */
void network_set_loss_scale(network *net, float scale);

/* Sets the label smoothing (target_terms) of training steps, from the next one on; 0 at first. */
void network_set_smoothing(network *net, float smoothing);

/* Sets the callback for gradients (gradient_watch) from the next step on. All zeros, the initial
 * value, means no callback. */
void network_watch_gradients(network *net, gradient_watch watch);

/* A batch for network_forward. The memory that it points to must stay unchanged until network_wait
 * has returned the results. */
typedef struct network_batch {
    int count;
    const unsigned char *pixels;
    size_t pixel_bytes;
    const pixel_source *images; /* [count] */
    const int32_t *coarse; /* [count]; without labels both are NULL: no losses are computed, and the
                              results are meaningless */
    const int32_t *fine;
    batch_mix mix; /* applied to the input and the targets */
} network_batch;

enum step_mode {
    STEP_TRAIN,    /* batch statistics; updates the running ones and computes gradients */
    STEP_EVALUATE, /* running statistics; computes only losses */
};

/* A step is network_forward, then network_backward if it is a training step, then network_fetch.
 * network_wait returns its results; only network_wait waits for the device. If one of the four
 * fails, it waits too, unless the device is stuck (device_is_stuck): the batch's memory is free
 * then.
 *
 * The forward pass uploads the batch and runs the input and the layers. With labels it computes the
 * losses. With STEP_TRAIN it also computes the gradients of coarse_weight * (coarse loss + marginal
 * loss) + fine_weight * fine loss with respect to the logits. Each loss is a mean over the batch;
 * the marginal loss is in the results of the fine head.
 *
 * With options.sync, a step with STEP_TRAIN blocks in every batch normalisation until its sums have
 * been read from the device and the sums of all ranks have arrived. It blocks in the forward pass
 * and, if the input of the normalisation has a gradient, in the backward pass. All ranks must take
 * the same steps, each with as many images as it has. If every rank weighs both losses by its share
 * of all images, the sum of the ranks' gradients is the gradient of the whole batch's loss. The
 * loss scale must be the same on all ranks. */
status network_forward(network *net, const network_batch *batch, enum step_mode mode,
                       float coarse_weight, float fine_weight, error *err);
/* Runs the backward pass after a forward pass with STEP_TRAIN. The gradient of each trained
 * parameter goes into its gradient buffer or, with options.steps_in_backward, into the parameter
 * itself, as `terms` says: {1, 0} stores gradients, {1, 1} adds them to those of earlier batches,
 * and {-learning rate, 1} on the parameter itself is a step of gradient descent. With
 * steps_in_backward, beta must be 1. */
status network_backward(network *net, gradient_terms terms, error *err);
/* Starts the transfer of the results to the host; *ticket identifies them. At most two tickets may
 * be open: opening a third, or waiting for one that is not open, is STATUS_FAILED. */
status network_fetch(network *net, int *ticket, error *err);
/* Waits for the ticket's results. They are valid until the second network_fetch after the one that
 * opened the ticket. The host memory of the batch may be reused afterwards. */
status network_wait(network *net, int ticket, const step_results **results, error *err);

/* Reads the input of the last step, [count][image_size][image_size][3] in the order red, green,
 * blue, as ops/input.h computes it: augmented, normalised and rounded to the stored type. It waits
 * for the device. Only for networks with options.training; in others, other values have overwritten
 * the input. */
status network_read_input(network *net, float *values, error *err);
/* Reads the logits of the last step, [count][classes], and waits for the device. Either pointer may
 * be NULL; with only_fine, coarse is not written. */
status network_read_logits(network *net, float *coarse, float *fine, error *err);
