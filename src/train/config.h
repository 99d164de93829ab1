/* The options of a training run, and config.json, which keeps them beside its checkpoints. */
#ifndef HCNN_TRAIN_CONFIG_H
#define HCNN_TRAIN_CONFIG_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct train_options {
    const char *data;    /* NULL: see dataset_open */
    const char *run;     /* the run directory; NULL: runs/DATE-TIME */
    const char *metrics; /* where the metrics go; NULL: RUN/metrics.jsonl */
    const char *backbone, *stem, *optimizer, *augment;
    const char *precision; /* device_set_precision */
    const char *weights;   /* safetensors to start from, or NULL */
    const char *freeze;    /* network_options.freeze; NULL: "default" when weights hold backbones */
    const char *milestones;             /* "7,13"; NULL: reduce on plateau */
    int epochs, batch_size, image_size; /* image_size 0: the data's own */
    int max_steps;                      /* 0: no limit */
    int metrics_every;                  /* a line every so many steps */
    int checkpoint_every;               /* steps; 0: at the end of each epoch only */
    int threads;
    double lr, momentum, weight_decay;
    double coarse_weight, fine_weight;
    bool nesterov, only_fine, no_shuffle;
    uint64_t seed;
    bool tune;           /* first measure what is not tuned yet (tune.h); not kept in config.json */
    const char *program; /* tune_options.program; not kept either */
} train_options;

/* The original's: plain SGD at 0.008, 15 epochs of batches of 32, coarse 1, fine 2. */
train_options train_defaults(void);

/* Options read from a file; their strings live as long as it. */
typedef struct train_config {
    train_options options;
    struct json_t *json;
} train_config;

/* STATUS_USAGE names the option whose text is not UTF-8: no JSON could hold it. */
status config_check(const train_options *options, error *err);

/* Refuses what config_check does. */
status config_write(const char *path, const train_options *options, error *err);
/* Every option must be there and of its kind; the error names file, place and option. */
status config_read(const char *path, train_config *config, error *err);
void config_free(train_config *config);

#endif
