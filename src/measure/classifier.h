/* SPDX-License-Identifier: Apache-2.0 */
/* A trained network for images in memory. */
#pragma once

#include "data/hierarchy.h"
#include "device/device.h"

#include <stddef.h>

typedef struct classifier classifier;

/* RGB bytes, row by row from the top: [height][width][3]. */
typedef struct classifier_image {
    const unsigned char *pixels;
    int width, height;
    size_t number; /* what messages call it */
} classifier_image;

/* Loads a model file, such as a checkpoint, onto the device, which must outlive it. batch_size: the
 * most images of a classifier_run, at least 1. */
status classifier_open(device *dev, const char *path, int batch_size, classifier **opened,
                       error *err);
int classifier_batch_size(const classifier *c);
void classifier_close(classifier *c); /* NULL is fine */

/* The classes it was trained on. */
const hierarchy *classifier_classes(const classifier *c);
/* False: it was trained with --only-fine and has no coarse head. */
bool classifier_has_coarse(const classifier *c);

/* Logits of 1 to batch_size images of any sizes: coarse[count][coarse_count] (untouched without a
 * coarse head; may be NULL) and fine[count][fine_count]. decision.h makes answers of them. */
status classifier_run(classifier *c, const classifier_image *images, int count, float *coarse,
                      float *fine, error *err);
