/* A labelled set of images in two parts, train and test, with the tree of their classes. Readers
 * (cifar.c, tree.c, sample.c) fill it; loader.c draws batches from it. */
#ifndef HCNN_DATA_DATASET_H
#define HCNN_DATA_DATASET_H

#include "base/pixels.h"
#include "data/hierarchy.h"

#include <stdbool.h>
#include <stddef.h>

/* One part of a data set. Either every image is `width` x `height` and lies in `pixels` one after
 * the other, or each is a file that loader threads decode. */
typedef struct image_set {
    size_t count;
    int *coarse; /* [count] */
    int *fine;   /* [count] */
    int width, height;
    enum pixel_layout layout;
    unsigned char *pixels; /* [count][3 * width * height], or NULL */
    char **paths;          /* [count], or NULL */
} image_set;

typedef struct dataset {
    char *source; /* where it came from, for messages */
    hierarchy classes;
    image_set train, test;
    int native_size; /* the images' own size, the default of --image-size: the larger side of the
                        first training image */
} dataset;

/* Opens what `path` holds: a directory or .tar.gz/.tar.xz/.tar with CIFAR-100's binary or python
 * version, or a tree that `hcnn-cl preprocess` made. NULL: CIFAR-100 under data/ if it is there,
 * else the drawn sample (dataset_source_is_sample tells). Errors name file, place and remedy. */
status dataset_open(const char *path, dataset *opened, error *err);
void dataset_close(dataset *set);
bool dataset_is_sample(const dataset *set);

/* dataset_open's readers; each fills an empty dataset. */
status cifar_open(const char *path, dataset *opened, error *err);
status tree_open(const char *path, dataset *opened, error *err);
status sample_open(dataset *opened, error *err);

/* The test part's two halves: a permutation of 0..count-1 by seed; the first (count + 1) / 2 are
 * validation, the others test, as the original's random_split halves it. */
status dataset_split(const image_set *test, unsigned long long seed, unsigned **order,
                     size_t *validation_count, error *err);

#endif
