/* SPDX-License-Identifier: Apache-2.0 */
/* What an epoch's steps said, as sums over images, and what is reported from them. The sums have no
 * pointers, so that they can be stored as they are. */
#ifndef HCNN_MEASURE_METRICS_H
#define HCNN_MEASURE_METRICS_H

#include "model/network.h"

#include <stdint.h>

#include <jansson.h>

typedef struct metrics {
    uint64_t count;                /* images */
    double coarse_loss, fine_loss; /* sums of cross entropies */
    double marginal_loss;          /* likewise, head_result's */
    uint64_t coarse_top1, coarse_top5;
    uint64_t fine_top1, fine_top5;
    uint64_t agree; /* the guessed coarse class is the parent of the guessed fine class */
} metrics;

/* Adds a batch to sums that started as zeros. parents [fine classes]: each fine class's coarse one;
 * unused, and NULL is fine, when results have no coarse part. Everything coarse stays 0 then. */
void metrics_add(metrics *sums, const step_results *results, const int *parents);

/* Adds sums of other images. */
void metrics_merge(metrics *sums, const metrics *more);

/* All of these are 0 while count is 0. The mean of coarse_weight * (coarse loss + marginal loss) +
 * fine_weight * fine loss; a weight of 0 leaves its part out, even where that is not finite. */
double metrics_loss(const metrics *sums, double coarse_weight, double fine_weight);
double metrics_mean_coarse_loss(const metrics *sums);
double metrics_mean_fine_loss(const metrics *sums);
double metrics_mean_marginal_loss(const metrics *sums);
/* The share of images in `hits`, one of the counts in sums: 0 .. 1. */
double metrics_share(const metrics *sums, uint64_t hits);

/* Sums as the journal and `eval --json` write them: losses are means over the images, the rest
 * shares of them; what is not finite is null. NULL when memory is out. */
json_t *metrics_to_object(const metrics *m, double coarse_weight, double fine_weight,
                          bool only_fine);

#endif
