/* SPDX-License-Identifier: Apache-2.0 */
/* The check of CLBlast's matrix product in the forms that convolutions use; see
 * operation_checks.h. */
#include "ops/convolver.h"
#include "ops/gemm.h"
#include "selftest/operation_checks.h"

enum { M = 53, N = 37, K = 41 };

static size_t place_of(const gemm_matrix *m, size_t row, size_t column)
{
    return m->transposed ? column * m->stride + row : row * m->stride + column;
}

/* Sums of K products: they round K times, each time by the sum of their magnitudes, which with
 * these inputs is less than three times the largest result; the terms round twice more. */
static status check_product(check_run *r, bool transposed_a, bool transposed_b,
                            gradient_terms terms, error *err)
{
    const operand *a, *b, *c;
    cl_mem workspace;
    size_t bytes;
    TRY(check_floats(r, M * K, around_zero, &a, err));
    TRY(check_floats(r, K * N, around_zero, &b, err));
    TRY(check_floats(r, M * N, terms.beta != 0 ? around_zero : UNWRITTEN, &c, err));
    const gemm_problem p = {.m = M,
                            .n = N,
                            .k = K,
                            .a = {a->t.buffer, 0, transposed_a ? M : K, transposed_a},
                            .b = {b->t.buffer, 0, transposed_b ? K : N, transposed_b},
                            .c = {c->t.buffer, 0, N, false},
                            .alpha = terms.alpha,
                            .beta = terms.beta};
    TRY(gemm_workspace(r->dev, &p, &bytes, err));
    TRY(check_bytes(r, NULL, bytes, &workspace, err));
    for (size_t i = 0; i < M * N; i++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++)
            sum += a->want[place_of(&p.a, i / N, k)] * b->want[place_of(&p.b, k, i % N)];
        c->want[i] =
            (double)terms.alpha * sum + (terms.beta != 0 ? (double)terms.beta * c->want[i] : 0);
    }
    TRY(gemm_run(r->dev, &p, workspace, err));
    return check_result(r, c, 3 * K + 2, err);
}

/* The forward pass, the data gradient and the weight gradient, with the parameters that a network
 * on this device uses. */
status check_gemm(check_run *r, error *err)
{
    convolver chooser;
    TRY(convolver_open(r->dev, &chooser, err));
    status result = convolver_prepare_gemm(&chooser, err);
    convolver_close(&chooser);
    TRY(result);
    TRY(check_product(r, false, false, store_terms, err));
    TRY(check_product(r, false, true, store_terms, err));
    return check_product(r, true, false, add_terms, err);
}
