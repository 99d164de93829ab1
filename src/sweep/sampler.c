/* SPDX-License-Identifier: Apache-2.0 */
/* The table of methods; see sampler.h. */
#include "sweep/sampler.h"

#include <math.h>

typedef status next_function(const sweep_file *file, const sampler_trial *trials, size_t count,
                             uint64_t seed, double *places, bool *exhausted, sampler_advice *advice,
                             error *err);

static next_function *const methods[] = {
    [SWEEP_GRID] = grid_next,
    [SWEEP_RANDOM] = random_search_next,
    [SWEEP_BAYES] = bayes_next,
};

status sampler_next(const sweep_file *file, const sampler_trial *trials, size_t count,
                    uint64_t seed, double *places, bool *exhausted, sampler_advice *advice,
                    error *err)
{
    *exhausted = false;
    *advice = (sampler_advice){NAN, NAN, NAN, NAN};
    return methods[file->method](file, trials, count, seed, places, exhausted, advice, err);
}
