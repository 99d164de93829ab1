/* SPDX-License-Identifier: Apache-2.0 */
/* The product of all parameters' values, in the file's order, the last parameter fastest. */
#include "sweep/sampler.h"

/* The trial's number is the point's, in digits of which each has a parameter's size as its base. */
status grid_next(const sweep_file *file, const sampler_trial *trials, size_t count, uint64_t seed,
                 double *places, bool *exhausted, sampler_advice *advice, error *err)
{
    (void)trials, (void)seed, (void)advice, (void)err;
    uint64_t rest = count;
    for (size_t i = file->parameter_count; i-- > 0;)
        rest /= distribution_size(&file->parameters[i].form);
    *exhausted = rest > 0;
    if (*exhausted)
        return STATUS_OK;
    rest = count;
    for (size_t i = file->parameter_count; i-- > 0;) {
        const distribution *form = &file->parameters[i].form;
        uint64_t size = distribution_size(form);
        places[i] = distribution_place(form, distribution_nth(form, rest % size));
        rest /= size;
    }
    return STATUS_OK;
}
