/* Matrix products through CLBlast, row major. */
#ifndef HCNN_OPS_GEMM_H
#define HCNN_OPS_GEMM_H

#include "device/device.h"

#include <stddef.h>

/* A matrix in a buffer: element (i, j) at offset + i * stride + j, in floats. */
typedef struct gemm_matrix {
    cl_mem buffer;
    size_t offset, stride;
    bool transposed; /* the product uses the transpose of what is stored */
} gemm_matrix;

/* C[m][n] = A[m][k] B[k][n] + (accumulate ? C : 0). */
typedef struct gemm_problem {
    size_t m, n, k;
    gemm_matrix a, b, c; /* c is never transposed */
    bool accumulate;
} gemm_problem;

/* Gives CLBlast parameters that suit the device where its own are known to be poor. Once per
 * device, before the first product. */
status gemm_prepare(device *dev, error *err);

/* Bytes of scratch memory that gemm_run needs for the problem (its buffers may be NULL). */
status gemm_workspace(device *dev, const gemm_problem *problem, size_t *bytes, error *err);

/* Enqueues the product. workspace holds at least gemm_workspace bytes; NULL when that is 0. */
status gemm_run(device *dev, const gemm_problem *problem, cl_mem workspace, error *err);

#endif
