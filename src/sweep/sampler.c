/* SPDX-License-Identifier: Apache-2.0 */
/* The methods grid and random; bayes is in bayes.c. See sampler.h. */
#include "sweep/sampler.h"
#include "base/random.h"

/* Visits all combinations of the parameters' values in the file's order, the last parameter
 * changing fastest. The digits of `count`, the number of trials so far, are the indices of the
 * values; the base of each digit is the number of values of its parameter. False if there are no
 * more points. */
static bool next_of_grid(const sweep_file *file, size_t count, double *places)
{
    uint64_t rest = count;
    for (size_t i = file->parameter_count; i-- > 0;)
        rest /= distribution_size(&file->parameters[i].form);
    if (rest > 0)
        return false;
    rest = count;
    for (size_t i = file->parameter_count; i-- > 0;) {
        const distribution *form = &file->parameters[i].form;
        uint64_t size = distribution_size(form);
        places[i] = distribution_place(form, distribution_nth(form, rest % size));
        rest /= size;
    }
    return true;
}

/* Draws each place by itself, uniform in [0, 1). It depends only on the seed, the number of the
 * trial and the number of the parameter. */
static void next_at_random(const sweep_file *file, size_t count, uint64_t seed, double *places)
{
    for (size_t i = 0; i < file->parameter_count; i++) {
        uint32_t words[4];
        random_block(seed, RANDOM_SWEEP, (uint64_t)count << 32 | i, words);
        uint64_t bits = ((uint64_t)words[0] << 32 | words[1]) >> 11; /* 53 bits, for a double */
        places[i] = (double)bits * 0x1p-53;
    }
}

status sampler_next(const sweep_file *file, const sweep_trials *tried, uint64_t seed,
                    double *places, sampler_advice *advice, error *err)
{
    *advice = (sampler_advice){false, NAN, NAN};
    if (file->method == SWEEP_BAYES)
        return bayes_next(file, tried, seed, places, advice, err);
    if (file->method == SWEEP_GRID)
        advice->exhausted = !next_of_grid(file, tried->count, places);
    else
        next_at_random(file, tried->count, seed, places);
    return STATUS_OK;
}
