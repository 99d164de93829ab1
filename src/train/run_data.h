/* SPDX-License-Identifier: Apache-2.0 */
/* What a run trains and measures on: the data set, its parts, and loaders of them. */
#pragma once

#include "data/division.h"
#include "data/loader.h"
#include "train/train_options.h"

typedef struct run_data {
    dataset set;
    dataset_division parts;
    augment_list augment;
    bad_images *bad; /* in all parts */
    loader *train, *validate;
} run_data;

/* Opens the data set of the options. d has zeros but for augment, which the caller parsed. note is
 * told of images that cannot be read. */
status run_data_open(run_data *d, const train_options *o, void (*note)(void *, const char *),
                     void *context, error *err);
void run_data_close(run_data *d); /* zeros are fine */

/* A loader of images to measure on, in order and as they are: of the part, those that are this
 * rank's. */
status run_data_open_part(const run_data *d, const train_options *o, const image_subset *part,
                          loader **opened, error *err);

/* This rank's share of a training batch. */
share_of run_data_share(const run_data *d, const train_options *o);

/* A side of the network's input. */
int run_data_input_size(const run_data *d, const train_options *o);
