/* SPDX-License-Identifier: Apache-2.0 */
/* What a network is built from; see network.h. */
#pragma once

#include "base/error.h"
#include "base/word_list.h"

#include <stdbool.h>
#include <stddef.h>

enum stem {
    STEM_IMAGENET, /* 7x7 stride 2, then max pool 3x3 stride 2 */
    STEM_CIFAR,    /* 3x3 stride 1, no pool */
};
extern const word_list stem_words;

/* What the coarse loss is of: the coarse head, or beside it the fine head's probabilities, summed
 * by coarse class. */
enum coarse_loss { COARSE_LOSS_HEAD, COARSE_LOSS_MARGINAL };
extern const word_list coarse_loss_words;

/* Weights of the losses; a coarse one that there is not has the weight 0. */
typedef struct loss_weights {
    double coarse, fine;
} loss_weights;

/* How ranks that share each batch tell each other the sums of their parts. `gather` hands in
 * `count` floats and fills all[ranks][count] with every rank's, in rank order: copies to the bit,
 * since integers are among them. It blocks until every rank has called it; all do in the same
 * order, with the same count. Where it fails on one rank it has to fail on all, or they wait for
 * ever. */
typedef struct statistics_gather {
    void *context;
    int ranks;
    status (*gather)(void *context, const float *mine, size_t count, float *all, error *err);
} statistics_gather;

typedef struct network_options {
    const char *backbone; /* a name in model/backbone.c's table: "wide_resnet_50" */
    enum stem stem;
    bool only_fine;     /* fine backbone and classifier alone */
    bool shared_trunk;  /* one backbone for both heads, and no fusion */
    const char *fusion; /* a name in model/fusion.c's table; NULL: "concat". Where there is nothing
                           to fuse it has to be NULL */
    int coarse_stages;  /* stages that the coarse head stands on; 0: 3, the original's. With
                           only_fine it has to be 0 */
    int coarse_classes; /* with only_fine, those of marginal_parents, else unused */
    int fine_classes;
    int image_size;        /* square input, pixels */
    int batch_size;        /* the most images of a step */
    bool training;         /* with gradients; false: forward only, less memory */
    size_t pixel_capacity; /* bytes of the largest batch's raw pixels */
    int solver_slots;      /* buffers that the optimizer will keep per weight: counted, not made */
    bool averaged; /* the optimizer will keep an average of all that a step changes: counted,
                      not made */
    bool steps_in_backward;      /* the optimizer is gradient descent, no momentum, no decay: the
                                    backward pass adds to the weights themselves, and no gradient is
                                    kept. In fp16 and with sync it does not, and a network's own options
                                    then say so */
    const int *marginal_parents; /* [fine_classes], the coarse class of each, kept by the caller:
                                    the coarse loss on the fine head's probabilities is added. NULL:
                                    it is not */
    const char *freeze; /* NULL or "none": nothing; "default": the coarse backbone before its
                           last stage, as the original; else comma-separated prefixes of
                           parameters' names */
    const statistics_gather *sync; /* training's batch normalisations are over the images of all
                                      its ranks; kept by the caller. NULL: each network for
                                      itself */
} network_options;
