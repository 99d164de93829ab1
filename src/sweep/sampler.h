/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep has tried, and where its method (grid, random or bayes) looks next. */
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
    char *run;  /* name of the run */
    enum sweep_trial_state state;
    double *places; /* [parameter_count] each parameter's u in [0, 1] */
    char *message;  /* why it failed or ended early, or NULL */
    bool owned;     /* by an agent that is alive */
    bool mine;      /* owned by this process */
    bool taken;     /* a run with other options has the name of the run; message says which */
    /* What the run logged of the metric. Smaller is better: values are negated if the sweep
     * maximises. */
    double *history; /* [history_count] */
    size_t history_count;
    bool has_objective;
    double objective; /* the smallest finite value of history */
    double latest;    /* the last value of history */
} sweep_trial;

typedef struct sweep_trials {
    sweep_trial *trials; /* [count], by number */
    size_t count;
} sweep_trials;

static inline bool sweep_trial_succeeded(const sweep_trial *t)
{
    return t->state == SWEEP_TRIAL_FINISHED || t->state == SWEEP_TRIAL_EARLY;
}

/* Whether the trial has logged a finite value; while it runs, a better one may follow. */
static inline bool sweep_trial_has_number(const sweep_trial *t)
{
    return t->has_objective && isfinite(t->objective);
}

/* Whether the trial has succeeded with a finite value. */
static inline bool sweep_trial_has_result(const sweep_trial *t)
{
    return sweep_trial_succeeded(t) && sweep_trial_has_number(t);
}

/* What the sampler says about its choice; NaN if it cannot predict. */
typedef struct sampler_advice {
    bool exhausted;              /* nothing is left to try, and nothing was chosen */
    double predicted, deviation; /* the objective at the point (smaller is better) and its standard
                                  * deviation */
} sampler_advice;

/* Chooses places[parameter_count] of the next trial. The same arguments give the same answer. If
 * the advice is `exhausted`, the places are unchanged. */
status sampler_next(const sweep_file *file, const sweep_trials *tried, uint64_t seed,
                    double *places, sampler_advice *advice, error *err);

/* The method bayes (bayes.c). sampler_next calls it with the numbers of the advice set to NaN; they
 * stay NaN for a random point. A space that can be counted is exhausted once all its points were
 * tried. */
status bayes_next(const sweep_file *file, const sweep_trials *tried, uint64_t seed, double *places,
                  sampler_advice *advice, error *err);
