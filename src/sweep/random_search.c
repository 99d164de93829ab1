/* SPDX-License-Identifier: Apache-2.0 */
/* Each parameter by itself, uniform in its place. */
#include "base/random.h"
#include "sweep/sampler.h"

/* The trial's number and the parameter's decide, nothing else. */
status random_search_next(const sweep_file *file, const sampler_trial *trials, size_t count,
                          uint64_t seed, double *places, bool *exhausted, sampler_advice *advice,
                          error *err)
{
    (void)trials, (void)advice, (void)err;
    *exhausted = false;
    for (size_t i = 0; i < file->parameter_count; i++) {
        uint32_t words[4];
        random_block(seed, RANDOM_SWEEP, (uint64_t)count << 32 | i, words);
        uint64_t bits = ((uint64_t)words[0] << 32 | words[1]) >> 11; /* 53, a double's */
        places[i] = (double)bits * 0x1p-53;
    }
    return STATUS_OK;
}
