/* SPDX-License-Identifier: Apache-2.0 */
/* Square convolutions. Several algorithms stand behind one interface: each says which calls it
 * supports and what memory it needs, and convolver.h picks one.
 *
 * x[n][h][w][cin], y[n][oh][ow][cout] with oh = (h + 2 * pad - kernel) / stride + 1; the weights
 * lie as [kernel][kernel][cin][cout], so that one tap is a [cin][cout] matrix. */
#pragma once

#include "ops/tensor.h"

typedef struct convolution_shape {
    int cin, cout, kernel, stride, pad;
} convolution_shape;

enum convolution_direction {
    CONVOLUTION_FORWARD,          /* y = x * weights */
    CONVOLUTION_BACKWARD_DATA,    /* x = (accumulate ? x : 0) + the gradient by x; y is the
                                     gradient by y */
    CONVOLUTION_BACKWARD_WEIGHTS, /* weights = terms.alpha * the gradient by them + terms.beta *
                                     weights. Taps that meet only padding may be left as they are,
                                     since their gradient is zero: right for a beta of 1, and for
                                     others if the caller zeroed the weights once */
    CONVOLUTION_DIRECTIONS,
};

/* What a forward pass does to its results before they leave the cache: a bias, or a batch
 * normalisation whose statistics are fixed, y = relu?(scale * y + shift [+ residual]). */
typedef struct convolution_finish {
    cl_mem scale;    /* [cout]; NULL: 1 */
    cl_mem shift;    /* [cout]; NULL: nothing is done at all */
    cl_mem residual; /* y's shape, not its buffer; NULL: none */
    bool relu;
} convolution_finish;

/* "forward", "data" and "weights", for reports and the files of choices. */
extern const char *const convolution_direction_names[CONVOLUTION_DIRECTIONS];

/* An algorithm, and the tile sizes that its kernels are built with. */
typedef struct convolution_choice {
    const struct convolution_algorithm *algorithm;
    int tile; /* counted from 1 in its table of tiles; 0: what suits the device and the call */
} convolution_choice;

typedef struct convolution_call {
    convolution_choice by; /* who is asked about the call, or runs it */
    enum convolution_direction direction;
    convolution_shape shape;
    tensor x, y; /* where only shapes are asked for, their buffers may be NULL */
    cl_mem weights;
    convolution_finish finish; /* FORWARD, where the algorithm finishes */
    cl_mem sums;               /* FORWARD, where the algorithm has sum_runs: each run's statistics
                                  of the results, as batchnorm_forward takes them, or NULL. In fp16
                                  they may be those before storing rounds */
    bool accumulate;           /* BACKWARD_DATA */
    gradient_terms terms;      /* BACKWARD_WEIGHTS */
} convolution_call;

/* Device memory that a call uses while it runs: `columns` for gathered or transformed input,
 * `weights` for transformed weights, `scratch` for the algorithm's own ends. And the most that the
 * sums of a call for as many images or fewer take. */
typedef struct convolution_bytes {
    size_t columns, weights, scratch;
    size_t sums;
} convolution_bytes;

typedef struct convolution_memory {
    cl_mem columns, weights, scratch; /* NULL where nothing is needed */
    cl_mem sums;                      /* for the caller's convolution_call.sums */
} convolution_memory;

/* The functions of an algorithm take calls that are `by` it. */
typedef struct convolution_algorithm {
    const char *name;   /* one word, for reports and the files of choices */
    const char *family; /* "direct", "gemm", "im2col", "tensor" or "winograd": HCNN_CONV's names */
    /* The sizes that its kernels can be built with: `tile_count` structs of `tile_bytes` each,
     * which begin with a pointer to the tile's name, such as "128x64x8x8x16". TILE_TABLE fills
     * these in. */
    const void *tiles;
    size_t tile_bytes;
    int tile_count;
    /* Whether it can run the call by this tile on the device. */
    bool (*supports)(const device *dev, const convolution_call *call);
    /* Whether the quick choice, which measures nothing, takes it for a supported call; NULL:
     * always. */
    bool (*suits)(const device *dev, const convolution_call *call);
    status (*measure)(device *dev, const convolution_call *call, convolution_bytes *bytes,
                      error *err);
    status (*run)(device *dev, const convolution_call *call, convolution_memory memory, error *err);
    bool finishes; /* takes `finish` */
    bool tf32;     /* rounds its factors to ten bits of mantissa: for whoever asked for it */
    /* Runs in a supported FORWARD's sums; NULL, or 0: it makes none. */
    size_t (*sum_runs)(const device *dev, const convolution_call *call);
} convolution_algorithm;

#define TILE_TABLE(table)                                                                          \
    .tiles = (table), .tile_bytes = sizeof(table)[0],                                              \
    .tile_count = (int)(sizeof(table) / sizeof(table)[0])

/* All of them, NULL behind the last, the most special first. im2col_gemm, the reference, supports
 * every call in fp32, direct_convolution every call. */
extern const convolution_algorithm *const convolution_algorithms[];
extern const convolution_algorithm conv1x1_gemm, direct_convolution, im2col_gemm, implicit_gemm,
    tensor_gemm, tiled_gemm, unrolled_gemm, winograd2, winograd4;

/* The algorithm of that name, or NULL. */
const convolution_algorithm *convolution_find(const char *name);
/* The name of a choice's tile: NULL for tile 0, which has none, and beyond the algorithm's last. */
const char *convolution_tile_name(convolution_choice choice);
/* The algorithm's tile of that name, or 0. */
int convolution_find_tile(const convolution_algorithm *algorithm, const char *name);
/* The call as it is run by this choice. */
convolution_call convolution_by(convolution_choice by, const convolution_call *call);

/* Elements of the weights. */
size_t convolution_weights(const convolution_shape *shape);
/* Where the result of a call goes: y, x or the weights. */
cl_mem convolution_result(const convolution_call *call);

/* The matrix products that make a call: backward by data one for each class of pixels that meet the
 * same taps, by weights one for each tap. */
typedef struct convolution_extent {
    size_t rows, columns; /* of the result of each */
    size_t products;      /* which do not depend on each other */
} convolution_extent;
/* Of `batch` such calls. */
convolution_extent convolution_products_of(const convolution_call *call, int batch);

/* The multiplications of a call, counted without those by padding. */
double convolution_products(const convolution_call *call);

/* A call as the first arguments of a kernel (device/kernel.h), the same for each direction: its two
 * factors, its result, and CONVOLUTION_ARGUMENTS of kernels/common.cl. */
#define ARG_CONVOLUTION(c)                                                                         \
    ARG_BUFFER((c)->direction == CONVOLUTION_BACKWARD_DATA ? (c)->y.buffer : (c)->x.buffer),       \
        ARG_BUFFER((c)->direction == CONVOLUTION_BACKWARD_WEIGHTS ? (c)->y.buffer : (c)->weights), \
        ARG_BUFFER(convolution_result(c)), ARG_INT((c)->x.n), ARG_INT((c)->x.h),                   \
        ARG_INT((c)->x.w), ARG_INT((c)->shape.cin), ARG_INT((c)->y.h), ARG_INT((c)->y.w),          \
        ARG_INT((c)->shape.cout), ARG_INT((c)->shape.kernel), ARG_INT((c)->shape.stride),          \
        ARG_INT((c)->shape.pad), ARG_ENDING(c), ARG_INT((c)->accumulate), ARG_TERMS((c)->terms)

/* A forward call's finish and sums, which are the kernels' `ending`. */
#define ARG_ENDING(c)                                                                              \
    ARG_BUFFER((c)->finish.scale), ARG_BUFFER((c)->finish.shift),                                  \
        ARG_BUFFER((c)->finish.residual), ARG_INT((c)->finish.relu), ARG_BUFFER((c)->sums)
