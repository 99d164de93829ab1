/* SPDX-License-Identifier: Apache-2.0 */
/* Takes samples of the time of work on the device; see timing.h. */
#include "tune/timing.h"
#include "base/clock.h"

#include <stdlib.h>

enum { LEAST_SAMPLES = 3, MOST_SAMPLES = 50, MOST_REPEATS = 64 };

static const double least_sample = 1e-3, least_total = 20e-3; /* seconds */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double timing_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static status sample(device *dev, timing_work *work, void *context, int repeats, double *seconds,
                     error *err)
{
    double start = clock_now();
    for (int i = 0; i < repeats; i++)
        TRY(work(context, err));
    TRY(device_finish_promptly(dev, err));
    *seconds = (clock_now() - start) / repeats;
    return STATUS_OK;
}

status timing_measure(device *dev, timing_work *work, void *context, double hopeless,
                      double *seconds, error *err)
{
    double samples[MOST_SAMPLES], total = 0;
    TRY(device_finish_promptly(dev, err));
    TRY(sample(dev, work, context, 1, seconds, err));
    if (*seconds > hopeless)
        return STATUS_OK;
    double wanted = least_sample / (*seconds > 0 ? *seconds : least_sample);
    int repeats = wanted < 1 ? 1 : wanted > MOST_REPEATS ? MOST_REPEATS : (int)wanted + 1;
    size_t count = 0;
    while (count < MOST_SAMPLES && (count < LEAST_SAMPLES || total < least_total)) {
        TRY(sample(dev, work, context, repeats, &samples[count], err));
        total += samples[count++] * repeats;
    }
    *seconds = timing_median(samples, count);
    return STATUS_OK;
}
