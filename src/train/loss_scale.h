/* SPDX-License-Identifier: Apache-2.0 */
/* The loss scale: the factor of the loss that keeps gradients within the range of half precision.
 * It adapts as in torch.amp.GradScaler: a step whose gradients overflow is skipped and halves it,
 * and LOSS_SCALE_INTERVAL good steps in a row double it. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOSS_SCALE_INTERVAL = 2000 };

/* The host learns late whether a step overflowed. A resumed run must not learn it earlier than an
 * uninterrupted one, so the scale of step k always depends on the steps up to k - 2. */
typedef struct loss_scale {
    double scale;
    uint32_t good_steps; /* since the scale changed */
    bool overflowed[2]; /* of the last two steps, by the parity of their numbers; not yet counted */
} loss_scale;

/* The loss scale before step 1. */
loss_scale loss_scale_start(void);

/* Call it before step `step`, counted from 1, when overflowed[step % 2] is that of step - 2.
 * Returns STATUS_FAILED if the scale is so small that it does not help. */
status loss_scale_advance(loss_scale *s, uint64_t step, error *err);
