/* SPDX-License-Identifier: Apache-2.0 */
/* One epoch: its steps, then validation, schedule and checkpoint. */
#pragma once

#include "train/trainer.h"

/* Trains on the rest of the epoch and ends it. A stop or max_steps may end it early, after
 * saving. */
status epoch_run(trainer *t, error *err);
