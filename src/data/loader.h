/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of raw pixels and their labels, which threads make ahead of the step that uses them.
 * Which image is in which batch, and how it is augmented, depends only on the files, the seed, the
 * epoch and the position, not on the number of threads. */
#pragma once

#include "data/augment.h"
#include "data/bad_images.h"
#include "data/division.h"
#include "data/share.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct batch {
    int count;
    unsigned char *pixels;
    size_t pixel_bytes;
    pixel_source *images; /* [count] */
    int32_t *coarse;      /* [count] */
    int32_t *fine;        /* [count] */
    size_t *indices;      /* [count] index of each image in its set */
    batch_mix mix;
    size_t position; /* place of the whole batch's first image in the epoch */
    int total;       /* images that the whole batch should have, over all ranks */
} batch;

typedef struct loader_options {
    int batch_size; /* images per whole batch */
    share_of share; /* the part of each batch to make; zeros: all of it */
    int threads;    /* at least 1 */
    uint64_t seed;
    bool shuffle; /* permute the images each epoch */
    augment_list augment;
    int image_size; /* side of the network's input in pixels; unused without augmentation */
    bool balance;   /* draw all fine classes equally often (data/balance.h); shuffles too */
    bool crop;      /* use only the part inside the set's boxes */
    /* Records each image file that cannot be read, when its batch is handed out; NULL: such a batch
     * is an error that names the file. With `replace`, the next readable image in the epoch's order
     * takes its place (after the last comes the first); without it, the batch is shorter. */
    bad_images *bad;
    bool replace;
} loader_options;

typedef struct loader loader;

/* Creates a loader over the images of a subset, whose set and indices must outlive it, as must
 * options->bad. The caller frees it with loader_free. */
status loader_create(image_subset of, const loader_options *options, loader **created, error *err);
/* Stops the threads and frees everything. NULL is allowed. */
void loader_free(loader *from);

/* Starts an epoch at batch `first_batch`, which is above 0 to resume in the middle of the epoch. */
status loader_start(loader *from, uint32_t epoch, size_t first_batch, error *err);
/* The number of images (of this rank) and of batches in an epoch; the last batch may be short. */
size_t loader_images(const loader *from);
size_t loader_batches(const loader *from);
/* Sets *next to the next batch, or to NULL after the last. It stays valid until loader_recycle. A
 * batch without images (none could be read, or this rank's part is empty) is skipped. An epoch
 * without images is an error, but not with several ranks: the others may have some. */
status loader_next(loader *from, const batch **next, error *err);
/* Hands a batch back to be filled again. */
void loader_recycle(loader *from, const batch *used);
/* The bytes of pixels to expect in a batch: the maximum for images in memory. For files it is
 * batch_size times the largest of a few files, so a batch may need more. */
size_t loader_pixel_capacity(const loader *from);
