/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a network in host memory, read from a file without a device. */
#ifndef HCNN_MODEL_STATE_H
#define HCNN_MODEL_STATE_H

#include "base/tensor_file.h"
#include "model/graph.h"

typedef struct state {
    float **values; /* by parameter of the graph, in PyTorch's layout; NULL for counters. Who takes
                       one over puts NULL here */
    size_t count;
} state;

/* Every parameter of the graph from the tensor of its name, which must have its shape; whatever
 * else the file holds is left alone. Counters are not read. Messages call the file `path`. */
status state_read(const graph *g, tensor_file *file, const char *path, state *s, error *err);
void state_free(state *s);

#endif
