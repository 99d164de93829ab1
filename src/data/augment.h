/* SPDX-License-Identifier: Apache-2.0 */
/* The augmentations that --augment names, and the random numbers that each draws. Nothing here
 * touches a pixel: the numbers go into the descriptions of images and batches (base/pixels.h),
 * which the device follows (ops/input.h, ops/mix.h). They depend only on the seed, the epoch and
 * the position.
 *
 * To add an augmentation, add a function and a row of the table in augment.c. */
#pragma once

#include "base/error.h"
#include "base/pixels.h"

#include <stdbool.h>

/* What numbers are drawn for: the image at `position` of an epoch, or the batch that begins there.
 */
typedef struct augment_place {
    uint64_t seed;
    uint32_t epoch;
    uint32_t position;
    int size; /* a side of the network's input, in pixels */
} augment_place;

/* The augmentations of a run. All zeros: none. */
enum { AUGMENTATIONS = 16 }; /* maximum number of rows in the table */
typedef struct augment_list {
    bool chosen[AUGMENTATIONS]; /* by index in the table */
    double values[AUGMENTATIONS];
} augment_list;

/* Parses "crop=4,flip,rotate=20,...": names of the table in any order, each at most once. "default"
 * is "rotate=20,flip", as in the original; "none" is no augmentation. STATUS_USAGE says what is
 * wrong. */
status augment_parse(const char *text, augment_list *list, error *err);

/* Draw the numbers for the augmentations in `list`. augment_image needs an image whose offset,
 * width, height, layout and part are set, with a cosine of 1 and zeros elsewhere; augment_batch
 * needs a batch_mix of zeros. If both mixup and cutmix are chosen, each batch gets either with
 * probability 1/2. */
void augment_image(const augment_list *list, const augment_place *at, pixel_source *image);
void augment_batch(const augment_list *list, const augment_place *at, batch_mix *mix);

/* Whether the list mixes the images of a batch with each other. */
bool augment_mixes(const augment_list *list);

/* lambda ~ Beta(alpha, alpha), in [0, 1], drawn from that stream of base/random.h. */
double augment_beta(const augment_place *at, uint32_t stream, double alpha);
