/* SPDX-License-Identifier: Apache-2.0 */
/* To a tenth when the validation loss stops falling, in PyTorch's arithmetic and order; see
 * schedule.h. */
#include "train/schedule.h"

#include <math.h>

static const double factor = 0.1, threshold = 1e-4, smallest_change = 1e-8;
enum { PATIENCE = 2 };

void schedule_plateau(schedule *s, double loss)
{
    if (loss < s->best * (1.0 - threshold)) {
        s->best = loss;
        s->bad_epochs = 0;
    } else {
        s->bad_epochs++;
    }
    if (s->bad_epochs > PATIENCE) {
        double lower = fmax(s->lr * factor, s->min_lr);
        if (s->lr - lower > smallest_change)
            s->lr = lower;
        s->bad_epochs = 0;
    }
}
