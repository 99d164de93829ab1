/* SPDX-License-Identifier: Apache-2.0 */
/* CLBlast through gemm.h: every transposition, strides and offsets wider than the matrix, alpha and
 * beta, against sums in double precision. */
#include "check.h"
#include "ops/convolver.h"
#include "ops/gemm.h"
#include "support.h"

#include <clblast_c.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CASES = 24, MARGIN = 3 };

static CLBlastStatusCode refusal;

CLBlastStatusCode __real_CLBlastOverrideParameters(cl_device_id id, const char *kernel,
                                                   CLBlastPrecision precision, size_t count,
                                                   const char **names, const size_t *values);
CLBlastStatusCode __wrap_CLBlastOverrideParameters(cl_device_id id, const char *kernel,
                                                   CLBlastPrecision precision, size_t count,
                                                   const char **names, const size_t *values)
{
    return refusal ? refusal
                   : __real_CLBlastOverrideParameters(id, kernel, precision, count, names, values);
}

/* CLBlast's code for an exception of C++ is what is left of a failed allocation. */
static void test_refusals(void **state)
{
    device *dev = *state;
    error err;
    const gemm_parameters *set = gemm_find_parameters("cpu");
    refusal = CLBlastUnexpectedError;
    status result = gemm_use_parameters(dev, set, &err);
    CHECK_FAILS(STATUS_FAILED, "out of memory: CLBlast error -2039 while setting its", result);
    assert_true(err.shortage);
    refusal = CLBlastInvalidValue;
    result = gemm_use_parameters(dev, set, &err);
    refusal = CLBlastSuccess;
    CHECK_FAILS(STATUS_FAILED, "CLBlast error -30 while setting its", result);
    assert_null(strstr(err.message, "memory"));
    assert_false(err.shortage);
}

static int gemm_setup(void **state)
{
    error err;
    convolver c = {0};
    int failed = support_open_device(state);
    failed = failed || convolver_open(*state, &c, &err) != STATUS_OK ||
             convolver_prepare_gemm(&c, &err) != STATUS_OK;
    convolver_close(&c);
    return failed;
}

/* A matrix of rows x columns inside a larger random buffer. */
static float *make_matrix(device *dev, gemm_matrix *m, size_t rows, size_t columns, bool transposed,
                          uint64_t seed)
{
    size_t stored_rows = transposed ? columns : rows, stored_columns = transposed ? rows : columns;
    m->offset = (size_t)support_pick(seed, 1, 0, 9);
    m->stride = stored_columns + (size_t)support_pick(seed, 2, 0, MARGIN);
    m->transposed = transposed;
    size_t count = m->offset + stored_rows * m->stride;
    float *values = support_random(count, seed, -1, 1);
    m->buffer = support_buffer(dev, count, values);
    return values;
}

static double at(const gemm_matrix *m, const float *values, size_t row, size_t column)
{
    return values[m->offset +
                  (m->transposed ? column * m->stride + row : row * m->stride + column)];
}

static void check_case(device *dev, int index)
{
    error err;
    uint64_t seed = (uint64_t)index * 10 + 3;
    int most = index % 4 == 3 ? 200 : 40;
    gemm_problem p = {.m = (size_t)support_pick(seed, 10, 1, most),
                      .n = (size_t)support_pick(seed, 11, 1, most),
                      .k = (size_t)support_pick(seed, 12, 1, most),
                      .alpha = index & 8 ? -0.25f : 1,
                      .beta = index & 4 ? (index & 16 ? 0.5f : 1) : 0};
    float *a = make_matrix(dev, &p.a, p.m, p.k, index & 1, seed + 1);
    float *b = make_matrix(dev, &p.b, p.k, p.n, index & 2, seed + 2);
    float *c = make_matrix(dev, &p.c, p.m, p.n, false, seed + 3);
    size_t count = p.c.offset + p.m * p.c.stride, bytes;
    double *want = support_widen(c, count); /* values around C must not change */
    for (size_t i = 0; i < p.m; i++)
        for (size_t j = 0; j < p.n; j++) {
            size_t here = p.c.offset + i * p.c.stride + j;
            double sum = 0;
            for (size_t k = 0; k < p.k; k++)
                sum += at(&p.a, a, i, k) * at(&p.b, b, k, j);
            want[here] = p.alpha * sum + (p.beta != 0 ? p.beta * want[here] : 0);
            c[here] = p.beta != 0 ? c[here] : NAN;
        }
    assert_ok(buffer_write(dev, p.c.buffer, 0, c, count * sizeof *c, &err), &err);
    assert_ok(gemm_workspace(dev, &p, &bytes, &err), &err);
    cl_mem scratch = support_buffer(dev, bytes / sizeof(float) + 1, NULL);
    assert_ok(gemm_run(dev, &p, scratch, &err), &err);
    float *got = support_read_buffer(dev, p.c.buffer, count);
    assert_close(got, want, count, 1e-5, 1e-5);
    free(a);
    free(b);
    free(c);
    free(want);
    free(got);
    buffer_release(&p.a.buffer);
    buffer_release(&p.b.buffer);
    buffer_release(&p.c.buffer);
    buffer_release(&scratch);
}

static void test_products(void **state)
{
    for (int i = 0; i < support_cases(CASES); i++)
        check_case(*state, i);
}

/* CLBlast's requirements for a set of parameters, which CLBlast itself does not check. */
static void test_parameters(void **state)
{
    enum {
        GEMMK,
        KREG,
        KWG,
        KWI,
        MDIMA,
        MDIMC,
        MWG,
        NDIMB,
        NDIMC,
        NWG,
        SA,
        SB,
        STRM,
        STRN,
        VWM,
        VWN
    };
    for (const gemm_parameters *set = gemm_parameter_sets; set->name; set++) {
        const size_t *v = set->values;
        assert_ptr_equal(gemm_find_parameters(set->name), set);
        if (v[KWG] == 0) /* CLBlast's own choice */
            continue;
        size_t items = v[MDIMC] * v[NDIMC];
        assert_int_equal(v[GEMMK], 0);
        assert_int_equal(v[KREG], 1);
        assert_int_equal(v[KWG] % v[KWI], 0);
        assert_int_equal(v[MWG] % (v[MDIMC] * v[VWM]), 0);
        assert_int_equal(v[MWG] % (v[MDIMA] * v[VWM]), 0);
        assert_int_equal(v[NWG] % (v[NDIMC] * v[VWN]), 0);
        assert_int_equal(v[NWG] % (v[NDIMB] * v[VWN]), 0);
        assert_int_equal(items % v[MDIMA] + items % v[NDIMB], 0);
        assert_int_equal(v[KWG] % (items / v[MDIMA]), 0);
        assert_int_equal(v[KWG] % (items / v[NDIMB]), 0);
    }
    assert_null(gemm_find_parameters("none"));
    assert_non_null(gemm_default_parameters(*state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_parameters)};
    return cmocka_run_group_tests_name("gemm", tests, gemm_setup, support_close_device);
}
