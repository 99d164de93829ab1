/* SPDX-License-Identifier: Apache-2.0 */
/* Which parameters the objective of a sweep depends on. */
#pragma once

#include "sweep/sampler.h"

/* The importance of one parameter, over the finished trials. */
typedef struct importance {
    double correlation; /* Pearson's correlation of place and objective, -1 to 1; NaN if either does
                         * not vary, or if the parameter's values have no order */
    double share;       /* share of the objective's variance that lies between groups of the
                         * parameter's values, 0 to 1 (eta squared of a one-way analysis of
                         * variance). The groups are the categories, else the thirds of the places,
                         * or halves below six trials. NaN below three trials, if the objective does
                         * not vary, or if all trials are in one group */
} importance;

/* Fills found[parameter_count]. The objective has the sign with which it was logged. */
status importance_of(const sweep_file *file, const sweep_trials *trials, importance *found,
                     error *err);
