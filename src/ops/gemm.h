/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products through CLBlast, row major. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* A matrix in a buffer: element (i, j) at offset + i * stride + j, in floats. */
typedef struct gemm_matrix {
    cl_mem buffer;
    size_t offset, stride;
    bool transposed; /* the product uses the transpose of what is stored */
} gemm_matrix;

/* C[m][n] = alpha * A[m][k] B[k][n] + beta * C, which is not read with a beta of 0. */
typedef struct gemm_problem {
    size_t m, n, k;
    gemm_matrix a, b, c; /* c is never transposed */
    float alpha, beta;
} gemm_problem;

/* Parameters for CLBlast's Xgemm kernel, in the order of their names: GEMMK KREG KWG KWI MDIMA
 * MDIMC MWG NDIMB NDIMC NWG SA SB STRM STRN VWM VWN. All zero: what CLBlast has for the device
 * itself. */
enum { GEMM_PARAMETERS = 16 };
typedef struct gemm_parameters {
    const char *name; /* one word, for reports and the files of choices */
    size_t values[GEMM_PARAMETERS];
} gemm_parameters;

/* What may be used, ending with a NULL name. */
extern const gemm_parameters gemm_parameter_sets[];
/* The set of that name, or NULL. */
const gemm_parameters *gemm_find_parameters(const char *name);
/* The one that a device uses when none is remembered. */
const gemm_parameters *gemm_default_parameters(const device *dev);
/* Makes CLBlast use the set from its next product on. It does not test what it is given: a set that
 * the device cannot run may end the process. Its own does not come back in a process that used
 * another. */
status gemm_use_parameters(device *dev, const gemm_parameters *set, error *err);

/* Bytes of scratch memory that gemm_run needs for the problem (its buffers may be NULL), or for one
 * that is smaller in any of its sizes. */
status gemm_workspace(device *dev, const gemm_problem *problem, size_t *bytes, error *err);

/* Enqueues the product. workspace holds at least gemm_workspace bytes; NULL when that is 0. */
status gemm_run(device *dev, const gemm_problem *problem, cl_mem workspace, error *err);
