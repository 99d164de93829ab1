/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a network: which are frozen, their buffers, how they start, and their layouts
 * in files and on the device. */
#pragma once

#include "model/graph.h"

/* Marks what network_options.freeze names. */
status parameters_freeze(graph *g, const char *what, error *err);

/* Whether the optimizer updates it. */
bool parameter_is_trained(const parameter *p);
/* Whether training steps change it: it is trained, or a statistic. */
bool parameter_moves(const parameter *p);

/* Whether it has a buffer: it is no counter. */
bool parameter_has_values(const parameter *p);

/* Bytes of the values of all parameters that one of the functions above says yes to. */
uint64_t parameters_bytes(const graph *g, bool (*counts)(const parameter *p));

/* Makes the buffers; gradients start at zero (see convolution.h why). */
status parameters_allocate(device *dev, graph *g, bool gradients, error *err);
void parameters_release(graph *g);

/* Fills one on the device, as p->start says; a function of seed and name. Counters become 0.
 * from_scratch: see network_initialize. */
status parameter_initialize(device *dev, parameter *p, uint64_t seed, bool from_scratch,
                            error *err);

/* From file layout to the device's and back; `count` values each, not the same memory. */
void parameter_to_device_layout(const parameter *p, const float *file, float *device_values);
void parameter_to_file_layout(const parameter *p, const float *device_values, float *file);
