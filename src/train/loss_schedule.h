/* SPDX-License-Identifier: Apache-2.0 */
/* The weights of the losses over the epochs. A run may start with the coarse classes and end with
 * the fine ones, as Zhu and Bain's B-CNN does ("B-CNN: branch convolutional neural network for
 * hierarchical classification", 2017). */
#pragma once

#include "model/network_options.h"

#include <stdint.h>

enum { LOSS_SCHEDULE_STAGES = 32 };
typedef struct loss_schedule {
    loss_weights before; /* weights before the first stage */
    int count;
    struct {
        uint32_t epoch; /* the first epoch with these weights, from 0 */
        loss_weights weights;
    } stages[LOSS_SCHEDULE_STAGES];
} loss_schedule;

/* Parses "EPOCH:COARSE:FINE,...": rising epochs, counted from 1, and weights of at least 0, not
 * both 0. If text is NULL, every epoch has the weights `before`. If with_coarse is false, a fine
 * weight of 0 leaves nothing to learn and is an error too. STATUS_USAGE says what is wrong. */
status loss_schedule_parse(const char *text, loss_weights before, bool with_coarse,
                           loss_schedule *schedule, error *err);

/* The weights of an epoch, counted from 0. */
loss_weights loss_schedule_at(const loss_schedule *schedule, uint32_t epoch);
