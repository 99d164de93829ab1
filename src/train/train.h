/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop. It prints nothing; it calls an observer. */
#pragma once

#include "measure/metrics.h"
#include "train/train_options.h"

#include <signal.h>
#include <stddef.h>

/* What is about to start. Pointers are valid during the call, `run` until training has ended. */
typedef struct train_started {
    const char *device, *data, *run;
    bool is_sample, resumed, held_out; /* validation and test are tenths of the training images */
    int coarse_classes, fine_classes, image_size;
    size_t train_images, validation_images, test_images;
    size_t parameters, trained_parameters;
    uint64_t memory_bytes;
    uint64_t step; /* steps already done */
    int ranks;     /* number of ranks that train together; 1: this process alone */
    int share;     /* the most images of a batch that one rank gets */
} train_started;

typedef struct train_step {
    uint64_t step; /* optimizer steps done, from 1; each has options->accumulate batches */
    int epoch, epochs;
    size_t batch, batches;               /* batches done in this epoch, and in all of it */
    double loss, coarse_loss, fine_loss; /* means over this step's batches */
    metrics so_far;                      /* sums since the epoch began */
    double lr, images_per_second;
    bool only_fine;
} train_step;

typedef struct train_epoch {
    uint64_t step;     /* steps done */
    int epoch, epochs; /* epoch from 1 */
    metrics train, validation;
    loss_weights weights, run_weights; /* of this epoch's training loss; of the validation loss */
    double lr, seconds, images_per_second;
    bool best, only_fine;
} train_epoch;

typedef struct train_finished {
    uint64_t step;
    bool tested;       /* false: max_steps stopped the run before the end of the last epoch */
    int stopped_early; /* epoch, from 1, after which early_stop ended the run; 0: it did not */
    int best_epoch;    /* from 1 */
    /* Results of the best checkpoint. Both have no images if the data set has no test part;
     * test_half also has none if the other half was not used for validation. */
    metrics test_half, test_whole;
    loss_weights weights;
    bool only_fine;
    const char *run;
} train_finished;

typedef struct train_observer {
    void *context;
    void (*note)(void *context, const char *text); /* a message */
    void (*started)(void *context, const train_started *what);
    void (*step)(void *context, const train_step *what);
    void (*evaluating)(void *context, const char *what, size_t done,
                       size_t total); /* also tuning and the self-test */
    void (*epoch)(void *context, const train_epoch *what);
    void (*finished)(void *context, const train_finished *what);
    const volatile sig_atomic_t *stop; /* if nonzero: finish the step, save, return */
} train_observer;

/* Formats a message and passes it to the observer's note. */
void train_note(const train_observer *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Trains. Without options->resume it creates a run directory (options->run, which must not exist).
 * With options->resume it continues that run; the result is bit-identical to an uninterrupted run.
 * Returns STATUS_INTERRUPTED after a stop, when the state is saved.
 *
 * A resumed run has the options from recipe_load_run. The rows marked on_resume, the device and the
 * ranks may differ from before. More epochs stretch a schedule that spans the run. A run that
 * early_stop ended stays ended and is measured again. */
status train_run(const train_options *options, const train_observer *observer, error *err);
