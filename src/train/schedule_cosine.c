/* SPDX-License-Identifier: Apache-2.0 */
/* Down to min_lr along half a cosine; see schedule.h. */
#include "train/schedule.h"

#include <math.h>

double schedule_cosine(const schedule *s, uint64_t step, uint64_t steps)
{
    const double pi = 3.14159265358979323846;
    return s->min_lr + (s->lr - s->min_lr) * (1 + cos(pi * (double)step / (double)steps)) / 2;
}
