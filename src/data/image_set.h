/* SPDX-License-Identifier: Apache-2.0 */
/* One part of a data set: labelled images, all in memory or each a file. */
#pragma once

#include "base/error.h"
#include "base/pixels.h"
#include "data/image.h"

#include <stddef.h>

/* The pixels left <= x < right, top <= y < bottom of an image; what lies outside it is cut off. */
typedef struct pixel_box {
    int left, top, right, bottom;
} pixel_box;

/* Either every image is `width` x `height` and lies in `pixels` one after the other, or each is a
 * file that loader threads decode. */
typedef struct image_set {
    size_t count;
    int *coarse; /* [count] */
    int *fine;   /* [count] */
    int width, height;
    enum pixel_layout layout;
    unsigned char *pixels; /* [count][3 * width * height], or NULL */
    char **paths;          /* [count], or NULL */
    pixel_box *boxes;      /* [count]: what shows the thing, for --crop-boxes; or NULL */
} image_set;

/* Makes a set of `count` images of side x side pixels, with room for them and their labels. */
status image_set_create(image_set *set, size_t count, int side, error *err);
/* Adds a file. Takes over `path`, also when it fails; NULL is memory that was out. A set has a box
 * (which is copied) for each image or for none. */
status image_set_append(image_set *set, char *path, int coarse, int fine, const pixel_box *box,
                        error *err);
/* One of the images, which the caller frees with image_free. */
status image_set_picture(const image_set *set, size_t index, image *picture, error *err);
void image_set_free(image_set *set);
