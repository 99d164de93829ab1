/* A trained network for single images. */
#ifndef HCNN_TRAIN_CLASSIFIER_H
#define HCNN_TRAIN_CLASSIFIER_H

#include "data/hierarchy.h"
#include "device/device.h"

#include <stdint.h>

typedef struct classifier classifier;

/* Loads a checkpoint of hcnn-cl onto the device, which must outlive it. */
status classifier_open(device *dev, const char *checkpoint, classifier **opened, error *err);
void classifier_close(classifier *c); /* NULL is fine */

/* The classes it was trained on. */
const hierarchy *classifier_classes(const classifier *c);
/* False: it was trained with --only-fine and has no coarse head. */
bool classifier_has_coarse(const classifier *c);

/* Logits of an image, [height][width][3] RGB bytes of any size: coarse[coarse_count] (untouched
 * without a coarse head; may be NULL) and fine[fine_count]. decision.h makes answers of them. */
status classifier_run(classifier *c, const unsigned char *pixels, int width, int height,
                      float *coarse, float *fine, error *err);

#endif
