/* SPDX-License-Identifier: Apache-2.0 */
/* The learning rate over a run. Each schedule is a function and a row of the table in schedule.c
 * and a value of the enum. It has no pointers, so that it can be stored as it is.
 *
 * Steps are the optimizer's, from 1. The first W = warm-up's epochs * steps of an epoch, rounded,
 * are the warm-up: step k of them has k / W of the rate that the law begins with, and the law's own
 * steps are counted from behind them.
 *
 *   plateau     torch.optim.lr_scheduler.ReduceLROnPlateau(mode="min", factor=0.1, patience=2,
 *               threshold=1e-4, threshold_mode="rel", cooldown=0, min_lr=min_lr, eps=1e-8), on the
 *               validation loss. A loss that is NaN is a bad one.
 *   multistep   MultiStepLR(milestones, gamma=0.1), in epochs
 *   cosine      CosineAnnealingLR(T_max=the steps behind the warm-up, eta_min=min_lr), per step
 *   one-cycle   OneCycleLR(max_lr=lr, total_steps=those steps), per step, momentum not cycled */
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
    double lr; /* the law's peak; plateau and multistep lower it epoch by epoch */
    double min_lr;
    double warmup_epochs;
    uint64_t warmup, steps; /* of the warm-up and of the whole run, in steps: schedule_span */
    int milestones[SCHEDULE_MILESTONES];
    int milestone_count;
    double best;    /* plateau: lowest validation loss, infinite before the first */
    int bad_epochs; /* plateau: since it */
    int epoch;      /* epochs done */
} schedule;

/* What a run asks for. */
typedef struct schedule_terms {
    enum schedule_law law;
    double lr, min_lr;
    double warmup;          /* epochs */
    const char *milestones; /* as schedule_parse_milestones takes them; NULL or
                               "none", which takes back a recipe's: there are none */
} schedule_terms;

/* Before the first epoch. Terms that the law does not take are STATUS_USAGE. */
status schedule_start(schedule *s, const schedule_terms *terms, error *err);
/* Lays it over a run: before schedule_rate. */
void schedule_span(schedule *s, int epochs, uint64_t steps_per_epoch);
/* Takes over what the epochs up to a checkpoint made of the schedule of the same terms. */
void schedule_restore(schedule *s, const schedule *saved);

/* The learning rate of a step, from 1 on. Past the run's last step it stays what it was there. */
double schedule_rate(const schedule *s, uint64_t step);

/* After an epoch, with its validation loss. */
void schedule_epoch(schedule *s, double validation_loss);

/* Epochs as in "7,13": whole numbers from 1 on, rising. STATUS_USAGE says which one is wrong. */
status schedule_parse_milestones(const char *text, int milestones[SCHEDULE_MILESTONES], int *count,
                                 error *err);
/* The epoch, from 1, at *text, which moves past it; 0: there is none. */
int schedule_next_epoch(const char **text);
