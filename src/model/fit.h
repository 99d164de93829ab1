/* SPDX-License-Identifier: Apache-2.0 */
/* How much device memory a network needs, and the largest batch that fits. */
#pragma once

#include "model/convolutions.h"

/* Whether a network of these options updates its parameters in the backward pass and so keeps no
 * gradients. options->steps_in_backward asks for it; fp16 and sync prevent it. */
bool fit_steps_in_backward(const device *dev, const network_options *options);

/* Chooses the algorithms of the graph's convolutions for steps of at most `batch` images: those
 * that tuning found fastest or, if they need too much memory, the quick choices, which may need
 * less. *bytes is all device memory of the network. *fits says whether that, and its largest
 * allocation, fit the device. */
status fit_batch(const convolver *c, const network_options *options, graph *g, int batch,
                 uint64_t *bytes, bool *fits, error *err);

/* The largest batch that fits, at most 65535; 0 if not even one image fits. It leaves the graph
 * with the algorithms of some batch that was tried. */
status fit_largest_batch(const convolver *c, const network_options *options, graph *g, int *largest,
                         error *err);
