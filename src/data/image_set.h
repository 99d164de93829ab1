/* SPDX-License-Identifier: Apache-2.0 */
/* One part of a data set: labelled images, either all in memory or each in a file. */
#pragma once

#include "base/error.h"
#include "base/pixels.h"
#include "data/image.h"

#include <stddef.h>

/* The pixels left <= x < right, top <= y < bottom of an image. A box may reach over the edges and
 * is clipped when it is used. */
typedef struct pixel_box {
    int left, top, right, bottom;
} pixel_box;

/* Either all images are `width` x `height` and in `pixels`, one after another, or each is a file
 * that the loader's threads decode. */
typedef struct image_set {
    size_t count;
    int *coarse; /* [count] */
    int *fine;   /* [count] */
    int width, height;
    enum pixel_layout layout;
    unsigned char *pixels; /* [count][3 * width * height], or NULL */
    char **paths;          /* [count], or NULL */
    pixel_box *boxes;      /* [count]: the box around the object, for --crop-boxes; or NULL */
} image_set;

/* Creates a set of `count` images of side x side pixels, with memory for them and their labels. */
status image_set_create(image_set *set, size_t count, int side, error *err);
/* Adds a file. `path` is taken over even on failure; NULL is a failed allocation. Either every
 * image of a set has a box, which is copied, or none has. */
status image_set_append(image_set *set, char *path, int coarse, int fine, const pixel_box *box,
                        error *err);
/* Reads or copies one image, which the caller frees with image_free. */
status image_set_picture(const image_set *set, size_t index, image *picture, error *err);
void image_set_free(image_set *set);
