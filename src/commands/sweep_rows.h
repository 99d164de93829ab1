/* SPDX-License-Identifier: Apache-2.0 */
/* The options that a sweep gives to its runs. */
#ifndef HCNN_COMMANDS_SWEEP_ROWS_H
#define HCNN_COMMANDS_SWEEP_ROWS_H

#include "train/train_options.h"

/* Options and what they set: a place for rows to point to, and never used. */
typedef struct sweep_rows {
    train_options unused;
    const char *recipe;
    option_spec rows[CONFIG_ROWS + 3];
} sweep_rows;

/* Those of `train`, without --run and --resume: where a run is, the sweep decides. */
void sweep_rows_fill(sweep_rows *filled);

#endif
