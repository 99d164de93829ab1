/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a run, for people: what the network sees, and which classes it confuses. */
#pragma once

#include "data/image.h"

#include <stdint.h>

enum {
    PICTURE_IMAGES = 64,         /* most images of a batch */
    PICTURE_CELL = 64,           /* least side of an image of a batch, in pixels */
    PICTURE_GAP = 2,             /* white pixels between two images */
    PICTURE_BATCH_SIDE = 2048,   /* pixels: a picture of more than one image is not wider */
    PICTURE_SIDE = 1024,         /* side of a confusion matrix, in pixels */
    PICTURE_MOST_CLASSES = 2048, /* most classes of a confusion matrix */
};

/* Draws the first images of a batch in a grid with as many rows as columns, or one row fewer. Each
 * colour is value * deviation + mean, clamped to 0 to 1; small images are enlarged by a whole
 * factor. values: [count][size][size][3], as network_read_input returns them; count and size are at
 * least 1. Free *made with image_free. */
status picture_of_batch(const float *values, int count, int size, const float mean[3],
                        const float deviation[3], image *made, error *err);

/* Draws a confusion matrix as a square, with a row for each label, from the top, and a column for
 * each answer. A cell is white if none of the row's images were answered so, and black if all were.
 * The colours between are D. A. Green's cubehelix ("A colour scheme for the display of astronomical
 * intensity images", 2011), whose brightness falls evenly. A row without images stays white.
 *
 * counts: [classes][classes], label first. order: [classes], the classes in the order in which they
 * are shown, each once; NULL: by number. groups: [classes], the group of each class; a grey line,
 * one pixel wide, separates neighbours of different groups; NULL: no lines. Cells have the largest
 * whole number of pixels with which the picture fits into PICTURE_SIDE. Its side is more than half
 * of PICTURE_SIDE, and exceeds PICTURE_SIDE only if there are more classes than that. Lines are
 * left out if they do not fit. STATUS_FAILED if there are no classes or more than
 * PICTURE_MOST_CLASSES. Free *made with image_free. */
status picture_of_confusion(const uint32_t *counts, int classes, const int *order,
                            const int *groups, image *made, error *err);
