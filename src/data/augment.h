/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentations: what --augment names, and the numbers that each draws. Nothing here touches a
 * pixel: the draws go into the descriptions of images and batches (base/pixels.h), which the device
 * follows (ops/input.h, ops/mix.h). They are functions of seed, epoch and position alone.
 *
 * A new augmentation is a function and a row of the table in augment.c. */
#pragma once

#include "base/error.h"
#include "base/pixels.h"

#include <stdbool.h>

/* Where numbers are drawn: for the image at `position` of an epoch, or for the batch that begins
 * there. */
typedef struct augment_place {
    uint64_t seed;
    uint32_t epoch;
    uint32_t position;
    int size; /* a side of the network's input, in pixels */
} augment_place;

/* What a run does. All zeros: nothing. */
enum { AUGMENTATIONS = 16 }; /* the most that the table may hold */
typedef struct augment_list {
    bool chosen[AUGMENTATIONS]; /* by place in the table */
    double values[AUGMENTATIONS];
} augment_list;

/* "crop=4,flip,rotate=20,...": names of the table in any order, each once; "default" is
 * "rotate=20,flip", the original's, and "none" nothing. STATUS_USAGE says what is wrong. */
status augment_parse(const char *text, augment_list *list, error *err);

/* Draws what `list` says for one image, whose offset, width, height, layout and part are set and
 * which has a cosine of 1; and for a batch, into zeros. Of mixup and cutmix, if both are chosen, a
 * batch gets either with probability 1/2. */
void augment_image(const augment_list *list, const augment_place *at, pixel_source *image);
void augment_batch(const augment_list *list, const augment_place *at, batch_mix *mix);

/* Whether it mixes the images of a batch with each other. */
bool augment_mixes(const augment_list *list);

/* lambda ~ Beta(alpha, alpha), in [0, 1], drawn from that stream of base/random.h. */
double augment_beta(const augment_place *at, uint32_t stream, double alpha);
