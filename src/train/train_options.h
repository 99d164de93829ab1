/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a training run: one table, from which the command line, recipes (recipe.h) and a
 * run's config.json are read. */
#pragma once

#include "base/options.h"
#include "device/device.h"
#include "model/network_options.h"
#include "ranks/ranks.h"
#include "train/schedule.h"

#include <stdint.h>

enum optimizer { OPTIMIZER_SGD, OPTIMIZER_ADAM, OPTIMIZER_ADAMW };

/* The last layer of the coarse classifier's backbone. */
enum coarse_depth { COARSE_DEPTH_DEFAULT = -1, COARSE_DEPTH_LAYER3, COARSE_DEPTH_LAYER4 };

typedef struct train_options {
    const char *data;              /* NULL: see dataset_open */
    const char *metrics;           /* where the metrics go; NULL: RUN/metrics.jsonl */
    const char *backbone, *fusion; /* network_options' */
    enum stem stem;
    enum coarse_depth coarse_depth;
    enum coarse_loss coarse_loss;
    enum precision precision;
    enum optimizer optimizer;
    enum schedule_law schedule;
    const char *augment; /* augment_parse's text */
    const char *weights; /* what to start from, or NULL */
    const char *freeze;  /* network_options.freeze; NULL: "default" when weights hold backbones */
    const char *milestones;             /* "7,13" or NULL */
    int epochs, batch_size, image_size; /* image_size 0: the data's own */
    int max_steps;                      /* 0: no limit */
    int metrics_every;                  /* a line every so many steps */
    int checkpoint_every;               /* steps; 0: at the end of each epoch only */
    int threads;
    int max_bad;    /* image files that may be broken */
    int accumulate; /* batches whose gradients make a step */
    int histograms; /* epochs from one set of weights' and gradients' to the next; 0: none */
    int early_stop; /* epochs without a lower validation loss; 0: never */
    double lr, momentum, weight_decay;
    double warmup, min_lr; /* schedule_terms */
    double clip_norm;      /* of all gradients together; 0: not clipped */
    double ema;            /* decay of the weights' average; 0: none is kept */
    loss_weights loss;
    double label_smoothing;
    const char *loss_schedule; /* loss_schedule_parse's text, or NULL */
    bool nesterov, no_norm_decay, only_fine, shared_trunk;
    bool no_shuffle, balance, crop_boxes;
    bool sync_bn;        /* batch normalisation by the whole batch of all ranks */
    enum precision wire; /* how gradients travel between ranks */
    uint64_t seed;
    /* What belongs to one start of the program, and is not kept in config.json: */
    const char *recipe;  /* for recipe_load, or NULL */
    const char *run;     /* the run directory; NULL: runs/DATE-TIME */
    const char *resume;  /* the run to resume; NULL: a new one */
    bool tune;           /* first measure what is not tuned yet (tune.h) */
    const char *program; /* tune_options.program */
    const char *device;  /* device_open_place's; NULL: as HCNN_DEVICE says */
    const ranks *ranks;  /* who trains together; NULL: this process alone */
} train_options;

/* The original's: plain SGD at 0.008, 15 epochs of batches of 32, coarse 1, fine 2. */
train_options train_defaults(void);

/* The table: rows of train_options, in config.json's order; ends with a row without a name. */
enum { TRAIN_ROWS = 64 }; /* at most, with that one */
extern const option_row train_rows[];

/* Whether there is a loss of the coarse classes. */
bool train_has_coarse_loss(const train_options *options);
/* STATUS_USAGE for options that contradict each other or leave nothing to learn. */
status train_options_check(const train_options *options, error *err);

/* STATUS_USAGE names the option whose text is not UTF-8: no JSON could hold it. */
status config_check(const train_options *options, error *err);

/* Writes config.json: the name of every row that is not transient, with '_' for '-', and its value.
 * Refuses what config_check does. Read back by recipe_load. */
status config_write(const char *path, const train_options *options, error *err);
