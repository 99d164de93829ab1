/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/ops/batchnorm.c against the formulas in double precision, whose gradients are
 * themselves checked by central differences. */
#include "model/shared_statistics.h"
#include "ops/batchnorm.h"
#include "selftest/reference.h"
#include "support.h"
#include "thread_ranks.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct shape {
    int n, h, w, c;
} shape;

/* 1x1 maps, odd sizes, one channel, a batch of 1, channel counts that do not fill a vector, one
 * value per channel, and a shape with several runs, the last of them shorter. */
static const shape shapes[] = {
    {1, 1, 1, 1},  {1, 1, 1, 5},  {2, 1, 1, 16}, {3, 1, 1, 33},  {1, 5, 7, 1},    {2, 3, 5, 3},
    {3, 4, 4, 17}, {2, 7, 1, 64}, {1, 9, 9, 48}, {4, 13, 11, 5}, {2, 31, 33, 19}, {2, 6, 6, 300},
};

/* The host's and the device's data of a case. */
typedef struct fixture {
    device *dev;
    size_t size, c;
    tensor x, residual, y;
    batchnorm_layer layer;
    shared_statistics *shared; /* NULL at first */
    cl_mem workspace;
    float *running_mean, *running_variance; /* before the forward pass */
    float *values[4];                       /* x, gamma, beta, residual */
    double *wide[4];
    double *mean, *variance, *expected;
    reference_batchnorm reference;
} fixture;

static fixture fixture_open(device *dev, shape s, uint64_t seed, bool relu, bool residual,
                            double offset)
{
    fixture f = {.dev = dev, .c = (size_t)s.c};
    f.size = (size_t)(s.n * s.h * s.w) * f.c;
    size_t sizes[4] = {f.size, f.c, f.c, f.size};
    double low[4] = {offset - 2, 0.5, -0.5, -1}, high[4] = {offset + 2, 1.5, 0.5, 1};
    for (int i = 0; i < 4; i++) {
        f.values[i] = support_activations(dev, sizes[i], seed * 10 + (uint64_t)i, low[i], high[i]);
        f.wide[i] = support_widen(f.values[i], sizes[i]);
    }
    f.running_mean = support_random(f.c, seed * 10 + 5, -1, 1);
    f.running_variance = support_random(f.c, seed * 10 + 6, 0.5, 2);
    f.x = support_tensor(dev, s.n, s.h, s.w, s.c, f.values[0]);
    f.y = support_tensor(dev, s.n, s.h, s.w, s.c, NULL);
    f.residual = (tensor){NULL, s.n, s.h, s.w, s.c};
    if (residual)
        f.residual = support_tensor(dev, s.n, s.h, s.w, s.c, f.values[3]);
    f.layer = (batchnorm_layer){
        .gamma = support_buffer(dev, f.c, f.values[1]),
        .beta = support_buffer(dev, f.c, f.values[2]),
        .running_mean = support_buffer(dev, f.c, f.running_mean),
        .running_variance = support_buffer(dev, f.c, f.running_variance),
        .mean = support_buffer(dev, f.c, NULL),
        .inverse_deviation = support_buffer(dev, f.c, NULL),
    };
    f.workspace = support_buffer(dev, batchnorm_workspace(dev, f.x) / sizeof(float), NULL);
    f.mean = support_memory(f.c, sizeof(double));
    f.variance = support_memory(f.c, sizeof(double));
    f.expected = support_memory(f.size, sizeof(double));
    f.reference = (reference_batchnorm){
        f.size / f.c, f.c,        f.size,     relu,
        f.wide[0],    f.wide[1],  f.wide[2],  residual ? f.wide[3] : NULL,
        f.mean,       f.variance, f.expected,
    };
    return f;
}

static void fixture_close(fixture *f)
{
    for (int i = 0; i < 4; i++) {
        free(f->values[i]);
        free(f->wide[i]);
    }
    free(f->running_mean);
    free(f->running_variance);
    free(f->mean);
    free(f->variance);
    free(f->expected);
    tensor_release(&f->x);
    tensor_release(&f->y);
    tensor_release(&f->residual);
    buffer_release(&f->layer.gamma);
    buffer_release(&f->layer.beta);
    buffer_release(&f->layer.running_mean);
    buffer_release(&f->layer.running_variance);
    buffer_release(&f->layer.mean);
    buffer_release(&f->layer.inverse_deviation);
    buffer_release(&f->workspace);
}

static void expect_buffer(device *dev, cl_mem buffer, const double *want, size_t count,
                          double relative, double absolute)
{
    float *got = support_read_buffer(dev, buffer, count);
    assert_close(got, want, count, relative, absolute);
    free(got);
}

/* As expect_buffer, for activations, which are also rounded when they are stored. */
static void expect_tensor(device *dev, tensor t, const double *want, size_t count, double relative,
                          double absolute)
{
    float *got = support_read(dev, t);
    assert_close(got, want, count, relative + support_rounding(dev),
                 absolute + support_smallest(dev));
    free(got);
}

/* The forward pass with the calls that a network makes. */
static status forward_stages(const fixture *f, batchnorm_sums sums, error *err)
{
    if (!sums.runs)
        TRY(batchnorm_sum(f->dev, f->x, f->workspace, &sums, err));
    if (f->shared)
        TRY(shared_statistics_sums(f->shared, f->dev, f->x, f->workspace, &sums, err));
    return batchnorm_forward(f->dev, f->x, &f->layer, sums, f->residual, f->reference.relu, f->y,
                             err);
}

static void run_forward(fixture *f)
{
    error err;
    assert_ok(forward_stages(f, (batchnorm_sums){0}, &err), &err);
}

static void expect_statistics(const fixture *f)
{
    const reference_batchnorm *r = &f->reference;
    double *inverse = support_memory(f->c, sizeof *inverse);
    double *running_mean = support_memory(f->c, sizeof *running_mean);
    double *running_variance = support_memory(f->c, sizeof *running_variance);
    double unbiased = r->pixels > 1 ? (double)r->pixels / (double)(r->pixels - 1) : 1;
    for (size_t k = 0; k < f->c; k++) {
        inverse[k] = 1 / sqrt(r->variance[k] + reference_epsilon);
        running_mean[k] = 0.9 * f->running_mean[k] + 0.1 * r->mean[k];
        running_variance[k] = 0.9 * f->running_variance[k] + 0.1 * unbiased * r->variance[k];
    }
    expect_buffer(f->dev, f->layer.mean, r->mean, f->c, 1e-6, 1e-6);
    expect_buffer(f->dev, f->layer.inverse_deviation, inverse, f->c, 2e-6, 0);
    expect_buffer(f->dev, f->layer.running_mean, running_mean, f->c, 1e-6, 1e-6);
    expect_buffer(f->dev, f->layer.running_variance, running_variance, f->c, 1e-6, 1e-6);
    free(inverse);
    free(running_mean);
    free(running_variance);
}

/* Every shape, with and without ReLU and residual. */
static void for_each_case(device *dev, void (*check)(fixture *))
{
    const int all = sizeof shapes / sizeof shapes[0];
    for (int i = 0; i < support_cases(all); i++)
        for (unsigned flags = 0; flags < 4; flags++) {
            int at = support_case(i, all);
            uint64_t seed = 1 + (uint64_t)at * 4 + flags;
            fixture f = fixture_open(dev, shapes[at], seed, flags & 1, flags & 2, 0.3);
            check(&f);
            fixture_close(&f);
        }
}

static void check_forward(fixture *f)
{
    reference_batchnorm_statistics(&f->reference);
    reference_batchnorm_normalise(&f->reference);
    run_forward(f);
    expect_statistics(f);
    /* If a channel has two values close to each other, the deviation is far below the values, and
     * dividing by it enlarges their rounding. The absolute tolerance is therefore above the 1e-7 of
     * floats. */
    expect_tensor(f->dev, f->y, f->expected, f->size, 1e-5, 2e-6);
}

static void test_forward(void **state)
{
    for_each_case(*state, check_forward);
}

static void check_evaluate(fixture *f)
{
    error err;
    for (size_t k = 0; k < f->c; k++) {
        f->mean[k] = f->running_mean[k];
        f->variance[k] = f->running_variance[k];
    }
    reference_batchnorm_normalise(&f->reference);
    f->layer.mean = (buffer_release(&f->layer.mean), NULL);
    f->layer.inverse_deviation = (buffer_release(&f->layer.inverse_deviation), NULL);
    assert_ok(batchnorm_evaluate(f->dev, f->x, &f->layer, f->residual, f->reference.relu, f->y,
                                 f->workspace, &err),
              &err);
    expect_tensor(f->dev, f->y, f->expected, f->size, 1e-6, 1e-6);
    float *mean = support_read_buffer(f->dev, f->layer.running_mean, f->c);
    float *variance = support_read_buffer(f->dev, f->layer.running_variance, f->c);
    assert_same_bits(mean, f->running_mean, f->c);
    assert_same_bits(variance, f->running_variance, f->c);
    free(mean);
    free(variance);
    /* In place. */
    assert_ok(batchnorm_evaluate(f->dev, f->x, &f->layer, f->residual, f->reference.relu, f->x,
                                 f->workspace, &err),
              &err);
    expect_tensor(f->dev, f->x, f->expected, f->size, 1e-6, 1e-6);
}

static void test_evaluate(void **state)
{
    for_each_case(*state, check_evaluate);
}

/* The gradients of one case: the reference's and the kernel's, in tensors of NaNs or given ones. */
typedef struct backward_case {
    float *dy;
    double *wide_dy;
    reference_batchnorm_gradients want;
    tensor device_dy;
} backward_case;

static backward_case backward_open(fixture *f)
{
    backward_case b;
    b.dy = support_activations(f->dev, f->size, 77, -1, 1);
    b.wide_dy = support_widen(b.dy, f->size);
    b.want.x = support_memory(f->size, sizeof(double));
    b.want.residual = support_memory(f->size, sizeof(double));
    b.want.gamma = support_memory(f->c, sizeof(double));
    b.want.beta = support_memory(f->c, sizeof(double));
    b.device_dy = support_tensor(f->dev, f->x.n, f->x.h, f->x.w, f->x.c, b.dy);
    reference_batchnorm_statistics(&f->reference);
    run_forward(f);
    float *y = support_read(f->dev, f->y);
    double *wide_y = support_widen(y, f->size);
    reference_batchnorm_backward(&f->reference, wide_y, b.wide_dy, &b.want);
    free(y);
    free(wide_y);
    return b;
}

static void backward_close(backward_case *b)
{
    free(b->dy);
    free(b->wide_dy);
    free(b->want.x);
    free(b->want.residual);
    free(b->want.gamma);
    free(b->want.beta);
    tensor_release(&b->device_dy);
}

/* Sums of up to a few thousand terms around 1, times an inverse deviation that may be large if a
 * channel has two values. Relative to the largest value that a channel can have. */
static double gradient_tolerance(const fixture *f)
{
    double largest = 1;
    for (size_t k = 0; k < f->c; k++)
        largest = fmax(largest, 1 / sqrt(f->variance[k] + reference_epsilon));
    return 2e-6 * largest;
}

/* The backward pass with the calls that a network makes. */
static status backward_stages(const fixture *f, tensor dy, const batchnorm_gradients *g, error *err)
{
    bool relu = f->reference.relu, shares = f->shared && g->x.buffer;
    TRY(batchnorm_gradient_sums(f->dev, f->x, &f->layer, relu, f->y, dy, g, !shares, f->workspace,
                                err));
    if (shares)
        TRY(shared_statistics_means(f->shared, f->dev, f->x, &f->layer, f->workspace, err));
    return batchnorm_backward(f->dev, f->x, &f->layer, relu, f->y, dy, g, f->workspace, err);
}

static void run_backward(fixture *f, backward_case *b, const batchnorm_gradients *g)
{
    error err;
    assert_ok(backward_stages(f, b->device_dy, g, &err), &err);
}

/* Gradients of gamma and beta into buffers with several terms, and then into gamma and beta
 * themselves; that change must not affect dx. */
static void check_terms(fixture *f, backward_case *b, batchnorm_gradients g, double tolerance)
{
    error err;
    for (int i = 0; i < SUPPORT_TERMS; i++) {
        g.terms = support_terms(f->c, i);
        support_target gamma = support_target_open(f->dev, f->c, 1, g.terms, b->want.gamma);
        support_target beta = support_target_open(f->dev, f->c, 2, g.terms, b->want.beta);
        g.gamma = gamma.buffer;
        g.beta = beta.buffer;
        run_backward(f, b, &g);
        support_target_close(f->dev, &gamma, 1e-5, 3e-5);
        support_target_close(f->dev, &beta, 1e-5, 3e-5);
    }
    double *gamma = support_widen(f->values[1], f->c), *beta = support_widen(f->values[2], f->c);
    for (size_t k = 0; k < f->c; k++) {
        gamma[k] -= 0.5 * b->want.gamma[k];
        beta[k] -= 0.5 * b->want.beta[k];
    }
    g.gamma = f->layer.gamma;
    g.beta = f->layer.beta;
    g.terms = (gradient_terms){-0.5f, 1};
    run_backward(f, b, &g);
    expect_buffer(f->dev, g.gamma, gamma, f->c, 1e-5, 3e-5);
    expect_buffer(f->dev, g.beta, beta, f->c, 1e-5, 3e-5);
    expect_tensor(f->dev, g.x, b->want.x, f->size, 1e-5, tolerance);
    assert_ok(buffer_write(f->dev, g.gamma, 0, f->values[1], f->c * sizeof(float), &err), &err);
    assert_ok(buffer_write(f->dev, g.beta, 0, f->values[2], f->c * sizeof(float), &err), &err);
    free(gamma);
    free(beta);
}

static void check_backward(fixture *f)
{
    backward_case b = backward_open(f);
    batchnorm_gradients g = {
        .gamma = support_buffer(f->dev, f->c, NULL),
        .beta = support_buffer(f->dev, f->c, NULL),
        .terms = {1, 0},
        .x = support_tensor(f->dev, f->x.n, f->x.h, f->x.w, f->x.c, NULL),
        .residual = support_tensor(f->dev, f->x.n, f->x.h, f->x.w, f->x.c, NULL),
    };
    run_backward(f, &b, &g);
    double tolerance = gradient_tolerance(f);
    /* Sums of up to a few thousand products. */
    expect_buffer(f->dev, g.beta, b.want.beta, f->c, 1e-5, 3e-5);
    expect_buffer(f->dev, g.gamma, b.want.gamma, f->c, 1e-5, 3e-5);
    expect_tensor(f->dev, g.x, b.want.x, f->size, 1e-5, tolerance);
    expect_tensor(f->dev, g.residual, b.want.residual, f->size, 0, 0);
    check_terms(f, &b, g, tolerance);

    /* Once more, added to existing values. */
    g.accumulate_x = g.accumulate_residual = true;
    float *before = support_activations(f->dev, f->size, 78, -1, 1);
    error err;
    assert_ok(tensor_write(f->dev, g.x, before, &err), &err);
    assert_ok(tensor_write(f->dev, g.residual, before, &err), &err);
    run_backward(f, &b, &g);
    for (size_t i = 0; i < f->size; i++) {
        b.want.x[i] += before[i];
        b.want.residual[i] += before[i];
    }
    expect_tensor(f->dev, g.x, b.want.x, f->size, 1e-5, tolerance);
    expect_tensor(f->dev, g.residual, b.want.residual, f->size, 1e-6, 1e-7);
    free(before);
    buffer_release(&g.gamma);
    buffer_release(&g.beta);
    tensor_release(&g.x);
    tensor_release(&g.residual);
    backward_close(&b);
}

static void test_backward(void **state)
{
    for_each_case(*state, check_backward);
}

/* Each gradient computed alone, and dx in the buffer of dy, is bit-identical to all computed
 * together. */
static void check_single_gradients(fixture *f)
{
    backward_case b = backward_open(f);
    tensor none = {NULL, f->x.n, f->x.h, f->x.w, f->x.c};
    batchnorm_gradients all = {
        .gamma = support_buffer(f->dev, f->c, NULL),
        .beta = support_buffer(f->dev, f->c, NULL),
        .terms = {1, 0},
        .x = support_tensor(f->dev, f->x.n, f->x.h, f->x.w, f->x.c, NULL),
        .residual = support_tensor(f->dev, f->x.n, f->x.h, f->x.w, f->x.c, NULL),
    };
    run_backward(f, &b, &all);
    float *want[4] = {support_read_buffer(f->dev, all.gamma, f->c),
                      support_read_buffer(f->dev, all.beta, f->c), support_read(f->dev, all.x),
                      support_read(f->dev, all.residual)};
    cl_mem outputs[4] = {all.gamma, all.beta, all.x.buffer, all.residual.buffer};
    for (int only = 0; only < 4; only++) {
        size_t count = only < 2 ? f->c : f->size;
        error err;
        size_t bytes = count * (only < 2 ? sizeof(float) : device_real_bytes(f->dev));
        assert_ok(buffer_zero(f->dev, outputs[only], 0, bytes, &err), &err);
        batchnorm_gradients one = {only == 0 ? all.gamma : NULL,
                                   only == 1 ? all.beta : NULL,
                                   {1, 0},
                                   only == 2 ? all.x : none,
                                   only == 3 ? all.residual : none,
                                   false,
                                   false};
        run_backward(f, &b, &one);
        float *got = only < 2    ? support_read_buffer(f->dev, outputs[only], count)
                     : only == 2 ? support_read(f->dev, all.x)
                                 : support_read(f->dev, all.residual);
        assert_same_bits(got, want[only], count);
        free(got);
    }
    batchnorm_gradients in_place = {.x = b.device_dy, .residual = all.residual};
    run_backward(f, &b, &in_place);
    float *dx = support_read(f->dev, b.device_dy);
    assert_same_bits(dx, want[2], f->size);
    free(dx);
    float *masked = support_read(f->dev, all.residual);
    assert_same_bits(masked, want[3], f->size);
    free(masked);
    for (int i = 0; i < 4; i++)
        free(want[i]);
    buffer_release(&all.gamma);
    buffer_release(&all.beta);
    tensor_release(&all.x);
    tensor_release(&all.residual);
    backward_close(&b);
}

static void test_single_gradients(void **state)
{
    for_each_case(*state, check_single_gradients);
}

/* Sum of weights * y, as a function of x, gamma, beta and residual. */
static double weighted_sum(reference_batchnorm *r, const double *weights)
{
    reference_batchnorm_statistics(r);
    reference_batchnorm_normalise(r);
    double loss = 0;
    for (size_t i = 0; i < r->size; i++)
        loss += weights[i] * r->y[i];
    return loss;
}

static void compare_differences(reference_batchnorm *r, const double *weights, double *values,
                                size_t count, const double *gradient)
{
    const double step = 1e-5;
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        values[i] = value + step;
        double above = weighted_sum(r, weights);
        values[i] = value - step;
        double below = weighted_sum(r, weights);
        values[i] = value;
        double difference = (above - below) / (2 * step);
        assert_true(fabs(difference - gradient[i]) <= 1e-6 + 1e-6 * fabs(gradient[i]));
    }
}

/* The reference's gradients are the slopes of its own forward pass. */
static void test_reference(void **state)
{
    for (unsigned flags = 0; flags < 4; flags++) {
        fixture f =
            fixture_open(*state, (shape){2, 3, 2, 3}, 900 + flags, flags & 1, flags & 2, 0.3);
        reference_batchnorm *r = &f.reference;
        float *weights = support_random(f.size, 901, -1, 1);
        double *wide = support_widen(weights, f.size);
        double g_x[36], g_residual[36], g_gamma[3], g_beta[3];
        reference_batchnorm_gradients g = {g_x, g_residual, g_gamma, g_beta};
        weighted_sum(r, wide);
        double *y = support_memory(f.size, sizeof *y);
        memcpy(y, r->y, f.size * sizeof *y);
        reference_batchnorm_backward(r, y, wide, &g);
        compare_differences(r, wide, f.wide[0], f.size, g.x);
        compare_differences(r, wide, f.wide[1], f.c, g.gamma);
        compare_differences(r, wide, f.wide[2], f.c, g.beta);
        if (r->residual)
            compare_differences(r, wide, f.wide[3], f.size, g.residual);
        free(y);
        free(wide);
        free(weights);
        fixture_close(&f);
    }
}

/* The mean is a thousand times the deviation. Plain sums of squares would lose every digit of the
 * variance (1e6 * 6e-8 * sqrt(n) against a variance of 1.3). Only the input's own rounding may
 * remain. */
static void test_large_mean(void **state)
{
    fixture f = fixture_open(*state, (shape){4, 16, 16, 20}, 33, false, false, 1000);
    reference_batchnorm_statistics(&f.reference);
    reference_batchnorm_normalise(&f.reference);
    run_forward(&f);
    double *inverse = support_memory(f.c, sizeof *inverse);
    for (size_t k = 0; k < f.c; k++)
        inverse[k] = 1 / sqrt(f.variance[k] + reference_epsilon);
    /* The runs' means are floats near 1000, where half an ulp is 3e-5. The differences between
     * them, and the mean itself, have that error. */
    expect_buffer(f.dev, f.layer.inverse_deviation, inverse, f.c, 1e-5, 0);
    expect_tensor(f.dev, f.y, f.expected, f.size, 1e-5, 1.5e-4);
    free(inverse);
    fixture_close(&f);
}

static void test_constant_channel(void **state)
{
    device *dev = *state;
    fixture f = fixture_open(dev, (shape){3, 5, 5, 7}, 40, true, false, 0);
    error err;
    for (size_t i = 0; i < f.size; i++)
        f.values[0][i] = 0.1f * (float)(i % f.c);
    assert_ok(tensor_write(dev, f.x, f.values[0], &err), &err);
    run_forward(&f);
    float *y = support_read(dev, f.y), *mean = support_read_buffer(dev, f.layer.mean, f.c);
    assert_same_bits(mean, f.values[0], f.c);
    for (size_t i = 0; i < f.size; i++)
        assert_true(y[i] == fmaxf(0, f.values[2][i % f.c]));
    free(mean);
    free(y);
    fixture_close(&f);
}

/* A NaN must reach the loss, where the run notices it. */
static void test_nan_passes(void **state)
{
    device *dev = *state;
    fixture f = fixture_open(dev, (shape){2, 3, 3, 5}, 41, true, true, 0);
    error err;
    f.values[0][2] = NAN;
    assert_ok(tensor_write(dev, f.x, f.values[0], &err), &err);
    run_forward(&f);
    float *y = support_read(dev, f.y);
    for (size_t i = 0; i < f.size; i++)
        assert_true(isnan(y[i]) == (i % f.c == 2));
    free(y);
    fixture_close(&f);
}

static void test_repeat_is_bit_identical(void **state)
{
    float *first[3] = {0};
    for (int turn = 0; turn < 2; turn++) {
        fixture f = fixture_open(*state, (shape){8, 21, 19, 35}, 50, true, true, 0);
        backward_case b = backward_open(&f);
        batchnorm_gradients g = {
            .gamma = support_buffer(f.dev, f.c, NULL),
            .terms = {1, 0},
            .x = support_tensor(f.dev, f.x.n, f.x.h, f.x.w, f.x.c, NULL),
        };
        run_backward(&f, &b, &g);
        float *results[3] = {support_read(f.dev, f.y), support_read(f.dev, g.x),
                             support_read_buffer(f.dev, g.gamma, f.c)};
        for (int i = 0; i < 3; i++) {
            if (turn == 0) {
                first[i] = results[i];
                continue;
            }
            assert_same_bits(results[i], first[i], i < 2 ? f.size : f.c);
            free(results[i]);
            free(first[i]);
        }
        buffer_release(&g.gamma);
        tensor_release(&g.x);
        backward_close(&b);
        fixture_close(&f);
    }
}

/* ---- A batch shared by several ranks ---- */

enum { MOST_RANKS = 4 };

typedef struct shared_case {
    shape whole;
    int ranks;
} shared_case;

/* One value per channel in all ranks together, one in each, one channel, one rank, odd sizes,
 * several runs in each rank, channel counts that do not fill a vector. */
static const shared_case shared_cases[] = {
    {{1, 1, 1, 5}, 1},   {{2, 1, 1, 3}, 2},    {{4, 1, 1, 1}, 4},
    {{3, 5, 7, 1}, 3},   {{5, 3, 5, 3}, 2},    {{7, 9, 9, 48}, 4},
    {{9, 13, 11, 5}, 3}, {{6, 31, 33, 19}, 4}, {{5, 6, 6, 300}, 2},
};

/* The part of one rank: elements [first, first + size) of the batch, on a device of its own. */
typedef struct share {
    device *dev;
    shared_statistics *shared;
    size_t first, size;
    tensor x, residual, y, dy;
    batchnorm_layer layer;
    batchnorm_sums sums;
    batchnorm_gradients gradients;
    cl_mem workspace;
    bool relu;
} share;

typedef struct shared_batch {
    fixture whole;
    float *dy;
    thread_ranks *ranks;
    int count;
    share shares[MOST_RANKS];
} shared_batch;

/* Sums as a convolution leaves them, over runs that the convolution chooses. */
static batchnorm_sums make_sums(device *dev, const float *x, size_t pixels, size_t c)
{
    enum { RUN = 7 };
    size_t runs = (pixels + RUN - 1) / RUN;
    float *sums = support_memory(runs * (2 * c + 1), sizeof *sums);
    for (size_t r = 0; r < runs; r++) {
        size_t begin = r * RUN, end = begin + RUN < pixels ? begin + RUN : pixels;
        const cl_int count = (cl_int)(end - begin);
        memcpy(sums + runs * 2 * c + r, &count, sizeof count);
        for (size_t k = 0; k < c; k++) {
            double mean = 0, squares = 0;
            for (size_t i = begin; i < end; i++)
                mean += x[i * c + k] / (double)count;
            for (size_t i = begin; i < end; i++)
                squares += (x[i * c + k] - mean) * (x[i * c + k] - mean);
            sums[r * 2 * c + k] = (float)mean;
            sums[r * 2 * c + c + k] = (float)squares;
        }
    }
    cl_mem buffer = support_buffer(dev, runs * (2 * c + 1), sums);
    free(sums);
    return (batchnorm_sums){buffer, runs};
}

static share share_open(device *dev, const shared_batch *b, const statistics_gather *sync,
                        size_t first, int images, bool sums)
{
    const fixture *f = &b->whole;
    int h = f->x.h, w = f->x.w, c = f->x.c;
    error err;
    share s = {.dev = dev, .first = first, .relu = f->reference.relu};
    assert_ok(shared_statistics_create(sync, c, &s.shared, &err), &err);
    s.size = (size_t)(images * h * w * c);
    s.x = support_tensor(dev, images, h, w, c, f->values[0] + first);
    s.y = support_tensor(dev, images, h, w, c, NULL);
    s.dy = support_tensor(dev, images, h, w, c, b->dy + first);
    if (f->reference.residual)
        s.residual = support_tensor(dev, images, h, w, c, f->values[3] + first);
    s.layer = (batchnorm_layer){
        .gamma = support_buffer(dev, f->c, f->values[1]),
        .beta = support_buffer(dev, f->c, f->values[2]),
        .running_mean = support_buffer(dev, f->c, f->running_mean),
        .running_variance = support_buffer(dev, f->c, f->running_variance),
        .mean = support_buffer(dev, f->c, NULL),
        .inverse_deviation = support_buffer(dev, f->c, NULL),
    };
    s.gradients = (batchnorm_gradients){
        .gamma = support_buffer(dev, f->c, NULL),
        .beta = support_buffer(dev, f->c, NULL),
        .terms = {1, 0},
        .x = support_tensor(dev, images, h, w, c, NULL),
        .residual = support_tensor(dev, images, h, w, c, NULL),
    };
    size_t own = batchnorm_workspace(dev, s.x), all = shared_statistics_workspace(sync, c);
    s.workspace = support_buffer(dev, (own > all ? own : all) / sizeof(float), NULL);
    if (sums)
        s.sums = make_sums(dev, f->values[0] + first, s.size / f->c, f->c);
    return s;
}

static void share_close(share *s)
{
    tensor *tensors[] = {&s->x,  &s->residual,    &s->y,
                         &s->dy, &s->gradients.x, &s->gradients.residual};
    cl_mem *buffers[] = {&s->layer.gamma,        &s->layer.beta,
                         &s->layer.running_mean, &s->layer.running_variance,
                         &s->layer.mean,         &s->layer.inverse_deviation,
                         &s->gradients.gamma,    &s->gradients.beta,
                         &s->workspace,          &s->sums.buffer};
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++)
        tensor_release(tensors[i]);
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        buffer_release(buffers[i]);
    shared_statistics_free(s->shared);
}

/* Splits the batch into parts of random sizes; every second part comes with its sums. */
static void shared_open(shared_batch *b, device *devices[], const shared_case *c, uint64_t seed,
                        unsigned flags)
{
    b->whole = fixture_open(devices[0], c->whole, seed, flags & 1, flags & 2, 0.3);
    b->dy = support_activations(devices[0], b->whole.size, seed + 100, -1, 1);
    b->count = c->ranks;
    b->ranks = thread_ranks_open(c->ranks);
    size_t first = 0;
    int left = c->whole.n;
    for (int r = 0; r < c->ranks; r++) {
        int after = c->ranks - r - 1;
        int images = after ? support_pick(seed, (uint64_t)r, 1, left - after) : left;
        b->shares[r] = share_open(devices[r], b, thread_ranks_statistics(b->ranks, r), first,
                                  images, ((unsigned)r + flags) % 2);
        first += b->shares[r].size;
        left -= images;
    }
    assert_int_equal(first, b->whole.size);
}

static void shared_close(shared_batch *b)
{
    for (int r = 0; r < b->count; r++)
        share_close(&b->shares[r]);
    thread_ranks_close(b->ranks);
    free(b->dy);
    fixture_close(&b->whole);
}

/* The part as a fixture with only the fields that running it needs. */
static fixture runnable(const share *s)
{
    return (fixture){.dev = s->dev,
                     .x = s->x,
                     .residual = s->residual,
                     .y = s->y,
                     .layer = s->layer,
                     .shared = s->shared,
                     .workspace = s->workspace,
                     .reference = {.relu = s->relu}};
}

static status forward_share(void *context, int rank, error *err)
{
    const share *s = &((shared_batch *)context)->shares[rank];
    const fixture f = runnable(s);
    return forward_stages(&f, s->sums, err);
}

static status backward_share(void *context, int rank, error *err)
{
    const share *s = &((shared_batch *)context)->shares[rank];
    const fixture f = runnable(s);
    return backward_stages(&f, s->dy, &s->gradients, err);
}

static void expect_same_everywhere(const shared_batch *b, cl_mem first, cl_mem other, int rank)
{
    float *a = support_read_buffer(b->shares[0].dev, first, b->whole.c);
    float *z = support_read_buffer(b->shares[rank].dev, other, b->whole.c);
    assert_same_bits(a, z, b->whole.c);
    free(a);
    free(z);
}

static void check_shared_forward(shared_batch *b)
{
    reference_batchnorm_statistics(&b->whole.reference);
    reference_batchnorm_normalise(&b->whole.reference);
    thread_ranks_run(b->ranks, forward_share, b);
    assert_int_equal(thread_ranks_exchanges(b->ranks), 1);
    const batchnorm_layer *first = &b->shares[0].layer;
    for (int r = 0; r < b->count; r++) {
        const share *s = &b->shares[r];
        fixture own = b->whole;
        own.dev = s->dev;
        own.layer = s->layer;
        expect_statistics(&own);
        expect_tensor(s->dev, s->y, b->whole.expected + s->first, s->size, 1e-5, 2e-6);
        expect_same_everywhere(b, first->mean, s->layer.mean, r);
        expect_same_everywhere(b, first->inverse_deviation, s->layer.inverse_deviation, r);
        expect_same_everywhere(b, first->running_variance, s->layer.running_variance, r);
    }
}

/* Compares the sum over the ranks. */
static void expect_sum(const shared_batch *b, bool gamma, const double *want)
{
    size_t c = b->whole.c;
    float *sum = support_memory(c, sizeof *sum);
    for (int r = 0; r < b->count; r++) {
        const share *s = &b->shares[r];
        float *own = support_read_buffer(s->dev, gamma ? s->gradients.gamma : s->gradients.beta, c);
        for (size_t k = 0; k < c; k++)
            sum[k] += own[k];
        free(own);
    }
    assert_close(sum, want, c, 1e-5, 3e-5);
    free(sum);
}

static reference_batchnorm_gradients shared_gradients(const shared_batch *b)
{
    const fixture *f = &b->whole;
    double *wide_dy = support_widen(b->dy, f->size), *y = support_memory(f->size, sizeof *y);
    reference_batchnorm_gradients want = {
        support_memory(f->size, sizeof(double)), support_memory(f->size, sizeof(double)),
        support_memory(f->c, sizeof(double)), support_memory(f->c, sizeof(double))};
    for (int r = 0; r < b->count; r++) {
        const share *s = &b->shares[r];
        float *own = support_read(s->dev, s->y);
        for (size_t i = 0; i < s->size; i++)
            y[s->first + i] = own[i];
        free(own);
    }
    reference_batchnorm_backward(&f->reference, y, wide_dy, &want);
    free(y);
    free(wide_dy);
    return want;
}

static void check_shared_backward(shared_batch *b)
{
    reference_batchnorm_statistics(&b->whole.reference);
    thread_ranks_run(b->ranks, forward_share, b);
    thread_ranks_run(b->ranks, backward_share, b);
    assert_int_equal(thread_ranks_exchanges(b->ranks), 2);
    reference_batchnorm_gradients want = shared_gradients(b);
    double tolerance = gradient_tolerance(&b->whole);
    for (int r = 0; r < b->count; r++) {
        const share *s = &b->shares[r];
        expect_tensor(s->dev, s->gradients.x, want.x + s->first, s->size, 1e-5, tolerance);
        expect_tensor(s->dev, s->gradients.residual, want.residual + s->first, s->size, 0, 0);
    }
    expect_sum(b, true, want.gamma);
    expect_sum(b, false, want.beta);
    free(want.x);
    free(want.residual);
    free(want.gamma);
    free(want.beta);
}

/* Without dx, the backward pass needs no exchange. */
static void check_no_exchange(shared_batch *b)
{
    thread_ranks_run(b->ranks, forward_share, b);
    for (int r = 0; r < b->count; r++)
        tensor_release(&b->shares[r].gradients.x);
    thread_ranks_run(b->ranks, backward_share, b);
    assert_int_equal(thread_ranks_exchanges(b->ranks), 1);
}

static void for_each_shared_case(device *dev, void (*check)(shared_batch *))
{
    device *devices[MOST_RANKS];
    for (int r = 0; r < MOST_RANKS; r++)
        devices[r] = support_open_another(dev);
    for (size_t i = 0; i < sizeof shared_cases / sizeof shared_cases[0]; i++)
        for (unsigned flags = 0; flags < 4; flags++) {
            shared_batch b = {0};
            shared_open(&b, devices, &shared_cases[i], 200 + i * 4 + flags, flags);
            check(&b);
            shared_close(&b);
        }
    for (int r = 0; r < MOST_RANKS; r++)
        device_close(devices[r]);
}

static void test_shared_forward(void **state)
{
    for_each_shared_case(*state, check_shared_forward);
}

static void test_shared_backward(void **state)
{
    for_each_shared_case(*state, check_shared_backward);
}

static void test_no_exchange(void **state)
{
    for_each_shared_case(*state, check_no_exchange);
}

/* A single rank computes results bit-identical to those of a batch without ranks. */
static void test_one_rank(void **state)
{
    error err;
    float *results[2][4];
    const shape s = {8, 21, 19, 35};
    thread_ranks *alone = thread_ranks_open(1);
    for (int turn = 0; turn < 2; turn++) {
        fixture f = fixture_open(*state, s, 51, true, true, 0);
        if (turn)
            assert_ok(
                shared_statistics_create(thread_ranks_statistics(alone, 0), s.c, &f.shared, &err),
                &err);
        backward_case b = backward_open(&f);
        batchnorm_gradients g = {
            .gamma = support_buffer(f.dev, f.c, NULL),
            .terms = {1, 0},
            .x = support_tensor(f.dev, s.n, s.h, s.w, s.c, NULL),
        };
        run_backward(&f, &b, &g);
        float *got[4] = {support_read(f.dev, f.y), support_read(f.dev, g.x),
                         support_read_buffer(f.dev, g.gamma, f.c),
                         support_read_buffer(f.dev, f.layer.running_variance, f.c)};
        memcpy(results[turn], got, sizeof got);
        buffer_release(&g.gamma);
        tensor_release(&g.x);
        backward_close(&b);
        shared_statistics_free(f.shared);
        fixture_close(&f);
    }
    for (int i = 0; i < 4; i++) {
        size_t c = (size_t)s.c, size = (size_t)(s.n * s.h * s.w) * c;
        assert_same_bits(results[1][i], results[0][i], i < 2 ? size : c);
        free(results[0][i]);
        free(results[1][i]);
    }
    assert_int_equal(thread_ranks_exchanges(alone), 2);
    thread_ranks_close(alone);
}

/* Pretends that another rank has INT_MAX pixels. *context becomes the number of pixels in this
 * rank's message. */
static status gather_too_many(void *context, const float *mine, size_t count, float *all,
                              error *err)
{
    (void)err;
    const cl_int most = INT_MAX;
    memcpy(context, mine + count - 1, sizeof(cl_int));
    memcpy(all, mine, count * sizeof *mine);
    memcpy(all + count, mine, count * sizeof *mine);
    memcpy(all + 2 * count - 1, &most, sizeof most);
    return STATUS_OK;
}

static status gather_nothing(void *context, const float *mine, size_t count, float *all, error *err)
{
    (void)context, (void)mine, (void)count, (void)all;
    return error_set(err, STATUS_FAILED, "the cable is cut");
}

static void test_failing_exchange(void **state)
{
    error err;
    cl_int said = 0;
    fixture f = fixture_open(*state, (shape){3, 5, 7, 6}, 60, false, false, 0);
    statistics_gather sync = {&said, 2, gather_too_many};
    assert_ok(shared_statistics_create(&sync, f.x.c, &f.shared, &err), &err);
    assert_int_equal(forward_stages(&f, (batchnorm_sums){0}, &err), STATUS_FAILED);
    assert_non_null(strstr(err.message, "2147483752 pixels in 2 ranks"));
    assert_int_equal(said, 3 * 5 * 7);
    sync.gather = gather_nothing;
    assert_int_equal(forward_stages(&f, (batchnorm_sums){0}, &err), STATUS_FAILED);
    assert_string_equal(err.message, "the cable is cut");
    shared_statistics_free(f.shared);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_backward),
        cmocka_unit_test(test_single_gradients),
        cmocka_unit_test(test_large_mean),
        cmocka_unit_test(test_constant_channel),
        cmocka_unit_test(test_nan_passes),
        cmocka_unit_test(test_repeat_is_bit_identical),
        cmocka_unit_test(test_shared_forward),
        cmocka_unit_test(test_shared_backward),
        cmocka_unit_test(test_no_exchange),
        cmocka_unit_test(test_one_rank),
        cmocka_unit_test(test_failing_exchange),
        support_small_tests(test_shared_forward),
        support_small_tests(test_shared_backward),
        support_small_tests(test_one_rank),
        support_small_tests(test_forward),
        support_small_tests(test_evaluate),
        support_small_tests(test_backward),
        support_small_tests(test_single_gradients),
        support_small_tests(test_nan_passes),
    };
    return cmocka_run_group_tests_name("batchnorm", tests, support_open_device,
                                       support_close_device);
}
