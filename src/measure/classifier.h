/* SPDX-License-Identifier: Apache-2.0 */
/* A trained network that classifies images in memory. It knows nothing of image files. */
#pragma once

#include "data/hierarchy.h"
#include "device/device.h"
#include "selftest/selftest.h"

#include <stddef.h>

typedef struct classifier classifier;

/* RGB bytes, row by row from the top: [height][width][3]. */
typedef struct classifier_image {
    const unsigned char *pixels;
    int width, height;
    size_t number; /* its number in messages */
} classifier_image;

/* Loads a model file, such as a checkpoint, onto the device, which must outlive the classifier.
 * batch_size, at least 1, is the maximum number of images in one classifier_run. Returns
 * STATUS_FAILED if the file cannot be loaded or the batch does not fit the device. The caller calls
 * classifier_close. */
status classifier_open(device *dev, const char *path, int batch_size,
                       const selftest_options *selftest, classifier **opened, error *err);
int classifier_batch_size(const classifier *c);
void classifier_close(classifier *c); /* NULL is allowed */

/* The classes of the network, valid as long as the classifier. */
const hierarchy *classifier_classes(const classifier *c);
/* False if the network was trained with --only-fine and has no coarse head. */
bool classifier_has_coarse(const classifier *c);

/* Computes the logits of 1 to batch_size images of any sizes: coarse[count][coarse_count], which
 * may be NULL and is not written without a coarse head, and fine[count][fine_count]. decision.h
 * turns logits into answers. Returns STATUS_FAILED for an image without pixels or with a side above
 * 16384, and for more than 2 GiB of pixels. */
status classifier_run(classifier *c, const classifier_image *images, int count, float *coarse,
                      float *fine, error *err);
