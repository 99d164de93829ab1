/* SPDX-License-Identifier: Apache-2.0 */
/* Adapts the loss scale; see loss_scale.h. */
#include "train/loss_scale.h"

static const double first_scale = 65536, growth = 2, backoff = 0.5;

/* Below this scale, the loss is not the cause of an overflow: its gradients with respect to the
 * logits are at most the loss weights. */
static const double least_scale = 0x1p-24;

loss_scale loss_scale_start(void)
{
    return (loss_scale){.scale = first_scale};
}

status loss_scale_advance(loss_scale *s, uint64_t step, error *err)
{
    if (step <= 2)
        return STATUS_OK;
    if (!s->overflowed[step % 2]) {
        s->good_steps++;
        if (s->good_steps == LOSS_SCALE_INTERVAL) {
            s->scale *= growth;
            s->good_steps = 0;
        }
        return STATUS_OK;
    }
    s->scale *= backoff;
    s->good_steps = 0;
    if (s->scale >= least_scale)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "the gradients of step %llu are not finite even with the smallest loss scale: "
                     "training diverged, or it needs --precision fp32",
                     (unsigned long long)step - 2);
}
