/* SPDX-License-Identifier: Apache-2.0 */
/* How much device memory a network takes, and the largest batch that fits. */
#ifndef HCNN_MODEL_FIT_H
#define HCNN_MODEL_FIT_H

#include "model/convolutions.h"

/* Settles the graph of the options for steps of at most `batch` images: the algorithms of its
 * convolutions, and which parameters descend. The algorithms that tuning chose for speed are taken
 * if memory suffices; the quick ones, which may need less, if not. *bytes is all that the network
 * will hold. */
status fit_batch(const convolver *c, const network_options *options, graph *g, int batch,
                 uint64_t *bytes, bool *fits, error *err);

/* The largest batch that fits, 0: not even one image. The graph is settled for any of those that
 * were tried. */
status fit_largest_batch(const convolver *c, const network_options *options, graph *g, int *largest,
                         error *err);

#endif
