/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products by groups of work-items around local memory, kernels/tiled_gemm.cl: as a
 * convolution in convolution.h's table, for algorithms that prepare their factors themselves, and
 * for those that bring a product of their own. */
#pragma once

#include "ops/convolution.h"

/* A build of kernels/tiled_gemm.cl, or of a file that includes it, and what it takes. */
typedef struct tile_shape {
    const char *name, *program; /* the latter is LAUNCH's */
    int rows, columns;          /* of the result, for one group */
    int steps;                  /* of the sum at a time */
    int items;                  /* in a group */
    size_t local_bytes;
} tile_shape;

/* A group's tile of rows x columns is cut into shares, each of which `workers` items multiply, with
 * `exchange` floats of local memory. Beside these are there a step's rows and columns, with `gap`
 * floats behind each, and two pixels. */
#define TILE(source, workers, gap, exchange, rows_, columns_, share_rows, share_columns, steps_)   \
    {                                                                                              \
        .name = #rows_ "x" #columns_ "x" #share_rows "x" #share_columns "x" #steps_,               \
        .program = source " -DTILE_ROWS=" #rows_ " -DTILE_COLUMNS=" #columns_                      \
                          " -DSHARE_ROWS=" #share_rows " -DSHARE_COLUMNS=" #share_columns          \
                          " -DTILE_STEPS=" #steps_,                                                \
        .rows = (rows_), .columns = (columns_), .steps = (steps_),                                 \
        .items = (workers)*TILE_SHARES(rows_, columns_, share_rows, share_columns),                \
        .local_bytes =                                                                             \
            sizeof(float) * ((steps_) * ((rows_) + (gap) + (columns_) + (gap) + 2) +               \
                             (exchange)*TILE_SHARES(rows_, columns_, share_rows, share_columns))   \
    }
#define TILE_SHARES(rows, columns, share_rows, share_columns)                                      \
    ((rows) / (share_rows) * ((columns) / (share_columns)))

/* Large tiles read each factor fewer times; small ones make groups enough of a small result, and
 * fit the least of devices. A call that asks for no tile runs by one of the first two. */
enum { TILE_LARGE, TILE_SMALL };
typedef struct tile_set {
    const tile_shape *tiles;
    int count;
} tile_set;
#define TILE_SET(table)                                                                            \
    {                                                                                              \
        (table), (int)(sizeof(table) / sizeof(table)[0])                                           \
    }

/* Whether the device has the local memory, and takes the groups, of a call's tile: the small one if
 * it asks for none. A tile that a call without one would run by is not supported by its name, so
 * that it is measured once. */
bool tile_set_supports(const device *dev, const tile_set *tiles, const convolution_call *call);
/* Whether the device has them for this tile, and its items share the work on it evenly. */
bool tile_fits(const device *dev, const tile_shape *tile);

/* `batch` convolutions of the same shape, whose x, y and weights follow each other in their
 * buffers.
 *
 * The sum over pixels of a BACKWARD_WEIGHTS may be cut, so that there are groups enough for the
 * device: `parts` then holds the scratch of tile_set_bytes. It may be the weights' own buffer,
 * which is then as large, if the call's beta is 0. With one part, and for other directions, it is
 * not used. */
status tile_set_run(device *dev, const tile_set *tiles, const convolution_call *call, int batch,
                    cl_mem parts, error *err);
/* By this tile. */
status tile_run(device *dev, const tile_shape *tile, const convolution_call *call, int batch,
                cl_mem parts, error *err);

/* The memory of one convolution: its scratch are the parts. */
convolution_bytes tile_set_bytes(const device *dev, const tile_set *tiles,
                                 const convolution_call *call);

/* In single precision, on factors and results that are floats on every device: what an algorithm
 * prepares for itself. The parts, then, are each as large as the weights of the whole batch. */
int tiled_gemm_parts(const device *dev, const convolution_call *call, int batch);
status tiled_gemm_batch(device *dev, const convolution_call *call, int batch, cl_mem parts,
                        error *err);
