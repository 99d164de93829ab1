/* SPDX-License-Identifier: Apache-2.0 */
/* One parameter of a network: its name and shape in files, its buffers on the device. */
#pragma once

#include "device/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a parameter lies in files (PyTorch's layouts) and on the device. */
enum parameter_kind {
    PARAMETER_CONVOLUTION, /* files [out][in][kh][kw]; device [kh][kw][in][out] */
    PARAMETER_LINEAR,      /* files [out][in]; device [in][out] */
    PARAMETER_VECTOR,      /* [count] in both: bias, gamma, beta */
    PARAMETER_STATISTIC,   /* [count] in both: running mean, running variance; not trained */
    PARAMETER_COUNTER,     /* int64 scalar on the host: num_batches_tracked; not trained */
};

/* How a parameter starts. */
enum parameter_start {
    START_CONSTANT, /* scale */
    START_NORMAL,   /* deviation scale */
    START_UNIFORM,  /* within -scale .. scale */
};

typedef struct parameter {
    char *name; /* the original's state-dict name, "fine_backbone.layer4.2.bn3.running_var" */
    enum parameter_kind kind;
    int rank;
    int64_t shape[4]; /* as in files */
    size_t count;     /* elements */
    bool early;       /* freeze's "default" takes it in */
    bool frozen;      /* no gradient, no update */
    cl_mem value;     /* device layout; NULL for a counter */
    cl_mem gradient;  /* NULL when frozen, not trained, or in a network without training or
                         with network_options.steps_in_backward */
    int64_t counter;  /* PARAMETER_COUNTER */
    enum parameter_start start;
    float scale;
    bool zero_from_scratch; /* network_initialize */
} parameter;

/* Is told, while the backward pass is being enqueued, that all that writes the gradient of a
 * parameter is in the queue. Parameters come in the same order in every step. */
typedef struct gradient_watch {
    void *context;
    status (*ready)(void *context, size_t parameter, error *err);
} gradient_watch;
