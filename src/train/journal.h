/* metrics.jsonl: a line of JSON per step and per epoch, for scripts. */
#ifndef HCNN_TRAIN_JOURNAL_H
#define HCNN_TRAIN_JOURNAL_H

#include "train/train.h"

#include <stdio.h>

#include <jansson.h>

/* Sums as the journal and `eval --json` write them: losses are means over the images, the rest
 * shares of them. NULL when memory is out. */
json_t *metrics_to_object(const metrics *m, double coarse_weight, double fine_weight,
                          bool only_fine);

typedef struct journal {
    FILE *stream;
    char *path;
} journal;

/* Opens for appending, after cutting the file to `bytes`, where the checkpoint left it: lines of
 * steps that a kill undid are not there twice. A new run starts at 0. */
status journal_open(journal *j, const char *path, uint64_t bytes, error *err);
void journal_close(journal *j);

/* {"step":1,"loss":..,"coarse_loss":..,"fine_loss":..}, losses being means over the batch. */
status journal_step(journal *j, uint64_t step, double loss, double coarse_loss, double fine_loss,
                    bool only_fine, error *err);
status journal_epoch(journal *j, const train_epoch *what, uint64_t step, error *err);
status journal_test(journal *j, const train_finished *what, error *err);

/* Brings the file to the disk; *bytes is its length. */
status journal_sync(journal *j, uint64_t *bytes, error *err);

#endif
