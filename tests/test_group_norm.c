/* SPDX-License-Identifier: Apache-2.0 */
/* Group normalisation against the formulas in double precision, whose gradients are themselves
 * checked by central differences. */
#include "ops/group_norm.h"
#include "selftest/reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

typedef struct shape {
    int n, h, w, c, groups;
} shape;

/* One value per group, one pixel, one channel, groups narrower and wider than a vector or across
 * its edges, and maps of several runs, the last of them shorter. */
static const shape shapes[] = {
    {1, 1, 1, 1, 1},   {2, 1, 1, 6, 3},    {3, 1, 1, 64, 32}, {1, 5, 7, 1, 1},
    {2, 3, 5, 33, 11}, {3, 4, 4, 34, 2},   {2, 7, 1, 96, 32}, {1, 9, 9, 48, 3},
    {4, 13, 11, 5, 1}, {2, 31, 33, 20, 5}, {1, 40, 40, 7, 7}, {2, 6, 6, 256, 32},
};

enum { X, GAMMA, BETA, DY, VALUES };

typedef struct fixture {
    device *dev;
    float *values[VALUES];
    double *wide[VALUES];
    tensor x, y, dy, dx;
    group_norm_layer layer;
    group_norm_gradients gradients;
    cl_mem workspace;
    reference_group_norm r;
} fixture;

static fixture fixture_open(device *dev, shape s, uint64_t seed, bool relu, double offset)
{
    fixture f = {.dev = dev};
    reference_group_norm *r = &f.r;
    *r = (reference_group_norm){.n = (size_t)s.n,
                                .pixels = (size_t)(s.h * s.w),
                                .c = (size_t)s.c,
                                .groups = (size_t)s.groups,
                                .relu = relu};
    r->size = r->n * r->pixels * r->c;
    const size_t sizes[VALUES] = {r->size, r->c, r->c, r->size};
    const double low[VALUES] = {offset - 2, 0.5, -0.5, -1},
                 high[VALUES] = {offset + 2, 1.5, 0.5, 1};
    for (int i = 0; i < VALUES; i++) {
        f.values[i] = support_activations(dev, sizes[i], seed * 10 + (uint64_t)i, low[i], high[i]);
        f.wide[i] = support_widen(f.values[i], sizes[i]);
    }
    r->x = f.wide[X], r->gamma = f.wide[GAMMA], r->beta = f.wide[BETA], r->dy = f.wide[DY];
    double **made[] = {&r->mean, &r->inverse, &r->dgamma, &r->dbeta, &r->y, &r->dx};
    const size_t made_sizes[] = {r->n * r->c, r->n * r->c, r->c, r->c, r->size, r->size};
    for (int i = 0; i < 6; i++)
        *made[i] = support_memory(made_sizes[i], sizeof(double));
    f.x = support_tensor(dev, s.n, s.h, s.w, s.c, f.values[X]);
    f.y = support_tensor(dev, s.n, s.h, s.w, s.c, NULL);
    f.dy = support_tensor(dev, s.n, s.h, s.w, s.c, f.values[DY]);
    f.dx = support_tensor(dev, s.n, s.h, s.w, s.c, NULL);
    f.layer = (group_norm_layer){
        .groups = s.groups,
        .gamma = support_buffer(dev, r->c, f.values[GAMMA]),
        .beta = support_buffer(dev, r->c, f.values[BETA]),
        .mean = support_buffer(dev, r->n * r->c, NULL),
        .inverse_deviation = support_buffer(dev, r->n * r->c, NULL),
    };
    f.gradients = (group_norm_gradients){.gamma = support_buffer(dev, r->c, NULL),
                                         .beta = support_buffer(dev, r->c, NULL),
                                         .terms = {1, 0},
                                         .x = f.dx};
    f.workspace = support_buffer(dev, group_norm_workspace(dev, f.x) / sizeof(float), NULL);
    return f;
}

static void fixture_close(fixture *f)
{
    for (int i = 0; i < VALUES; i++) {
        free(f->values[i]);
        free(f->wide[i]);
    }
    double *made[] = {f->r.mean, f->r.inverse, f->r.dgamma, f->r.dbeta, f->r.y, f->r.dx};
    for (int i = 0; i < 6; i++)
        free(made[i]);
    tensor *tensors[] = {&f->x, &f->y, &f->dy, &f->dx};
    for (int i = 0; i < 4; i++)
        tensor_release(tensors[i]);
    cl_mem *buffers[] = {
        &f->layer.gamma,     &f->layer.beta,     &f->layer.mean, &f->layer.inverse_deviation,
        &f->gradients.gamma, &f->gradients.beta, &f->workspace};
    for (int i = 0; i < 7; i++)
        buffer_release(buffers[i]);
}

static void expect_tensor(device *dev, tensor t, const double *want, double relative,
                          double absolute)
{
    float *got = support_read(dev, t);
    assert_close(got, want, tensor_size(t), relative + support_rounding(dev),
                 absolute + support_smallest(dev));
    free(got);
}

static void expect_buffer(device *dev, cl_mem buffer, const double *want, size_t count,
                          double relative, double absolute)
{
    float *got = support_read_buffer(dev, buffer, count);
    assert_close(got, want, count, relative, absolute);
    free(got);
}

static void run_forward(fixture *f)
{
    error err;
    assert_ok(group_norm_forward(f->dev, f->x, &f->layer, f->r.relu, f->y, f->workspace, &err),
              &err);
}

static void check_forward(fixture *f)
{
    reference_group_norm *r = &f->r;
    reference_group_norm_forward(r);
    run_forward(f);
    expect_buffer(f->dev, f->layer.mean, r->mean, r->n * r->c, 1e-6, 2e-6);
    expect_buffer(f->dev, f->layer.inverse_deviation, r->inverse, r->n * r->c, 2e-5, 0);
    /* If a group's values are close to each other, dividing by the deviation enlarges their
     * rounding. */
    expect_tensor(f->dev, f->y, r->y, 2e-5, 5e-6);
}

static void run_backward(fixture *f, const group_norm_gradients *g)
{
    error err;
    assert_ok(
        group_norm_backward(f->dev, f->x, &f->layer, f->r.relu, f->y, f->dy, g, f->workspace, &err),
        &err);
}

/* Gradients of gamma and beta into buffers with several terms, and then into gamma and beta
 * themselves; that change must not affect dx. */
static void check_terms(fixture *f, double largest)
{
    error err;
    reference_group_norm *r = &f->r;
    group_norm_gradients g = {.x = f->dx};
    for (int i = 0; i < SUPPORT_TERMS; i++) {
        g.terms = support_terms(r->c, i);
        support_target gamma = support_target_open(f->dev, r->c, 1, g.terms, r->dgamma);
        support_target beta = support_target_open(f->dev, r->c, 2, g.terms, r->dbeta);
        g.gamma = gamma.buffer;
        g.beta = beta.buffer;
        run_backward(f, &g);
        support_target_close(f->dev, &gamma, 2e-5, 2e-5 * largest);
        support_target_close(f->dev, &beta, 1e-5, 1e-5);
    }
    double *gamma = support_widen(f->values[GAMMA], r->c);
    double *beta = support_widen(f->values[BETA], r->c);
    for (size_t k = 0; k < r->c; k++) {
        gamma[k] -= 0.5 * r->dgamma[k];
        beta[k] -= 0.5 * r->dbeta[k];
    }
    g.gamma = f->layer.gamma;
    g.beta = f->layer.beta;
    g.terms = (gradient_terms){-0.5f, 1};
    run_backward(f, &g);
    expect_buffer(f->dev, g.gamma, gamma, r->c, 2e-5, 2e-5 * largest);
    expect_buffer(f->dev, g.beta, beta, r->c, 1e-5, 1e-5);
    expect_tensor(f->dev, f->dx, r->dx, 2e-5, 5e-6 * largest);
    size_t bytes = r->c * sizeof(float);
    assert_ok(buffer_write(f->dev, g.gamma, 0, f->values[GAMMA], bytes, &err), &err);
    assert_ok(buffer_write(f->dev, g.beta, 0, f->values[BETA], bytes, &err), &err);
    free(gamma);
    free(beta);
}

static void check_backward(fixture *f)
{
    reference_group_norm *r = &f->r;
    reference_group_norm_forward(r);
    run_forward(f);
    float *y = support_read(f->dev, f->y);
    double *mask = support_widen(y, r->size);
    reference_group_norm_backward(r, mask);
    double largest = 1;
    for (size_t i = 0; i < r->n * r->c; i++)
        largest = fmax(largest, r->inverse[i]);
    run_backward(f, &f->gradients);
    expect_buffer(f->dev, f->gradients.gamma, r->dgamma, r->c, 2e-5, 2e-5 * largest);
    expect_buffer(f->dev, f->gradients.beta, r->dbeta, r->c, 1e-5, 1e-5);
    expect_tensor(f->dev, f->dx, r->dx, 2e-5, 5e-6 * largest);
    check_terms(f, largest);
    /* Added to dy itself, without gradients of parameters. */
    for (size_t i = 0; i < r->size; i++)
        r->dx[i] += r->dy[i];
    group_norm_gradients on_top = {.x = f->dy, .accumulate_x = true};
    run_backward(f, &on_top);
    expect_tensor(f->dev, f->dy, r->dx, 2e-5, 5e-6 * largest);
    free(mask);
    free(y);
}

static void for_each_case(device *dev, void (*check)(fixture *))
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int relu = 0; relu < 2; relu++) {
            fixture f = fixture_open(dev, shapes[i], 1 + 2 * i + (uint64_t)relu, relu, 0.3);
            check(&f);
            fixture_close(&f);
        }
}

static void test_forward(void **state)
{
    for_each_case(*state, check_forward);
}

static void test_backward(void **state)
{
    for_each_case(*state, check_backward);
}

/* A mean far larger than the deviation loses no more digits than the values' own rounding. */
static void test_large_mean(void **state)
{
    fixture f = fixture_open(*state, (shape){2, 9, 8, 12, 3}, 77, false, 1000);
    reference_group_norm_forward(&f.r);
    run_forward(&f);
    expect_tensor(f.dev, f.y, f.r.y, 1e-4, 2e-4);
    fixture_close(&f);
}

static double loss(reference_group_norm *r)
{
    double sum = 0;
    reference_group_norm_forward(r);
    for (size_t i = 0; i < r->size; i++)
        sum += r->y[i] * r->dy[i];
    return sum;
}

static void expect_slopes(reference_group_norm *r, double *values, size_t count,
                          const double *gradient)
{
    const double step = 1e-5;
    for (size_t i = 0; i < count; i++) {
        double kept = values[i];
        values[i] = kept + step;
        double above = loss(r);
        values[i] = kept - step;
        double below = loss(r);
        values[i] = kept;
        double slope = (above - below) / (2 * step);
        if (fabs(slope - gradient[i]) > 1e-6 * (1 + fabs(slope)))
            fail_msg("[%zu]: %g, but %g by differences", i, gradient[i], slope);
    }
}

/* The reference's gradients are the slopes of its own forward pass. */
static void test_reference(void **state)
{
    for (int relu = 0; relu < 2; relu++) {
        fixture f = fixture_open(*state, (shape){2, 2, 3, 6, 3}, 5 + (uint64_t)relu, relu, 0.3);
        reference_group_norm *r = &f.r;
        double *y = support_memory(r->size, sizeof *y);
        reference_group_norm_forward(r);
        for (size_t i = 0; i < r->size; i++)
            y[i] = r->y[i];
        reference_group_norm_backward(r, y);
        expect_slopes(r, f.wide[X], r->size, r->dx);
        expect_slopes(r, f.wide[GAMMA], r->c, r->dgamma);
        expect_slopes(r, f.wide[BETA], r->c, r->dbeta);
        free(y);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),  cmocka_unit_test(test_forward),
        cmocka_unit_test(test_backward),   cmocka_unit_test(test_large_mean),
        support_small_tests(test_forward), support_small_tests(test_backward),
    };
    return cmocka_run_group_tests_name("group_norm", tests, support_open_device,
                                       support_close_device);
}
