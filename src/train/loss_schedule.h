/* SPDX-License-Identifier: Apache-2.0 */
/* The weights of the losses over the epochs, for a run that begins with the coarse classes and ends
 * with the fine ones as Zhu and Bain's B-CNN does ("B-CNN: branch convolutional neural network for
 * hierarchical classification", 2017). */
#pragma once

#include "model/network_options.h"

#include <stdint.h>

enum { LOSS_SCHEDULE_STAGES = 32 };
typedef struct loss_schedule {
    loss_weights before; /* the first stage */
    int count;
    struct {
        uint32_t epoch; /* the first one with these weights, from 0 */
        loss_weights weights;
    } stages[LOSS_SCHEDULE_STAGES];
} loss_schedule;

/* "EPOCH:COARSE:FINE,..." with rising epochs, the first of a run being 1, and weights from 0 on,
 * not both 0; text NULL: `before` in every epoch. with_coarse false: a fine weight of 0 leaves
 * nothing to learn, either. STATUS_USAGE says what is wrong. */
status loss_schedule_parse(const char *text, loss_weights before, bool with_coarse,
                           loss_schedule *schedule, error *err);

/* The weights of an epoch, which counts from 0. */
loss_weights loss_schedule_at(const loss_schedule *schedule, uint32_t epoch);
