/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products by work-groups that share local memory, kernels/tiled_gemm.cl. As a convolution
 * algorithm it is in the table of convolution.h. This header is for algorithms that prepare their
 * factors themselves, and for those that supply their own product of two tiles. */
#pragma once

#include "ops/convolution.h"

/* One build of kernels/tiled_gemm.cl, or of a file that includes it, and what it needs. */
typedef struct tile_shape {
    const char *name, *program; /* program: as in LAUNCH */
    int rows, columns;          /* of the result, per work-group */
    int steps;                  /* of the sum, at a time */
    int items;                  /* work-items in a group */
    size_t local_bytes;
} tile_shape;

/* A group's tile of rows x columns is divided into shares. `workers` work-items multiply each
 * share, with `exchange` floats of local memory per share. Local memory also contains, for each
 * step, the rows and the columns with `gap` floats after each, and the indices of two pixels. */
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

/* Large tiles read each factor fewer times. Small ones yield enough groups for a small result, and
 * fit every device that can run any of them. A call without a tile is run by one of these first
 * two. */
enum { TILE_LARGE, TILE_SMALL };
typedef struct tile_set {
    const tile_shape *tiles;
    int count;
} tile_set;
#define TILE_SET(table)                                                                            \
    {                                                                                              \
        (table), (int)(sizeof(table) / sizeof(table)[0])                                           \
    }

/* Whether the device has the local memory and the group size for the call's tile, or for the small
 * tile if the call has none. The tile that a call without one would use is not supported under its
 * own number, so that tuning does not measure it twice. */
bool tile_set_supports(const device *dev, const tile_set *tiles, const convolution_call *call);
/* The same for this tile. It must also be possible to divide its loads evenly among its
 * work-items. */
bool tile_fits(const device *dev, const tile_shape *tile);

/* Runs `batch` convolutions of the same shape, whose x, y and weights follow each other in their
 * buffers.
 *
 * The sum over the pixels of a BACKWARD_WEIGHTS may be cut into parts, so that there are enough
 * groups for the device. `parts` is then the scratch memory of tile_set_bytes. If the call's beta
 * is 0 it may be the weights' own buffer, which must then be as large. With one part, and for the
 * other directions, it is not used. */
status tile_set_run(device *dev, const tile_set *tiles, const convolution_call *call, int batch,
                    cl_mem parts, error *err);
/* The same with this tile. */
status tile_run(device *dev, const tile_shape *tile, const convolution_call *call, int batch,
                cl_mem parts, error *err);

/* The memory that one convolution needs: its scratch contains the parts. */
convolution_bytes tile_set_bytes(const device *dev, const tile_set *tiles,
                                 const convolution_call *call);

/* For algorithms that prepare their factors themselves: products of floats, whatever the device's
 * precision. tiled_gemm_parts is the number of parts that the sums of `batch` convolutions are cut
 * into; each part is as large as the weights of all `batch` convolutions together; tiled_gemm_batch
 * runs the convolutions. */
int tiled_gemm_parts(const device *dev, const convolution_call *call, int batch);
status tiled_gemm_batch(device *dev, const convolution_call *call, int batch, cl_mem parts,
                        error *err);
