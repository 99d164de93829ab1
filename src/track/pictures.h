/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a run for those who watch it: what the network sees, and which classes it takes for
 * which. */
#pragma once

#include "data/image.h"

#include <stdint.h>

enum {
    PICTURE_IMAGES = 64,         /* the most of a batch */
    PICTURE_CELL = 64,           /* pixels that an image of a batch has at least */
    PICTURE_GAP = 2,             /* white pixels between two */
    PICTURE_BATCH_SIDE = 2048,   /* pixels: a picture of more than one image is not wider */
    PICTURE_SIDE = 1024,         /* of a confusion matrix */
    PICTURE_MOST_CLASSES = 2048, /* of a confusion matrix */
};

/* The first images of a batch in a grid that is as wide as high, or a row less high: value *
 * deviation + mean of each colour, 0 to 1, clamped; small ones are enlarged by a whole factor.
 * values: [count][size][size][3], as network_read_input gives them, count and size at least 1. Free
 * with image_free. */
status picture_of_batch(const float *values, int count, int size, const float mean[3],
                        const float deviation[3], image *made, error *err);

/* A confusion matrix as a square: a row for each class of the labels, from the top, a column for
 * each answer, white where none of the row's images were answered so and black where all were. The
 * colours between are D. A. Green's cubehelix ("A colour scheme for the display of astronomical
 * intensity images", 2011), whose brightness falls evenly. A row without images stays white.
 *
 * counts: [classes][classes], label first. order: [classes], the classes as they are shown, each
 * once; NULL: by their numbers. groups: [classes], by class; a grey line of a pixel parts
 * neighbours of different groups; NULL: no lines. Cells are as large as fits into PICTURE_SIDE: the
 * picture has more than half of that, and more than all of it only where there are more classes;
 * lines are left out where they would not fit. STATUS_FAILED: more classes than
 * PICTURE_MOST_CLASSES. Free with image_free. */
status picture_of_confusion(const uint32_t *counts, int classes, const int *order,
                            const int *groups, image *made, error *err);
