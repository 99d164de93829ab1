/* SPDX-License-Identifier: Apache-2.0 */
/* What a run reports, as named numbers for metrics.jsonl, the run store and event files. */
#pragma once

#include "track/metric_lines.h"
#include "train/train.h"

/* {"step":1,"loss":..,"coarse_loss":..,"fine_loss":..,"lr":..}; losses are means over the step's
 * batches. */
metric_line run_line_of_step(const train_step *what);
/* {"epoch":1,"steps":..,...,"train":{..},"validation":{..}} */
metric_line run_line_of_epoch(const train_epoch *what);
/* {"best_epoch":1,"test_half":{..},"test_whole":{..}}; parts without images are left out. */
metric_line run_line_of_test(const train_finished *what);
