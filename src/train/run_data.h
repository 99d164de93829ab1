/* SPDX-License-Identifier: Apache-2.0 */
/* The data that a run trains and measures on: the data set, its parts and their loaders. */
#pragma once

#include "data/division.h"
#include "data/loader.h"
#include "train/train_options.h"

typedef struct run_data {
    dataset set;
    dataset_division parts;
    augment_list augment;
    bad_images *bad; /* of all parts together */
    loader *train, *validate;
} run_data;

/* Opens the data set of the options. The caller has parsed d->augment; the rest of *d is zeros.
 * `note` is called for images that cannot be read. Call run_data_close also after a failure. */
status run_data_open(run_data *d, const train_options *o, void (*note)(void *, const char *),
                     void *context, error *err);
void run_data_close(run_data *d); /* zeros are allowed */

/* Opens a loader of a part for measuring: this rank's share, in file order, without augmentation.
 * The caller frees it with loader_free. */
status run_data_open_part(const run_data *d, const train_options *o, const image_subset *part,
                          loader **opened, error *err);

/* This rank's share of a training batch. */
share_of run_data_share(const run_data *d, const train_options *o);

/* The side of the network's input in pixels. */
int run_data_input_size(const run_data *d, const train_options *o);
