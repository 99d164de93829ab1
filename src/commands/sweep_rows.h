/* SPDX-License-Identifier: Apache-2.0 */
/* The options that a sweep gives to its runs. */
#ifndef HCNN_COMMANDS_SWEEP_ROWS_H
#define HCNN_COMMANDS_SWEEP_ROWS_H

#include "train/train_options.h"

/* Those of `train`, without --run and --resume: where a run is, the sweep decides. */
void sweep_rows_fill(option_row rows[TRAIN_ROWS]);

#endif
