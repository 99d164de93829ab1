/* SPDX-License-Identifier: Apache-2.0 */
/* Where a sweep looks next, by one of its methods: grid, random or bayes. */
#pragma once

#include "sweep/sweep_file.h"

enum trial_state {
    TRIAL_RUNNING,
    TRIAL_FINISHED, /* also one that hyperband ended */
    TRIAL_FAILED,   /* or killed for good */
};

/* A point that was tried. */
typedef struct sampler_trial {
    const double *places; /* [parameter_count] each parameter's u in [0, 1] */
    enum trial_state state;
    bool has_objective;
    double objective; /* the best of the metric so far, smaller is better: negated where the sweep
                         maximises */
    double latest;    /* its last value, likewise */
} sampler_trial;

/* What the sampler says of its choice; NaN where it cannot. */
typedef struct sampler_advice {
    double predicted, deviation; /* of the objective there */
    double expected_improvement;
    double success_probability; /* of ending without failure */
} sampler_advice;

/* Chooses places[parameter_count] for trial number `count`, from 0, from all earlier ones, in the
 * order in which they began. The same arguments give the same answer. *exhausted: there is nothing
 * left to try, and places are untouched. */
status sampler_next(const sweep_file *file, const sampler_trial *trials, size_t count,
                    uint64_t seed, double *places, bool *exhausted, sampler_advice *advice,
                    error *err);

/* The method bayes (bayes.c). sampler_next has set *exhausted to false and the advice to NaN.
 * *exhausted once all points of a space that can be counted were tried. The advice is of the model;
 * of a random point, it is only the probability of success, which is the share of the trials that
 * ended so far, smoothed. */
status bayes_next(const sweep_file *file, const sampler_trial *trials, size_t count, uint64_t seed,
                  double *places, bool *exhausted, sampler_advice *advice, error *err);
