/* SPDX-License-Identifier: Apache-2.0 */
/* Measures how fast the network trains and runs on the device, with synthetic images. */
#pragma once

#include "model/network.h"

#include <stddef.h>

typedef struct bench_options {
    network_options network; /* bench_network completes it */
    int runs;                /* each figure is the median of this many runs, at most 100 */
    double seconds;          /* least duration of a run; a run has at least two steps */
    bool train, infer;
} bench_options;

typedef struct bench_speed {
    double images_per_second; /* 0: not measured */
    double first_step;        /* seconds from creating the network to the results of the first step,
                                 including the compilation of kernels */
    uint64_t bytes;           /* of device memory */
} bench_speed;

typedef struct bench_result {
    bench_speed train, infer;
} bench_result;

/* Called with what is measured now: run 0 is the first step, then 1 to runs. May be NULL. */
typedef void bench_watch(void *context, const char *what, int run, int runs);

/* The options of the network that is measured: `options->network`, completed. */
network_options bench_network(const bench_options *options, bool train);

status bench_run(device *dev, const bench_options *options, bench_watch *watch, void *context,
                 bench_result *result, error *err);

/* The time of one layer in one direction, over some profiled steps. */
typedef struct bench_layer {
    const char *phase, *name; /* such as "forward", "fine_backbone.conv1.weight" */
    double seconds;           /* per step */
    double flops; /* per step, as many as a direct convolution needs; 0 if the layer is not one;
                     products with padding are not counted */
    /* The algorithms of a convolution, by direction; NULL if the layer is not a convolution or the
     * direction is not of this phase. */
    const char *algorithms[CONVOLUTION_DIRECTIONS];
} bench_layer;

/* Profiles some training steps or, if options->train is false, forward passes. The caller frees
 * *layers, which are in the order of their first kernel, and *net with network_free; the strings of
 * the layers are valid as long as *net. Afterwards the device's profile contains the kernels of the
 * profiled steps. */
status bench_layers(device *dev, const bench_options *options, network **net, bench_layer **layers,
                    size_t *count, error *err);
