/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions with square kernels: several algorithms with one interface. Each says which calls it
 * supports and how much memory it needs; convolver.h chooses one.
 *
 * x[n][h][w][cin], y[n][oh][ow][cout] with oh = (h + 2 * pad - kernel) / stride + 1. The weights
 * are stored as [kernel][kernel][cin][cout], so that each tap is a [cin][cout] matrix. */
#pragma once

#include "ops/tensor.h"

typedef struct convolution_shape {
    int cin, cout, kernel, stride, pad;
} convolution_shape;

enum convolution_direction {
    CONVOLUTION_FORWARD,          /* y = x * weights */
    CONVOLUTION_BACKWARD_DATA,    /* x = (accumulate ? x : 0) + the data gradient; y is the gradient
                                     with respect to y */
    CONVOLUTION_BACKWARD_WEIGHTS, /* weights = terms.alpha * the weight gradient + terms.beta *
                                     weights. Taps that meet only padding have a gradient of zero
                                     and may be left unchanged: this is correct if beta is 1, and
                                     for any other beta if the caller has set the weights to zero
                                     once */
    CONVOLUTION_DIRECTIONS,
};

/* What a forward pass does to its results before they leave the cache: it adds a bias, or applies a
 * batch normalisation with fixed statistics, y = relu?(scale * y + shift [+ residual]). */
typedef struct convolution_finish {
    cl_mem scale;    /* [cout]; NULL: 1 */
    cl_mem shift;    /* [cout]; NULL: nothing is done */
    cl_mem residual; /* the shape of y, not its buffer; NULL: none */
    bool relu;
} convolution_finish;

/* "forward", "data" and "weights", for reports and the files of choices.h. */
extern const char *const convolution_direction_names[CONVOLUTION_DIRECTIONS];

/* An algorithm, and the tile size that its kernels are built with. */
typedef struct convolution_choice {
    const struct convolution_algorithm *algorithm;
    int tile; /* number in its table of tiles, from 1; 0: the algorithm chooses for the device and
                 the call */
} convolution_choice;

typedef struct convolution_call {
    convolution_choice by; /* the algorithm that is asked about the call, or runs it */
    enum convolution_direction direction;
    convolution_shape shape;
    tensor x, y; /* buffers may be NULL if only shapes matter */
    cl_mem weights;
    bool fixed; /* the weights serve many calls, as in evaluation, so it pays to prepare them */
    convolution_finish finish; /* FORWARD, if the algorithm `finishes` */
    cl_mem sums; /* FORWARD, if the algorithm has sum_runs: receives the statistics of each run of
                    the results, as batchnorm_forward reads them; may be NULL. They may be
                    computed before the results are rounded to the stored type */
    bool accumulate;      /* BACKWARD_DATA */
    gradient_terms terms; /* BACKWARD_WEIGHTS */
} convolution_call;

/* Bytes of device memory that a call uses while it runs: `columns` for gathered or transformed
 * input, `weights` for transformed weights, `scratch` for anything else. `sums` is the most that
 * the sums of a call need, for this number of images or fewer. `prepared` is for weights in the
 * form in which the algorithm multiplies them; with it, it runs calls for fewer images, too. It
 * belongs to one layer and direction and keeps its contents between calls. */
typedef struct convolution_bytes {
    size_t columns, weights, scratch;
    size_t prepared;
    size_t sums;
} convolution_bytes;

typedef struct convolution_memory {
    cl_mem columns, weights, scratch; /* NULL if 0 bytes are needed */
    cl_mem prepared;                  /* the same; filled by the algorithm's `prepare` */
    cl_mem sums;                      /* for the caller, to set convolution_call.sums */
} convolution_memory;

/* Creates the buffers of one call, all but the sums; after a failure, too, the caller releases
 * them. */
status convolution_memory_create(device *dev, const convolution_bytes *bytes,
                                 convolution_memory *created, error *err);
void convolution_memory_release(convolution_memory *memory);

/* An algorithm. Its functions expect calls whose `by` names it. */
typedef struct convolution_algorithm {
    const char *name;   /* one word, for reports and the files of choices.h */
    const char *family; /* "direct", "gemm", "im2col", "tensor" or "winograd", the names that
                           HCNN_CONV accepts */
    /* The sizes that its kernels can be built with: `tile_count` structs of `tile_bytes` bytes
     * each, which begin with a pointer to the tile's name, such as "128x64x8x8x16". TILE_TABLE sets
     * these three. */
    const void *tiles;
    size_t tile_bytes;
    int tile_count;
    /* Whether the device can run the call with this algorithm and this tile. */
    bool (*supports)(const device *dev, const convolution_call *call);
    /* Whether the quick choice, which measures nothing, accepts it for a supported call; NULL:
     * always. */
    bool (*suits)(const device *dev, const convolution_call *call);
    /* The memory that a supported call needs. */
    status (*measure)(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err);
    /* Enqueues the conversion of call->weights into `prepared`. It must run before the first call,
     * and again after the weights have changed, if `measure` asks for such memory; NULL if it never
     * does. */
    status (*prepare)(device *dev, const convolution_call *call, cl_mem prepared, error *err);
    /* Enqueues the call; `memory` has at least the bytes that `measure` asked for. */
    status (*run)(device *dev, const convolution_call *call, convolution_memory memory, error *err);
    bool finishes; /* supports `finish` */
    bool tf32;     /* rounds its factors to ten bits of mantissa; used only in PRECISION_TF32 */
    /* The number of runs in the sums of a supported FORWARD call; NULL or 0: it computes none. */
    size_t (*sum_runs)(const device *dev, const convolution_call *call);
} convolution_algorithm;

#define TILE_TABLE(table)                                                                          \
    .tiles = (table), .tile_bytes = sizeof(table)[0],                                              \
    .tile_count = (int)(sizeof(table) / sizeof(table)[0])

/* All algorithms, the most specialised first; NULL ends the list. im2col_gemm, the reference,
 * supports every call in fp32; direct_convolution supports every call. */
extern const convolution_algorithm *const convolution_algorithms[];
extern const convolution_algorithm conv1x1_gemm, direct_convolution, im2col_gemm, implicit_gemm,
    tensor_gemm, tiled_gemm, toeplitz2, unrolled_gemm, winograd2, winograd4;

/* The algorithm of that name, or NULL. */
const convolution_algorithm *convolution_find(const char *name);
/* The name of a choice's tile; NULL for tile 0, the default, and past the algorithm's last tile. */
const char *convolution_tile_name(convolution_choice choice);
/* The number of the algorithm's tile of that name; 0 if there is none. */
int convolution_find_tile(const convolution_algorithm *algorithm, const char *name);
/* The same call, run by this choice. */
convolution_call convolution_by(convolution_choice by, const convolution_call *call);

/* Enqueues a call by itself: prepares the weights if the algorithm asks for it, and runs it. */
status convolution_run(device *dev, const convolution_call *call, convolution_memory memory,
                       error *err);

/* The number of weights. */
size_t convolution_weights(const convolution_shape *shape);
/* Where the result of a call goes: y, x or the weights. */
cl_mem convolution_result(const convolution_call *call);

/* The matrix products that a call consists of: one for the forward pass, one for each class of
 * pixels that meet the same taps for the data gradient, and one for each tap for the weight
 * gradient. */
typedef struct convolution_extent {
    size_t rows, columns; /* of the result of each product */
    size_t products;      /* independent of each other */
} convolution_extent;
/* The products of `batch` such calls. */
convolution_extent convolution_products_of(const convolution_call *call, int batch);

/* The number of multiplications in a call, without those by padding. */
double convolution_products(const convolution_call *call);

/* A call as the first arguments of a kernel (device/kernel.h), the same for each direction: the two
 * factors, the result, and CONVOLUTION_ARGUMENTS of kernels/common.cl. */
#define ARG_CONVOLUTION(c)                                                                         \
    ARG_BUFFER((c)->direction == CONVOLUTION_BACKWARD_DATA ? (c)->y.buffer : (c)->x.buffer),       \
        ARG_BUFFER((c)->direction == CONVOLUTION_BACKWARD_WEIGHTS ? (c)->y.buffer : (c)->weights), \
        ARG_BUFFER(convolution_result(c)), ARG_INT((c)->x.n), ARG_INT((c)->x.h),                   \
        ARG_INT((c)->x.w), ARG_INT((c)->shape.cin), ARG_INT((c)->y.h), ARG_INT((c)->y.w),          \
        ARG_INT((c)->shape.cout), ARG_INT((c)->shape.kernel), ARG_INT((c)->shape.stride),          \
        ARG_INT((c)->shape.pad), ARG_ENDING(c), ARG_INT((c)->accumulate), ARG_TERMS((c)->terms)

/* The finish and the sums of a forward call, which kernels receive as an `ending`. */
#define ARG_ENDING(c)                                                                              \
    ARG_BUFFER((c)->finish.scale), ARG_BUFFER((c)->finish.shift),                                  \
        ARG_BUFFER((c)->finish.residual), ARG_INT((c)->finish.relu), ARG_BUFFER((c)->sums)
