/* SPDX-License-Identifier: Apache-2.0 */
/* See run_lines.h. */
#include "train/run_lines.h"

metric_line run_line_of_step(const train_step *w)
{
    metric_line line = {.step = w->step};
    metric_line_add(&line, NULL, "step", METRIC_WHOLE, (double)w->step);
    metric_line_add(&line, NULL, "loss", METRIC_REAL, w->loss);
    if (!w->only_fine)
        metric_line_add(&line, NULL, "coarse_loss", METRIC_REAL, w->coarse_loss);
    metric_line_add(&line, NULL, "fine_loss", METRIC_REAL, w->fine_loss);
    metric_line_add(&line, NULL, "lr", METRIC_REAL, w->lr);
    return line;
}

metric_line run_line_of_epoch(const train_epoch *w, uint64_t step)
{
    metric_line line = {.step = step};
    metric_line_add(&line, NULL, "epoch", METRIC_WHOLE, w->epoch);
    metric_line_add(&line, NULL, "steps", METRIC_WHOLE, (double)step);
    metric_line_add(&line, NULL, "lr", METRIC_REAL, w->lr);
    metric_line_add(&line, NULL, "coarse_weight", METRIC_REAL, w->coarse_weight);
    metric_line_add(&line, NULL, "fine_weight", METRIC_REAL, w->fine_weight);
    metric_line_add(&line, NULL, "seconds", METRIC_REAL, w->seconds);
    metric_line_add(&line, NULL, "images_per_second", METRIC_REAL, w->images_per_second);
    metric_line_add(&line, NULL, "best", METRIC_FLAG, w->best);
    metrics_log(&w->train, "train", w->coarse_weight, w->fine_weight, w->only_fine, &line);
    metrics_log(&w->validation, "validation", w->run_coarse_weight, w->run_fine_weight,
                w->only_fine, &line);
    return line;
}

metric_line run_line_of_test(const train_finished *w)
{
    metric_line line = {.step = w->step};
    metric_line_add(&line, NULL, "best_epoch", METRIC_WHOLE, w->best_epoch);
    if (w->test_half.count > 0)
        metrics_log(&w->test_half, "test_half", w->coarse_weight, w->fine_weight, w->only_fine,
                    &line);
    if (w->test_whole.count > 0)
        metrics_log(&w->test_whole, "test_whole", w->coarse_weight, w->fine_weight, w->only_fine,
                    &line);
    if (w->stopped_early > 0)
        metric_line_add(&line, NULL, "stopped_early", METRIC_WHOLE, w->stopped_early);
    return line;
}
