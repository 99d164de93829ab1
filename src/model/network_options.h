/* SPDX-License-Identifier: Apache-2.0 */
/* The options that define a network; see network.h. */
#pragma once

#include "base/error.h"
#include "base/word_list.h"

#include <stdbool.h>
#include <stddef.h>

enum stem {
    STEM_IMAGENET, /* 7x7 with stride 2, then a 3x3 max pool with stride 2 */
    STEM_CIFAR,    /* 3x3 with stride 1, no pool */
};
extern const word_list stem_words;

/* The coarse loss: that of the coarse head, or that plus the marginal loss, which is the loss of
 * the fine head's probabilities after they were summed by coarse class. */
enum coarse_loss { COARSE_LOSS_HEAD, COARSE_LOSS_MARGINAL };
extern const word_list coarse_loss_words;

/* The weights of the losses. Without a coarse loss, its weight is 0. */
typedef struct loss_weights {
    double coarse, fine;
} loss_weights;

/* How ranks that share each batch exchange the sums of their parts. `gather` sends `count` floats
 * and fills all[ranks][count] with those of every rank, in rank order. The copies must be
 * bit-identical: some of the floats are the bits of integers. It blocks until every rank has called
 * it; all ranks call it in the same order, with the same count. If it fails on one rank, it must
 * fail on all; otherwise the others wait forever. */
typedef struct statistics_gather {
    void *context;
    int ranks;
    status (*gather)(void *context, const float *mine, size_t count, float *all, error *err);
} statistics_gather;

typedef struct network_options {
    const char *backbone; /* a name in the table of model/backbone.c: "wide_resnet_50" */
    enum stem stem;
    bool only_fine;     /* the fine backbone and classifier alone */
    bool shared_trunk;  /* one backbone for both heads, and no fusion */
    const char *fusion; /* a name in the table of model/fusion.c; NULL: "concat". Must be NULL with
                           only_fine or shared_trunk */
    int coarse_stages; /* number of stages before the coarse head; 0: 3, as in the original. Must be
                          0 with only_fine */
    int coarse_classes; /* with only_fine, used only with marginal_parents */
    int fine_classes;
    int image_size;        /* height and width of the input, in pixels */
    int batch_size;        /* largest number of images per step */
    bool training;         /* with gradients; false: forward only, with less memory */
    size_t pixel_capacity; /* largest number of bytes of a batch's raw pixels */
    int solver_slots;      /* number of buffers that the optimizer will keep per weight; counted as
                              memory, not allocated */
    bool averaged; /* the optimizer will keep a moving average of all that steps change; counted as
                      memory, not allocated */
    bool steps_in_backward; /* the optimizer is gradient descent without momentum and decay: the
                               backward pass adds to the weights themselves, and no gradients are
                               kept. Ignored in fp16 and with sync; network_get_options then says
                               false */
    const int *marginal_parents; /* [fine_classes], the coarse class of each fine class, kept by the
                                    caller: adds the marginal loss. NULL: no marginal loss */
    /* NULL or "none": nothing; "default": the coarse backbone before its last stage, as in the
     * original; else prefixes of parameter names, separated by commas. */
    const char *freeze;
    /* Batch normalisation in training is over the images of all these ranks; kept by the caller.
     * NULL: over the images of this network alone. */
    const statistics_gather *sync;
} network_options;
