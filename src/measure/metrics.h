/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of a batch, an epoch or a test, as sums over images: those of track/metric_table.h.
 * They have no pointers, so that they can be stored as they are. */
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

/* Sums as a checkpoint keeps them, by their members' names. */
extern const field metrics_fields[];

/* Adds a batch to sums that started as zeros. parents [fine classes]: each fine class's coarse one;
 * unused, and NULL is fine, when results have no coarse part. Everything coarse stays 0 then. */
void metrics_add(metrics *sums, const step_results *results, const int *parents);

/* Adds sums of other images. */
void metrics_merge(metrics *sums, const metrics *more);

/* All sums as doubles, which hold counts up to 2^53 exactly, and back: for those who add up or
 * send them. */
void metrics_pack(const metrics *sums, double packed[METRICS_PACKED]);
metrics metrics_unpack(const double packed[METRICS_PACKED]);

/* All of these are 0 while count is 0. The mean of coarse weight * (coarse loss + marginal loss) +
 * fine weight * fine loss; a weight of 0 leaves its part out, even where that is not finite. */
double metrics_loss(const metrics *sums, loss_weights weights);
/* One of the sums, a loss or a count, divided by the number of images. */
double metrics_mean(const metrics *sums, double sum);

/* Adds what is reported of the sums to a line, "images" and "loss" first: losses are means over the
 * images, the rest shares of them. part as metric_value's. */
void metrics_log(const metrics *m, const char *part, loss_weights weights, bool only_fine,
                 metric_line *line);

/* The shares as a terminal shows them, in one line. */
enum { METRICS_TEXT = 256 };
void metrics_to_text(const metrics *m, bool only_fine, char text[METRICS_TEXT]);
