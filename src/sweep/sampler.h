/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep has tried, and where it looks next, by one of its methods: grid, random or bayes. */
#pragma once

#include "sweep/sweep_file.h"

#include <math.h>

enum sweep_trial_state {
    SWEEP_TRIAL_RUNNING, /* or left by an agent that is gone */
    SWEEP_TRIAL_FINISHED,
    SWEEP_TRIAL_EARLY, /* ended by hyperband */
    SWEEP_TRIAL_FAILED,
};

typedef struct sweep_trial {
    int number; /* from 1 */
    char *run;  /* the run's name */
    enum sweep_trial_state state;
    double *places; /* [parameter_count] each parameter's u in [0, 1] */
    char *message;  /* why it failed or ended early, or NULL */
    bool owned;     /* by an agent that lives */
    bool mine;      /* by this process */
    /* From what the run logged, smaller is better: negated where the sweep maximises. */
    double *history; /* [history_count] */
    size_t history_count;
    bool has_objective;
    double objective; /* the smallest of history */
    double latest;    /* the last of history */
} sweep_trial;

typedef struct sweep_trials {
    sweep_trial *trials; /* [count], by number */
    size_t count;
} sweep_trials;

static inline bool sweep_trial_succeeded(const sweep_trial *t)
{
    return t->state == SWEEP_TRIAL_FINISHED || t->state == SWEEP_TRIAL_EARLY;
}

/* Whether it logged a number, which may still become better. */
static inline bool sweep_trial_has_number(const sweep_trial *t)
{
    return t->has_objective && isfinite(t->objective);
}

/* Whether it has the number that it ended with. */
static inline bool sweep_trial_has_result(const sweep_trial *t)
{
    return sweep_trial_succeeded(t) && sweep_trial_has_number(t);
}

/* What the sampler says of its choice; NaN where it cannot. */
typedef struct sampler_advice {
    bool exhausted;              /* nothing is left to try, and nothing was chosen */
    double predicted, deviation; /* of the objective there */
} sampler_advice;

/* Chooses the places[parameter_count] of the next trial. The same arguments give the same answer.
 * Places are untouched where the advice is `exhausted`. */
status sampler_next(const sweep_file *file, const sweep_trials *tried, uint64_t seed,
                    double *places, sampler_advice *advice, error *err);

/* The method bayes (bayes.c), with the advice as sampler_next begins it: NaN. A space that can be
 * counted is exhausted once all points were tried. A random point has no other advice. */
status bayes_next(const sweep_file *file, const sweep_trials *tried, uint64_t seed, double *places,
                  sampler_advice *advice, error *err);
