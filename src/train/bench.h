/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the network trains and runs on the device, on made-up pixels. */
#pragma once

#include "model/network.h"

#include <stddef.h>

typedef struct bench_options {
    network_options network; /* bench_network completes it */
    int runs;                /* each figure is the median of so many */
    double seconds;          /* that a run takes at least; at least two steps */
    bool train, infer;
} bench_options;

typedef struct bench_speed {
    double images_per_second; /* 0: not asked for */
    double first_step; /* seconds from making the network to the first step's results, kernels'
                          compilation included */
    uint64_t bytes;    /* of device memory */
} bench_speed;

typedef struct bench_result {
    bench_speed train, infer;
} bench_result;

/* Told what is measured now, run 0 being the first step; may be NULL. */
typedef void bench_watch(void *context, const char *what, int run, int runs);

/* The network that is measured. */
network_options bench_network(const bench_options *options, bool train);

status bench_run(device *dev, const bench_options *options, bench_watch *watch, void *context,
                 bench_result *result, error *err);

/* Where the time goes: one layer in one direction, over the profile of some steps. */
typedef struct bench_layer {
    const char *phase, *name; /* "forward", "fine_backbone.conv1.weight" */
    double seconds;           /* of a step */
    double flops;             /* of a step that a direct convolution needs, 0 where that says
                                 nothing; products with padding are not counted */
    /* By direction, of a convolution; NULL where it is none or not of this phase. */
    const char *algorithms[CONVOLUTION_DIRECTIONS];
} bench_layer;

/* Profiles some training steps, or, with train false, forward passes. *layers, in the order of
 * their first kernel, are freed by the caller; their strings live as long as *net, which is freed
 * by network_free. The device's profile holds the last step's kernels. */
status bench_layers(device *dev, const bench_options *options, network **net, bench_layer **layers,
                    size_t *count, error *err);
