/* SPDX-License-Identifier: Apache-2.0 */
/* Up to lr and down to almost nothing along two half cosines; see schedule.h. */
#include "train/schedule.h"

#include <math.h>

/* torch.optim.lr_scheduler.OneCycleLR's defaults. */
static const double share_up = 0.3, start_divisor = 25, end_divisor = 1e4;

static double along_cosine(double from, double to, double share)
{
    const double pi = 3.14159265358979323846;
    return to + (from - to) / 2 * (1 + cos(pi * share));
}

double schedule_one_cycle(const schedule *s, uint64_t step, uint64_t steps)
{
    double start = s->lr / start_divisor, end = start / end_divisor;
    double peak = share_up * (double)steps - 1, last = (double)steps - 1, at = (double)step;
    if (at <= peak)
        return along_cosine(start, s->lr, at / peak);
    return along_cosine(s->lr, end, (at - peak) / (last - peak));
}
