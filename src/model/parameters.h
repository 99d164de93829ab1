/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a network: which are frozen, their buffers, their initial values, and their
 * layouts in files and on the device. */
#pragma once

#include "model/graph.h"

/* Freezes the parameters that `what` names; see network_options.freeze. A prefix that fits no
 * parameter is STATUS_USAGE. */
status parameters_freeze(graph *g, const char *what, error *err);

/* Whether the optimizer updates the parameter. */
bool parameter_is_trained(const parameter *p);
/* Whether training steps change the parameter: it is trained, or a statistic. */
bool parameter_moves(const parameter *p);

/* Whether the parameter has a buffer: it is not a counter. */
bool parameter_has_values(const parameter *p);

/* Bytes of the values of all parameters for which `counts`, one of the functions above, is true. */
uint64_t parameters_bytes(const graph *g, bool (*counts)(const parameter *p));

/* Creates the buffers of all values and, if `gradients`, of the gradients of trained parameters.
 * They start at zero; convolution.h says why. */
status parameters_allocate(device *dev, graph *g, bool gradients, error *err);
void parameters_release(graph *g);

/* Call it whenever values may have changed, so that whatever was made of them is made again. */
void parameter_changed(parameter *p);

/* Initialises a parameter on the device as p->start says; the values depend on seed and name.
 * Counters become 0. from_scratch: see network_initialize. */
status parameter_initialize(device *dev, parameter *p, uint64_t seed, bool from_scratch,
                            error *err);

/* Convert p->count values between the two layouts. The arrays must not overlap. */
void parameter_to_device_layout(const parameter *p, const float *file, float *device_values);
void parameter_to_file_layout(const parameter *p, const float *device_values, float *file);
