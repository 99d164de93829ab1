/* The learning rate over the epochs: lowered at given epochs or, without any, when the validation
 * loss stops falling. A schedule has no pointers, so that it can be stored as it is. */
#ifndef HCNN_TRAIN_SCHEDULE_H
#define HCNN_TRAIN_SCHEDULE_H

#include "base/error.h"

enum { SCHEDULE_MILESTONES = 16 };

typedef struct schedule {
    double lr; /* for the next step */
    int milestones[SCHEDULE_MILESTONES];
    int milestone_count; /* 0: by the validation loss */
    double best;         /* lowest validation loss, infinite before the first */
    int bad_epochs;      /* since it */
    int epoch;           /* epochs done */
} schedule;

/* Before the first epoch. count is at most SCHEDULE_MILESTONES, 0 with milestones NULL or not. */
void schedule_start(schedule *s, double lr, const int *milestones, int count);

/* After an epoch, with its validation loss (unused with milestones); sets the lr of the next one.
 *
 * Without milestones as torch.optim.lr_scheduler.ReduceLROnPlateau(mode="min", factor=0.1,
 * patience=2, threshold=1e-4, threshold_mode="rel", cooldown=0, min_lr=0, eps=1e-8); with them as
 * MultiStepLR(milestones, gamma=0.1). A loss that is NaN is a bad one. */
void schedule_epoch(schedule *s, double validation_loss);

/* Epochs as in "7,13": whole numbers from 1 on, rising. STATUS_USAGE says which one is wrong. */
status schedule_parse_milestones(const char *text, int milestones[SCHEDULE_MILESTONES], int *count,
                                 error *err);

#endif
