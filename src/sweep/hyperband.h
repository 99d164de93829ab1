/* Hyperband's early end of runs that are behind. */
#ifndef HCNN_SWEEP_HYPERBAND_H
#define HCNN_SWEEP_HYPERBAND_H

#include "sweep/sweep_file.h"

enum { HYPERBAND_MOST = 64 };

/* The iterations, by rising number and without doubles, at which runs are compared; returns how
 * many. An iteration is one time that the metric was logged. */
size_t hyperband_bands(const sweep_hyperband *h, int bands[HYPERBAND_MOST]);

/* What a run logged, smaller is better. */
typedef struct hyperband_history {
    const double *values; /* [count] */
    size_t count;
} hyperband_history;

/* Whether run `index` of `count` should stop: it has reached a band and is not among the best
 * 1 / eta of the runs that have. *band is the iteration that decided. */
bool hyperband_stops(const sweep_hyperband *h, const hyperband_history *runs, size_t count,
                     size_t index, int *band);

#endif
