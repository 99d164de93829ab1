/* SPDX-License-Identifier: Apache-2.0 */
/* A labelled set of images in up to three parts, with the tree of their classes. Each form that it
 * comes in has a reader of its own (cifar.c, csv.c, deepfashion.c, sample.c, tree.c) and a line in
 * the table of dataset.c; division.c decides what is trained on and what measured; loader.c draws
 * batches. */
#pragma once

#include "data/hierarchy.h"
#include "data/image_set.h"

#include <stdbool.h>

enum dataset_part { PART_TRAIN, PART_VALID, PART_TEST, PART_COUNT };

typedef struct dataset {
    char *source;     /* where it came from, for messages; NULL: the drawn sample */
    const char *form; /* the reader's name in the table of forms */
    hierarchy classes;
    image_set train, valid, test; /* valid and test may be empty */
    size_t ignored;               /* files met that are no images by their names */
    int native_size; /* the images' own size, the default of --image-size: the larger side of the
                        first training image that can be read */
} dataset;

/* Opens what `path` holds, in whichever form of the table recognises it. NULL: CIFAR-100 under
 * data/ if it is there, else the drawn sample (dataset_is_sample tells). Errors name file, place
 * and remedy; one for a path that no form recognises lists the forms. Image files are not opened
 * (but for native_size), nor need they be there. */
status dataset_open(const char *path, dataset *opened, error *err);
void dataset_close(dataset *set);
bool dataset_is_sample(const dataset *set);

image_set *dataset_part(dataset *set, enum dataset_part part);
/* "train", "valid" or "test". */
const char *dataset_part_name(enum dataset_part part);
/* The part that a word names: train, valid, val, validation or test; PART_COUNT: none. */
enum dataset_part dataset_part_named(const char *word);

/* The readers. One that recognises a path says nothing of whether it is whole; each opens into an
 * empty dataset. NULL is the path of the sample alone. */
bool cifar_recognise(const char *path);
status cifar_open(const char *path, dataset *opened, error *err);
bool csv_recognise(const char *path);
status csv_open(const char *path, dataset *opened, error *err);
bool deepfashion_recognise(const char *path);
status deepfashion_open(const char *path, dataset *opened, error *err);
bool sample_recognise(const char *path);
status sample_open(const char *path, dataset *opened, error *err);
bool tree_recognise(const char *path);
status tree_open(const char *path, dataset *opened, error *err);
