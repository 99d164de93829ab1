/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels/cross_entropy.cl; see cross_entropy.h. */
#include "ops/cross_entropy.h"
#include "device/kernel.h"

#include <stdlib.h>

size_t cross_entropy_tree_bytes(int classes, int parent_count)
{
    return (size_t)(parent_count + 1 + classes) * sizeof(int32_t);
}

status cross_entropy_tree(device *dev, const int *parents, int classes, int parent_count,
                          cl_mem *tree, error *err)
{
    size_t bytes = cross_entropy_tree_bytes(classes, parent_count);
    int32_t *first = malloc(bytes);
    if (!first)
        return error_memory(err, "the tree of classes");
    int32_t *members = first + parent_count + 1, count = 0;
    for (int parent = 0; parent < parent_count; parent++) {
        first[parent] = count;
        for (int j = 0; j < classes; j++)
            if (parents[j] == parent)
                members[count++] = j;
    }
    first[parent_count] = count;
    status result = buffer_create(dev, bytes, tree, err);
    if (result == STATUS_OK)
        result = buffer_write(dev, *tree, 0, first, bytes, err);
    free(first);
    return result;
}

status cross_entropy_forward(device *dev, tensor logits, cl_mem labels, target_terms targets,
                             marginal_terms marginal, cl_mem results, tensor gradient, float weight,
                             error *err)
{
    /* Groups of one work-item spread the images over the device, and PoCL compiles for only one
     * group size. */
    float images = (float)logits.n;
    /* The arguments of both kernels; the simpler one uses the first eight. */
    const kernel_argument arguments[] = {
        ARG_BUFFER(logits.buffer),
        ARG_BUFFER(labels),
        ARG_BUFFER(results),
        ARG_BUFFER(gradient.buffer),
        ARG_FLOAT(weight / images),
        ARG_FLOAT(targets.partner_share),
        ARG_FLOAT(targets.smoothing),
        ARG_INT(logits.c),
        ARG_BUFFER(marginal.tree),
        ARG_INT(marginal.parents),
        ARG_FLOAT(marginal.weight / images),
    };
    enum { ALL = sizeof arguments / sizeof arguments[0], PLAIN = 8 };
    return kernel_launch(
        dev, "cross_entropy", marginal.tree ? "cross_entropy_marginal" : "cross_entropy",
        RANGE_GROUPS((size_t)logits.n, 1), arguments, marginal.tree ? ALL : PLAIN, err);
}
