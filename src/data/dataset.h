/* SPDX-License-Identifier: Apache-2.0 */
/* A labelled set of images in up to three parts, with the tree of their classes. Each form has its
 * own reader (cifar.c, csv.c, deepfashion.c, sample.c, tree.c) and a row of the table in dataset.c.
 * division.c decides which images are for training and which for measuring; loader.c makes batches.
 */
#pragma once

#include "data/hierarchy.h"
#include "data/image_set.h"

#include <stdbool.h>

enum dataset_part { PART_TRAIN, PART_VALID, PART_TEST, PART_COUNT };

typedef struct dataset {
    char *source;     /* the path it was read from, for messages; NULL: the drawn sample */
    const char *form; /* the reader's name in the table of forms */
    hierarchy classes;
    image_set train, valid, test; /* valid and test may be empty */
    size_t ignored;  /* number of files and directories skipped because of their names or places */
    int native_size; /* in pixels, the default of --image-size: the larger side of the first
                        training image that can be read */
} dataset;

/* Opens the data set at `path` in the first form of the table that recognises it. NULL: CIFAR-100
 * under data/ if it is there, else the drawn sample (see dataset_is_sample). Errors name file,
 * place and remedy; if no form recognises the path, the error lists the forms. Image files are not
 * opened, except for native_size, and need not exist. */
status dataset_open(const char *path, dataset *opened, error *err);
/* Frees everything; a set of zeros is allowed. */
void dataset_close(dataset *set);
bool dataset_is_sample(const dataset *set);

/* A part, which belongs to the data set. */
image_set *dataset_part(dataset *set, enum dataset_part part);
/* "train", "valid" or "test". */
const char *dataset_part_name(enum dataset_part part);
/* The part that a word names: train, valid, val, validation or test; PART_COUNT for any other word.
 */
enum dataset_part dataset_part_named(const char *word);

/* The readers. Recognising a path does not mean that all of it is there. Each opens into an empty
 * dataset. Only the sample recognises the path NULL. */
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
