/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/ops/max_pool.c. Pooling only copies values, so the results must be equal, not just
 * close. */
#include "ops/max_pool.h"
#include "selftest/reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const pool_case cases[] = {
    {1, 1, 1, 1, {3, 2, 1, MAX_POOL_NOTHING}},     {2, 1, 1, 17, {3, 2, 1, MAX_POOL_NOTHING}},
    {2, 2, 2, 33, {3, 2, 1, MAX_POOL_NOTHING}},    {3, 7, 5, 3, {3, 2, 1, MAX_POOL_NOTHING}},
    {2, 16, 16, 64, {3, 2, 1, MAX_POOL_NOTHING}},  {1, 9, 1, 5, {3, 2, 1, MAX_POOL_NOTHING}},
    {2, 8, 6, 16, {2, 2, 0, MAX_POOL_NOTHING}},    {1, 5, 7, 20, {3, 1, 1, MAX_POOL_NOTHING}},
    {2, 11, 10, 9, {5, 3, 2, MAX_POOL_NOTHING}},   {1, 6, 6, 1, {1, 2, 0, MAX_POOL_NOTHING}},
    {1, 31, 17, 48, {15, 4, 7, MAX_POOL_NOTHING}}, {2, 7, 7, 130, {3, 2, 1, MAX_POOL_NOTHING}},
};
enum { CASES = sizeof cases / sizeof *cases };

typedef struct fixture {
    device *dev;
    const pool_case *p;
    size_t in, out;
    float *x, *dy;
    double *want_y, *want_dx;
    tensor device_x, device_y, device_dy, device_dx;
    cl_mem maxima;
} fixture;

static fixture fixture_open(device *dev, const pool_case *p, const float *x, uint64_t seed)
{
    int oh = reference_pool_output(p->h, p->window), ow = reference_pool_output(p->w, p->window);
    fixture f = {.dev = dev,
                 .p = p,
                 .in = (size_t)(p->n * p->h * p->w * p->c),
                 .out = (size_t)(p->n * oh * ow * p->c)};
    f.x = support_memory(f.in, sizeof *f.x);
    memcpy(f.x, x, f.in * sizeof *x);
    f.dy = support_activations(dev, f.out, seed + 1000, -1, 1);
    f.want_y = support_memory(f.out, sizeof *f.want_y);
    f.want_dx = support_memory(f.in, sizeof *f.want_dx);
    reference_max_pool(p, f.x, f.dy, f.want_y, f.want_dx);
    f.device_x = support_tensor(dev, p->n, p->h, p->w, p->c, f.x);
    f.device_y = support_tensor(dev, p->n, oh, ow, p->c, NULL);
    f.device_dy = support_tensor(dev, p->n, oh, ow, p->c, f.dy);
    f.device_dx = support_tensor(dev, p->n, p->h, p->w, p->c, NULL);
    error err;
    assert_ok(buffer_create(dev, max_pool_index_bytes(f.device_y), &f.maxima, &err), &err);
    return f;
}

static void fixture_close(fixture *f)
{
    free(f->x);
    free(f->dy);
    free(f->want_y);
    free(f->want_dx);
    tensor_release(&f->device_x);
    tensor_release(&f->device_y);
    tensor_release(&f->device_dy);
    tensor_release(&f->device_dx);
    buffer_release(&f->maxima);
}

static void expect_y(fixture *f, cl_mem maxima)
{
    error err;
    assert_ok(max_pool_forward(f->dev, f->device_x, f->p->window.kernel, f->p->window.stride,
                               f->p->window.pad, f->p->window.padding, f->device_y, maxima, &err),
              &err);
    float *y = support_read(f->dev, f->device_y);
    for (size_t i = 0; i < f->out; i++)
        assert_true(y[i] == f->want_y[i] || (isnan(y[i]) && isnan(f->want_y[i])));
    free(y);
}

static void expect_dx(fixture *f, bool accumulate)
{
    error err;
    assert_ok(max_pool_backward(f->dev, f->device_dy, f->maxima, f->p->window.kernel,
                                f->p->window.stride, f->p->window.pad, f->device_dx, accumulate,
                                &err),
              &err);
    float *dx = support_read(f->dev, f->device_dx);
    /* Sums of a few values around 1. */
    assert_close(dx, f->want_dx, f->in, 1e-6 + support_rounding(f->dev), 1e-6);
    free(dx);
}

static void expect_case(fixture *f)
{
    expect_y(f, NULL);
    expect_y(f, f->maxima);
    expect_dx(f, false);
    float *before = support_activations(f->dev, f->in, 5, -1, 1);
    error err;
    assert_ok(tensor_write(f->dev, f->device_dx, before, &err), &err);
    for (size_t i = 0; i < f->in; i++)
        f->want_dx[i] += before[i];
    expect_dx(f, true);
    free(before);
}

static void test_random(void **state)
{
    for (uint64_t i = 0; i < CASES; i++) {
        const pool_case *p = &cases[i];
        /* All values are negative, so a zero from the padding would show. */
        float *x = support_activations(*state, (size_t)(p->n * p->h * p->w * p->c), i, -3, -1);
        fixture f = fixture_open(*state, p, x, i);
        expect_case(&f);
        fixture_close(&f);
        free(x);
    }
}

/* After a ReLU, most windows contain several zeros. */
static void test_ties(void **state)
{
    for (uint64_t i = 0; i < CASES; i++) {
        const pool_case *p = &cases[i];
        size_t size = (size_t)(p->n * p->h * p->w * p->c);
        float *x = support_random(size, 100 + i, 0, 3);
        for (size_t k = 0; k < size; k++)
            x[k] = floorf(x[k]);
        fixture f = fixture_open(*state, p, x, i);
        expect_case(&f);
        fixture_close(&f);
        free(x);
    }
}

/* If padding counts as zero, it is the largest of a window of negative values, and that window's
 * gradient is lost. */
static void test_zeros_around(void **state)
{
    for (uint64_t i = 0; i < CASES; i++) {
        pool_case p = cases[i];
        size_t size = (size_t)(p.n * p.h * p.w * p.c);
        p.window.padding = MAX_POOL_ZEROS;
        float *x = support_activations(*state, size, 200 + i, -3, 1);
        fixture f = fixture_open(*state, &p, x, i);
        expect_case(&f);
        fixture_close(&f);
        for (size_t k = 0; k < size; k++)
            x[k] = floorf(x[k]);
        f = fixture_open(*state, &p, x, i);
        expect_case(&f);
        fixture_close(&f);
        free(x);
    }
}

static void test_special_values(void **state)
{
    const pool_case p = {1, 5, 5, 3, {3, 2, 1, MAX_POOL_NOTHING}};
    float x[75];
    for (int i = 0; i < 75; i++)
        x[i] = i % 3 == 0 ? -INFINITY : (float)(i % 7);
    x[1] = x[31] = x[43] = NAN;
    fixture f = fixture_open(*state, &p, x, 7);
    expect_case(&f);
    fixture_close(&f);
}

/* The reference's gradient is the slope of its own output: only a value that affects y has one. */
static void test_reference(void **state)
{
    const pool_case p = {2, 5, 4, 3, {3, 2, 1, MAX_POOL_NOTHING}};
    float *x = support_random(120, 9, -1, 1);
    fixture f = fixture_open(*state, &p, x, 9);
    const float step = 1e-4f;
    for (size_t i = 0; i < f.in; i++) {
        double change = 0;
        x[i] += step;
        fixture moved = fixture_open(*state, &p, x, 9);
        for (size_t o = 0; o < f.out; o++)
            change += f.dy[o] * (moved.want_y[o] - f.want_y[o]) / step;
        fixture_close(&moved);
        x[i] = f.x[i];
        /* x + step is rounded to a float: an error of 6e-8 / 1e-4, for each of up to four
         * windows. */
        assert_true(fabs(change - f.want_dx[i]) < 4e-3);
    }
    fixture_close(&f);
    free(x);
}

static void test_repeat_is_bit_identical(void **state)
{
    float *x = support_random(3 * 21 * 19 * 35, 12, -1, 1);
    const pool_case p = {3, 21, 19, 35, {3, 2, 1, MAX_POOL_NOTHING}};
    fixture f = fixture_open(*state, &p, x, 13);
    expect_y(&f, f.maxima);
    expect_dx(&f, false);
    float *first = support_read(f.dev, f.device_dx);
    expect_y(&f, f.maxima);
    expect_dx(&f, false);
    float *second = support_read(f.dev, f.device_dx);
    assert_same_bits(first, second, f.in);
    free(first);
    free(second);
    fixture_close(&f);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_repeat_is_bit_identical),
        support_small_tests(test_random),
        support_small_tests(test_ties),
        support_small_tests(test_special_values),
        cmocka_unit_test(test_zeros_around),
        support_small_tests(test_zeros_around),
    };
    return cmocka_run_group_tests_name("max_pool", tests, support_open_device,
                                       support_close_device);
}
