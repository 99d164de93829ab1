/* SPDX-License-Identifier: Apache-2.0 */
/* The learning rate over a run. Each schedule is a function, a row of the table in schedule.c and a
 * value of the enum. The struct has no pointers, so it can be stored as it is.
 *
 * Steps are the optimizer's, counted from 1. The first W steps are the warm-up, where W is the
 * number of warm-up epochs times the steps per epoch, rounded. Step k of the warm-up uses k / W of
 * the learning rate with which the schedule starts; the schedule counts its own steps after the
 * warm-up.
 *
 *   plateau     torch.optim.lr_scheduler.ReduceLROnPlateau(mode="min", factor=0.1, patience=2,
 *               threshold=1e-4, threshold_mode="rel", cooldown=0, min_lr=min_lr, eps=1e-8), on the
 *               validation loss; NaN counts as a bad epoch
 *   multistep   MultiStepLR(milestones, gamma=0.1), per epoch
 *   cosine      CosineAnnealingLR(T_max=steps after the warm-up, eta_min=min_lr), per step
 *   one-cycle   OneCycleLR(max_lr=lr, total_steps=steps after the warm-up, cycle_momentum=False),
 *               per step */
#pragma once

#include "base/error.h"
#include "base/word_list.h"

#include <stdint.h>

enum { SCHEDULE_MILESTONES = 16 };

enum schedule_law {
    SCHEDULE_DEFAULT = -1, /* multistep with milestones, else plateau */
    SCHEDULE_PLATEAU,
    SCHEDULE_MULTISTEP,
    SCHEDULE_COSINE,
    SCHEDULE_ONE_CYCLE,
};
extern const word_list schedule_words;

typedef struct schedule {
    enum schedule_law law;
    double lr; /* the schedule's peak; plateau and multistep lower it after epochs */
    double min_lr;
    double warmup_epochs;
    uint64_t warmup, steps; /* steps of the warm-up and of the whole run; set by schedule_span */
    int milestones[SCHEDULE_MILESTONES];
    int milestone_count;
    double best;    /* plateau: lowest validation loss; infinite before the first */
    int bad_epochs; /* plateau: epochs since the lowest loss */
    int epoch;      /* epochs done */
} schedule;

/* The options of a run from which its schedule is made. */
typedef struct schedule_terms {
    enum schedule_law law;
    double lr, min_lr;
    double warmup;          /* in epochs */
    const char *milestones; /* as schedule_parse_milestones accepts them; NULL or "none" (which
                               undoes a recipe's): no milestones */
} schedule_terms;

/* Call it before the first epoch. Returns STATUS_USAGE for terms that the schedule does not
 * accept. */
status schedule_start(schedule *s, const schedule_terms *terms, error *err);
/* Sets the length of the run; call it before schedule_rate. */
void schedule_span(schedule *s, int epochs, uint64_t steps_per_epoch);
/* Continues from the schedule in a checkpoint, which started from the same terms. */
void schedule_restore(schedule *s, const schedule *saved);

/* The learning rate of step `step`, counted from 1. After the last step of the run it stays
 * constant. */
double schedule_rate(const schedule *s, uint64_t step);

/* Call it after each epoch, with the validation loss. */
void schedule_epoch(schedule *s, double validation_loss);

/* Parses epochs such as "7,13": rising whole numbers from 1 on. STATUS_USAGE says which is
 * wrong. */
status schedule_parse_milestones(const char *text, int milestones[SCHEDULE_MILESTONES], int *count,
                                 error *err);
/* Reads an epoch, from 1 on, at *text and moves *text past it. Returns 0 if there is none. */
int schedule_next_epoch(const char **text);
