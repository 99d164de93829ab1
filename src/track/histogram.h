/* The histogram of many values as TensorBoard shows it. */
#ifndef HCNN_TRACK_HISTOGRAM_H
#define HCNN_TRACK_HISTOGRAM_H

#include <stddef.h>

enum { HISTOGRAM_MOST = 1600 };

/* Of the finite values. */
typedef struct histogram {
    double min, max, count, sum, sum_squares;
    size_t buckets;                /* without empty ones at either end */
    double limits[HISTOGRAM_MOST]; /* bucket i: limits[i - 1] <= value < limits[i] */
    double counts[HISTOGRAM_MOST];
} histogram;

void histogram_of(const float *values, size_t count, histogram *h);

#endif
