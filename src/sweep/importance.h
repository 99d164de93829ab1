/* SPDX-License-Identifier: Apache-2.0 */
/* Which parameters the objective of a sweep depended on. */
#pragma once

#include "sweep/sampler.h"

/* Of one parameter, over the finished trials. */
typedef struct importance {
    double correlation; /* Pearson's, of place and objective; NaN where either does not vary and for
                           parameters whose values have no order */
    double share;       /* of the objective's variance that groups of the parameter's value
                           explain (eta squared of a one-way analysis of variance): categories,
                           else thirds of the places, halves below six trials; NaN below three
                           trials and where the objective does not vary or all trials are in one group */
} importance;

/* found[parameter_count]; the objective's sign is as the user logs it. */
status importance_of(const sweep_file *file, const sweep_trials *trials, importance *found,
                     error *err);
