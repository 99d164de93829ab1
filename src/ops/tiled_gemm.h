/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products by groups of work-items around local memory, kernels/tiled_gemm.cl: as a
 * convolution in convolution.h's table, for algorithms that prepare their factors themselves, and
 * for those that bring a product of their own. */
#pragma once

#include "ops/convolution.h"

/* A build of kernels/tiled_gemm.cl, or of a file that includes it, and what it takes. */
typedef struct tile_shape {
    const char *name, *program; /* as convolution_algorithm's and LAUNCH's */
    int rows, columns;          /* of the result, for one group */
    int steps;                  /* of the sum at a time */
    int items;                  /* in a group */
    size_t local_bytes;
} tile_shape;

/* Large tiles read each factor fewer times; small ones make groups enough of a small result, and
 * fit the least of devices. A call that asks for no tile runs by one of the first two. */
enum { TILE_LARGE, TILE_SMALL };
typedef struct tile_set {
    const tile_shape *tiles;
    int count;
} tile_set;

/* As convolution_algorithm's. */
const char *tile_set_name(const tile_set *tiles, int tile);
/* Whether the device has the local memory, and takes the groups, of a call's tile: the small one if
 * it asks for none. */
bool tile_set_supports(const device *dev, const tile_set *tiles, const convolution_call *call);
/* Whether the device has them for this tile, and its items share the work on it evenly. */
bool tile_fits(const device *dev, const tile_shape *tile);

/* `batch` convolutions of the same shape, whose x, y and weights follow each other in their
 * buffers.
 *
 * The sum over pixels of a BACKWARD_WEIGHTS may be cut, so that there are groups enough for the
 * device: `parts` then holds tile_set_parts times the weights of the whole batch. It may be the
 * weights' own buffer, which is then as large, if the call's beta is 0. With one part, and
 * for other directions, it is not used. */
int tile_set_parts(const device *dev, const tile_set *tiles, const convolution_call *call,
                   int batch);
status tile_set_run(device *dev, const tile_set *tiles, const convolution_call *call, int batch,
                    cl_mem parts, error *err);
/* By this tile. */
status tile_run(device *dev, const tile_shape *tile, const convolution_call *call, int batch,
                cl_mem parts, error *err);

/* The memory of one convolution: its scratch are the parts. */
convolution_bytes tile_set_bytes(const device *dev, const tile_set *tiles,
                                 const convolution_call *call);

/* In single precision, on factors and results that are floats on every device: what an algorithm
 * prepares for itself. */
int tiled_gemm_parts(const device *dev, const convolution_call *call, int batch);
status tiled_gemm_batch(device *dev, const convolution_call *call, int batch, cl_mem parts,
                        error *err);
