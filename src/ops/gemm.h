/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products by CLBlast, row major. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* A matrix in a buffer: element (i, j) at offset + i * stride + j, in floats. */
typedef struct gemm_matrix {
    cl_mem buffer;
    size_t offset, stride;
    bool transposed; /* the product uses the transpose of what is stored */
} gemm_matrix;

/* C[m][n] = alpha * A[m][k] B[k][n] + beta * C. If beta is 0, C is not read. */
typedef struct gemm_problem {
    size_t m, n, k;
    gemm_matrix a, b, c; /* c is never transposed */
    float alpha, beta;
} gemm_problem;

/* Parameters for CLBlast's Xgemm kernel, in the order GEMMK KREG KWG KWI MDIMA MDIMC MWG NDIMB
 * NDIMC NWG SA SB STRM STRN VWM VWN. All zeros: CLBlast's own parameters for the device. */
enum { GEMM_PARAMETERS = 16 };
typedef struct gemm_parameters {
    const char *name; /* one word, for reports and the files of choices.h */
    size_t values[GEMM_PARAMETERS];
} gemm_parameters;

/* The sets that can be used; a NULL name ends the list. */
extern const gemm_parameters gemm_parameter_sets[];
/* The set of that name, or NULL. */
const gemm_parameters *gemm_find_parameters(const char *name);
/* The set that a device uses if none is remembered. */
const gemm_parameters *gemm_default_parameters(const device *dev);
/* Makes CLBlast use the set from its next product on. CLBlast does not test the set: one that the
 * device cannot run may end the process. CLBlast's own parameters cannot be restored once the
 * process has used another set. */
status gemm_use_parameters(device *dev, const gemm_parameters *set, error *err);

/* Bytes of scratch memory that gemm_run needs for the problem, or for one that is smaller in any of
 * its sizes. The problem's buffers may be NULL. */
status gemm_workspace(device *dev, const gemm_problem *problem, size_t *bytes, error *err);

/* Enqueues the product. workspace has at least the bytes of gemm_workspace; NULL if that is 0. */
status gemm_run(device *dev, const gemm_problem *problem, cl_mem workspace, error *err);
