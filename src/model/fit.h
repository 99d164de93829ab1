/* SPDX-License-Identifier: Apache-2.0 */
/* How much device memory a network takes, and the largest batch that fits. */
#pragma once

#include "model/convolutions.h"

/* Whether a network of these options, network_options.steps_in_backward being one, steps in its
 * backward pass and so keeps no gradients. */
bool fit_steps_in_backward(const device *dev, const network_options *options);

/* Settles the algorithms of the graph's convolutions for steps of at most `batch` images: those
 * that tuning chose for speed if memory suffices; the quick ones, which may need less, if not.
 * *bytes is all that the network will hold. */
status fit_batch(const convolver *c, const network_options *options, graph *g, int batch,
                 uint64_t *bytes, bool *fits, error *err);

/* The largest batch that fits, 0: not even one image. The graph is settled for any of those that
 * were tried. */
status fit_largest_batch(const convolver *c, const network_options *options, graph *g, int *largest,
                         error *err);
