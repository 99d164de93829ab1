/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of a batch, an epoch or a test, as sums over images. track/metric_table.h lists them.
 * The struct has no pointers, so it can be stored as it is. */
#pragma once

#include "base/fields.h"
#include "model/network.h"
#include "track/metric_lines.h"

#include <stdint.h>

#define METRICS_TYPE_LOSS                       double
#define METRICS_TYPE_HITS                       uint64_t
#define METRICS_MEMBER(member, name, kind, ...) METRICS_TYPE_##kind member;

typedef struct metrics {
    uint64_t count; /* images */
    METRICS(METRICS_MEMBER)
} metrics;

enum { METRICS_PACKED = 1 + METRICS_ROWS };

/* How a checkpoint stores the sums: under the names of their members. */
extern const field metrics_fields[];

/* Adds a batch; sums start as zeros. parents[fine classes] is the coarse class of each fine class.
 * Results without a coarse part leave all coarse sums at 0, and parents may be NULL. */
void metrics_add(metrics *sums, const step_results *results, const int *parents);

/* Adds the sums of other images. */
void metrics_merge(metrics *sums, const metrics *more);

/* Converts all sums to doubles, which represent counts up to 2^53 exactly, and back, to add or send
 * them. */
void metrics_pack(const metrics *sums, double packed[METRICS_PACKED]);
metrics metrics_unpack(const double packed[METRICS_PACKED]);

/* The functions below return 0 while count is 0.
 *
 * The mean of coarse weight * (coarse loss + marginal loss) + fine weight * fine loss. A weight of
 * 0 leaves its part out, even if that part is not finite. */
double metrics_loss(const metrics *sums, loss_weights weights);
/* One of the sums, a loss or a count, divided by the number of images. */
double metrics_mean(const metrics *sums, double sum);

/* Adds the metrics to a line, "images" and "loss" first. Losses are means over the images, the
 * others shares of the images. `part` is as in metric_value. */
void metrics_log(const metrics *m, const char *part, loss_weights weights, bool only_fine,
                 metric_line *line);

/* Formats the shares for a terminal, in one line. */
enum { METRICS_TEXT = 256 };
void metrics_to_text(const metrics *m, bool only_fine, char text[METRICS_TEXT]);
