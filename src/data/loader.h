/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of raw pixels and their labels, made by threads ahead of the step that uses them. Which
 * image is in which batch, and how it is augmented, is a function of the files, seed, epoch and
 * position alone, whatever the number of threads. */
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
    size_t *indices;      /* [count] of the images in their set */
    batch_mix mix;
    size_t position; /* of the whole batch's first image in the epoch */
    int total;       /* images that the whole batch should have, in all ranks' parts */
} batch;

typedef struct loader_options {
    int batch_size; /* of whole batches, */
    share_of share; /* of which only this part is made; zeros: all of it */
    int threads;    /* at least 1 */
    uint64_t seed;
    bool shuffle; /* permute the images each epoch */
    augment_list augment;
    int image_size; /* a side of the network's input; unused without augmentation */
    bool balance;   /* each fine class equally often, as data/balance.h tells; shuffles too */
    bool crop;      /* only what is in the set's boxes */
    /* An image file that cannot be read is noted here when its batch is handed out; NULL: the batch
     * is an error that names it. With `replace` its place is taken by the next image of the epoch's
     * order that can be read (after the last, the first); without, the batch is shorter. */
    bad_images *bad;
    bool replace;
} loader_options;

typedef struct loader loader;

/* A loader over the images of a subset, whose set and indices must outlive it. */
status loader_create(image_subset of, const loader_options *options, loader **created, error *err);
/* Stops the threads and frees all. NULL is fine. */
void loader_free(loader *from);

/* Starts epoch `epoch` at batch `first_batch` (to resume in the middle of one). */
status loader_start(loader *from, uint32_t epoch, size_t first_batch, error *err);
/* Images, of this rank's parts, and batches in an epoch; the last batch may be short. */
size_t loader_images(const loader *from);
size_t loader_batches(const loader *from);
/* The next batch, or NULL in *next after the last. It stays valid until loader_recycle. A batch of
 * which nothing is left (or whose part is empty) is passed over; an epoch of which nothing is left
 * is an error, but for a rank: others may have some. */
status loader_next(loader *from, const batch **next, error *err);
/* Hands a batch back to be filled again. */
void loader_recycle(loader *from, const batch *used);
/* How many bytes of pixels a batch is likely to hold: the most with images in memory; for files,
 * batch_size of the largest of a few of them, so a batch may be larger. */
size_t loader_pixel_capacity(const loader *from);
