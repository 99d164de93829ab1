/* SPDX-License-Identifier: Apache-2.0 */
/* What `hcnn-cl eval` prints for people: totals, then the classes. */
#pragma once

#include "measure/metrics.h"
#include "measure/scores.h"

typedef struct eval_table {
    const scores *scores;
    const metrics *sums; /* for the losses, weighted as in training */
    double coarse_weight, fine_weight;
    const char *split, *decision;
    int most_classes; /* to list of each level, the worst first; 0: none, and no pairs */
} eval_table;

/* Prints on standard output. */
status eval_print_table(const eval_table *t, error *err);
