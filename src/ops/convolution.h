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
    int tile; /* as its tile_name counts them; 0: what suits the device and the call */
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
    /* The name of a tile from 1 on, "128x64x8x8x16"; NULL: there are no more. NULL: none at all. */
    const char *(*tile_name)(int tile);
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

/* All of them, NULL behind the last, the most special first. im2col_gemm, the reference, supports
 * every call in fp32, direct_convolution every call. */
extern const convolution_algorithm *const convolution_algorithms[];
extern const convolution_algorithm conv1x1_gemm, direct_convolution, im2col_gemm, implicit_gemm,
    tensor_gemm, tiled_gemm, unrolled_gemm, winograd2, winograd4;

/* The algorithm of that name, or NULL. */
const convolution_algorithm *convolution_find(const char *name);
/* Its tile of that name, 0 where there is none; the name of a choice's tile, NULL for 0. */
int convolution_find_tile(const convolution_algorithm *algorithm, const char *name);
const char *convolution_tile_name(convolution_choice choice);
/* The call as it is run by this choice. */
convolution_call convolution_by(convolution_choice by, const convolution_call *call);

/* y's shape for x's; the buffer is NULL. */
tensor convolution_output(const convolution_shape *shape, tensor x);

/* The multiplications of a call, counted without those by padding. */
double convolution_products(const convolution_call *call);

/* The shapes of a call as a kernel's arguments (device/kernel.h): n, h, w, cin, oh, ow, cout, size,
 * stride, pad. */
#define ARG_SHAPES(call)                                                                           \
    ARG_INT((call)->x.n), ARG_INT((call)->x.h), ARG_INT((call)->x.w), ARG_INT((call)->shape.cin),  \
        ARG_INT((call)->y.h), ARG_INT((call)->y.w), ARG_INT((call)->shape.cout),                   \
        ARG_INT((call)->shape.kernel), ARG_INT((call)->shape.stride), ARG_INT((call)->shape.pad)

/* A forward call's finish. */
#define ARG_FINISH(c)                                                                              \
    ARG_BUFFER((c)->finish.scale), ARG_BUFFER((c)->finish.shift),                                  \
        ARG_BUFFER((c)->finish.residual), ARG_INT((c)->finish.relu)
