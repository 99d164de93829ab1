/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentations: what --augment names, and the numbers that each draws. Nothing here touches a
 * pixel: the draws go into the descriptions of images and batches (base/pixels.h), which the device
 * follows (ops/input.h, ops/mix.h). They are functions of seed, epoch and position alone.
 *
 * A new augmentation is a function and a row of the table in augmentations.c. */
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

/* One of the two functions is there. `value` is the number behind "NAME=". */
typedef struct augmentation {
    const char *name;
    const char *meaning;       /* of the value, for messages */
    double usual;              /* where no value is given; 0: one has to be */
    double above, least, most; /* above < value, least <= value <= most */
    bool whole;                /* an integer */
    void (*draw_image)(const augment_place *at, double value, pixel_source *image);
    void (*draw_batch)(const augment_place *at, double value, batch_mix *mix);
} augmentation;

/* In the order in which they are applied; ends with a name of NULL. */
extern const augmentation augmentations[];

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

/* For augmentations: four words of the place's own in a stream of base/random.h, where
 * `turn`, below 65536, tells several blocks apart; and a word as a number in [0, 1), or one of
 * 0..count-1. */
void augment_words(const augment_place *at, uint32_t stream, uint32_t turn, uint32_t words[4]);
double augment_unit(uint32_t word);
int augment_pick(uint32_t word, int count);

/* lambda ~ Beta(alpha, alpha), in [0, 1], from as many blocks of the stream as it takes. */
double augment_beta(const augment_place *at, uint32_t stream, double alpha);
