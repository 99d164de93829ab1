/* SPDX-License-Identifier: Apache-2.0 */
/* Metric lines of a run; see run_lines.h. */
#include "train/run_lines.h"

static void add(metric_line *line, const char *key, enum metric_form form, double value)
{
    metric_line_add(line, NULL, key, form, value);
}

metric_line run_line_of_step(const train_step *w)
{
    metric_line line = {.step = w->step};
    add(&line, "step", METRIC_WHOLE, (double)w->step);
    add(&line, "loss", METRIC_REAL, w->loss);
    if (!w->only_fine)
        add(&line, "coarse_loss", METRIC_REAL, w->coarse_loss);
    add(&line, "fine_loss", METRIC_REAL, w->fine_loss);
    add(&line, "lr", METRIC_REAL, w->lr);
    return line;
}

metric_line run_line_of_epoch(const train_epoch *w)
{
    metric_line line = {.step = w->step};
    add(&line, "epoch", METRIC_WHOLE, w->epoch);
    add(&line, "steps", METRIC_WHOLE, (double)w->step);
    add(&line, "lr", METRIC_REAL, w->lr);
    add(&line, "coarse_weight", METRIC_REAL, w->weights.coarse);
    add(&line, "fine_weight", METRIC_REAL, w->weights.fine);
    add(&line, "seconds", METRIC_REAL, w->seconds);
    add(&line, "images_per_second", METRIC_REAL, w->images_per_second);
    add(&line, "best", METRIC_FLAG, w->best);
    metrics_log(&w->train, "train", w->weights, w->only_fine, &line);
    metrics_log(&w->validation, "validation", w->run_weights, w->only_fine, &line);
    return line;
}

metric_line run_line_of_test(const train_finished *w)
{
    metric_line line = {.step = w->step};
    add(&line, "best_epoch", METRIC_WHOLE, w->best_epoch);
    if (w->test_half.count > 0)
        metrics_log(&w->test_half, "test_half", w->weights, w->only_fine, &line);
    if (w->test_whole.count > 0)
        metrics_log(&w->test_whole, "test_whole", w->weights, w->only_fine, &line);
    if (w->stopped_early > 0)
        add(&line, "stopped_early", METRIC_WHOLE, w->stopped_early);
    return line;
}
