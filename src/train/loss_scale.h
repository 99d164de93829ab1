/* SPDX-License-Identifier: Apache-2.0 */
/* The factor of the loss that keeps gradients within the range of half precision, adapted while
 * training goes on as torch.amp.GradScaler does: a step whose gradients overflow is skipped and
 * halves it, LOSS_SCALE_INTERVAL good ones in a row double it. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOSS_SCALE_INTERVAL = 2000 };

/* The host learns late whether a step overflowed, and must not learn it earlier in a run that was
 * stopped and resumed: the scale of step k depends on the steps up to k - 2, always. */
typedef struct loss_scale {
    double scale;
    uint32_t good_steps; /* since it changed */
    bool overflowed[2];  /* the last two steps, by the parity of their numbers: not yet counted */
} loss_scale;

/* Before step 1. */
loss_scale loss_scale_start(void);

/* To be called before step `step`, from 1 on, when overflowed[step % 2] says what step - 2 did. A
 * scale so small that it helps nothing is STATUS_FAILED. */
status loss_scale_advance(loss_scale *s, uint64_t step, error *err);
