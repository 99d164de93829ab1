/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a training run: one table, which the command line, recipes (recipe.h) and a run's
 * config.json share. */
#pragma once

#include "base/options.h"
#include "device/device.h"
#include "model/network_options.h"
#include "ranks/ranks.h"
#include "train/schedule.h"

#include <stdint.h>

/* The format of gradients between ranks. */
enum wire { WIRE_FP32, WIRE_FP16 };

enum optimizer { OPTIMIZER_SGD, OPTIMIZER_ADAM, OPTIMIZER_ADAMW };

/* The last layer of the coarse classifier's backbone. */
enum coarse_depth { COARSE_DEPTH_DEFAULT = -1, COARSE_DEPTH_LAYER3, COARSE_DEPTH_LAYER4 };

enum { TRAIN_ROWS = 64 }; /* rows of the table of options, at most, including the last one */

/* Who set the options, by their rows. Errors name the lines of a recipe. */
typedef struct train_origin {
    const char *recipe;    /* the recipe that was loaded, or NULL */
    int lines[TRAIN_ROWS]; /* its line that set the option; TRAIN_GIVEN; 0: a default */
} train_origin;
enum { TRAIN_GIVEN = -1 }; /* the caller set it, after the recipe if there was one */

typedef struct train_options {
    const char *data;              /* NULL: see dataset_open */
    const char *metrics;           /* file for the metrics; NULL: RUN/metrics.jsonl */
    const char *backbone, *fusion; /* as in network_options */
    enum stem stem;
    enum coarse_depth coarse_depth;
    enum coarse_loss coarse_loss;
    enum precision precision;
    enum optimizer optimizer;
    enum schedule_law schedule;
    const char *augment;    /* as augment_parse accepts it */
    const char *weights;    /* file to start from, or NULL */
    const char *freeze;     /* network_options.freeze; NULL: "default" if weights has backbones */
    const char *milestones; /* "7,13" or NULL */
    int epochs, batch_size, image_size; /* image_size 0: the data set's own */
    int max_steps;                      /* 0: no limit */
    int metrics_every;                  /* steps per line of metrics */
    int checkpoint_every;               /* steps; 0: at the end of each epoch only */
    int threads;
    double device_timeout; /* as device_set_timeout takes it */
    int max_bad;           /* number of image files that may be broken */
    int accumulate;        /* batches per step */
    int histograms;        /* write them every N epochs; 0: never */
    int early_stop;        /* epochs without a lower validation loss; 0: never */
    double lr, momentum, weight_decay;
    double warmup, min_lr; /* see schedule_terms */
    double clip_norm;      /* L2 norm of all gradients together; 0: no clipping */
    double ema;            /* decay of the weights' moving average; 0: no average */
    loss_weights loss;
    double label_smoothing;
    const char *loss_schedule; /* as loss_schedule_parse accepts it, or NULL */
    bool nesterov, no_norm_decay, only_fine, shared_trunk;
    bool no_shuffle, balance, crop_boxes;
    bool sync_bn; /* batch normalisation over the whole batch of all ranks */
    enum wire wire;
    uint64_t seed;
    /* For one start of the program only, not stored in config.json: */
    const char *recipe; /* as recipe_load accepts it, or NULL */
    const char *run;    /* the new run directory; NULL: runs/DATE-TIME */
    const char *resume; /* the run to resume; NULL: start a new one */
    bool tune;          /* first tune what is not tuned yet (tune.h) */
    bool no_selftest;
    const char *program; /* of tune_options and selftest_options */
    const char *device;  /* as device_open_place accepts it; NULL: as HCNN_DEVICE says */
    const ranks *ranks;  /* the processes that train together; NULL: this one alone */
    train_origin origin;
} train_options;

/* The original's options: plain SGD at 0.008, 15 epochs, 32 images per batch, loss weights 1
 * (coarse) and 2 (fine). */
train_options train_defaults(void);

/* The table: rows of train_options, in the order of config.json; it ends with a row without a
 * name. */
extern const option_row train_rows[];

/* Whether the coarse classes have a loss. */
bool train_has_coarse_loss(const train_options *options);
/* Returns STATUS_USAGE if options contradict each other or leave nothing to learn. */
status train_options_check(const train_options *options, error *err);

/* Whether the caller set the option of that name: neither a recipe nor the defaults did. */
bool train_is_given(const train_options *options, const char *name);
/* An option that has no effect beside certain others. This is not an error: a sweep may vary both,
 * and a recipe may serve several kinds of runs. The list ends with a row without an option. */
typedef struct train_idle {
    const char *option;
    bool (*holds)(const train_options *options);
    const char *reason; /* "without --weight-decay" */
} train_idle;
extern const train_idle train_idle_options[];

/* Returns STATUS_USAGE and names the option if a text is not UTF-8, because JSON cannot contain
 * it. */
status config_check(const train_options *options, error *err);

/* Writes config.json: the value of every row that is not transient, under the row's name with '_'
 * for '-'. Fails where config_check fails. recipe_load reads the file. */
status config_write(const char *path, const train_options *options, error *err);
