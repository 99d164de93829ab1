/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop. It prints nothing: an observer is told. */
#pragma once

#include "measure/metrics.h"
#include "train/train_options.h"

#include <signal.h>
#include <stddef.h>

/* What is about to start. Pointers live during the call only. */
typedef struct train_started {
    const char *device, *data, *run;
    bool is_sample, resumed, held_out; /* validation and test are tenths of the training images */
    int coarse_classes, fine_classes, image_size;
    size_t train_images, validation_images, test_images;
    size_t parameters, trained_parameters;
    uint64_t memory_bytes;
    uint64_t step; /* done already */
    int ranks;     /* that train together; 1: this process alone */
    int share;     /* the most images of a batch that one of them takes */
} train_started;

typedef struct train_step {
    uint64_t step; /* the optimizer's, done, from 1; of options->accumulate batches */
    int epoch, epochs;
    size_t batch, batches;               /* done in the epoch, of so many */
    double loss, coarse_loss, fine_loss; /* of this step's batches */
    metrics so_far;                      /* of the epoch */
    double lr, images_per_second;
    bool only_fine;
} train_step;

typedef struct train_epoch {
    int epoch, epochs; /* epoch from 1 */
    metrics train, validation;
    loss_weights weights, run_weights; /* of the training loss, in this epoch; of the validation
                                          loss, in every epoch */
    double lr, seconds, images_per_second;
    bool best, only_fine;
} train_epoch;

typedef struct train_finished {
    uint64_t step;
    bool tested;       /* false: stopped by max_steps before the last epoch's end */
    int stopped_early; /* after that epoch, from 1, by early_stop; 0: it was not */
    int best_epoch;    /* from 1 */
    /* Of the best checkpoint; without images where the data set has no test part, the half also
     * where it is not the other one that validated. */
    metrics test_half, test_whole;
    loss_weights weights;
    bool only_fine;
    const char *run;
} train_finished;

typedef struct train_observer {
    void *context;
    void (*note)(void *context, const char *text); /* something worth a line */
    void (*started)(void *context, const train_started *what);
    void (*step)(void *context, const train_step *what);
    void (*evaluating)(void *context, const char *what, size_t done, size_t total); /* or tuning */
    void (*epoch)(void *context, const train_epoch *what);
    void (*finished)(void *context, const train_finished *what);
    const volatile sig_atomic_t *stop; /* nonzero: finish the step, save, return */
} train_observer;

/* Something worth a line, to the observer. */
void train_note(const train_observer *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Trains: without options->resume in a new run directory (options->run, which must not exist); with
 * it, resumes the run there, bit-identical to an uninterrupted one. STATUS_INTERRUPTED after a
 * stop: the state is saved.
 *
 * The options of a resumed run are those of recipe_load_run; what their rows say (on_resume), the
 * device and the ranks may differ from before. More epochs stretch a schedule that spans the run; a
 * run that early_stop ended stays ended, and is measured again. */
status train_run(const train_options *options, const train_observer *observer, error *err);
