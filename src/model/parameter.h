/* SPDX-License-Identifier: Apache-2.0 */
/* One parameter of a network: its name and shape in files, its buffers on the device. */
#pragma once

#include "device/device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The layout of a parameter in files (PyTorch's) and on the device. */
enum parameter_kind {
    PARAMETER_CONVOLUTION, /* files [out][in][kh][kw]; device [kh][kw][in][out] */
    PARAMETER_LINEAR,      /* files [out][in]; device [in][out] */
    PARAMETER_VECTOR,      /* [count] in both: bias, gamma, beta */
    PARAMETER_STATISTIC,   /* [count] in both: running mean, running variance; not trained */
    PARAMETER_COUNTER,     /* int64 scalar on the host: num_batches_tracked; not trained */
};

/* The initial values of a parameter. */
enum parameter_start {
    START_CONSTANT, /* all are scale */
    START_NORMAL,   /* normal distribution with mean 0 and deviation scale */
    START_UNIFORM,  /* uniform distribution from -scale to scale */
};

typedef struct parameter {
    char *name; /* as in the original's state dict: "fine_backbone.layer4.2.bn3.running_var" */
    enum parameter_kind kind;
    int rank;
    int64_t shape[4]; /* as in files */
    size_t count;     /* elements */
    bool early;       /* frozen by --freeze default */
    bool frozen;      /* no gradient, no update */
    cl_mem value;     /* device layout; NULL for a counter */
    uint64_t version; /* from 1 on; see parameter_changed */
    cl_mem gradient;  /* NULL if frozen or not trained, and in a network without training or with
                         network_options.steps_in_backward */
    int64_t counter;  /* PARAMETER_COUNTER */
    enum parameter_start start;
    float scale;
    bool zero_from_scratch; /* starts at 0 if trained from scratch; see network_initialize */
} parameter;

/* A callback for gradients. While the backward pass is being enqueued, `ready` is called with the
 * index of a parameter as soon as everything that writes its gradient is in the queue. The order of
 * the parameters is the same in every step. */
typedef struct gradient_watch {
    void *context;
    status (*ready)(void *context, size_t parameter, error *err);
} gradient_watch;
