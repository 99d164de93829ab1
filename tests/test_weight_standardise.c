/* SPDX-License-Identifier: Apache-2.0 */
/* Weight standardisation against the formulas in double precision, whose gradient is itself checked
 * by central differences. */
#include "ops/weight_standardise.h"
#include "selftest/reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

typedef struct size {
    int rows, c;
} size;

/* One weight per channel, one channel, channel counts that do not fill a vector, and rows of
 * several runs, the last of them shorter. */
static const size sizes[] = {{1, 1},   {1, 19},  {2, 5},    {147, 64}, {9, 1},
                             {64, 16}, {65, 33}, {576, 40}, {4613, 7}, {2048, 17}};

typedef struct fixture {
    float *w, *g;
    double *wide_w, *wide_g;
    reference_weight_standardise r;
} fixture;

static fixture fixture_open(size s, uint64_t seed)
{
    fixture f = {.r = {.rows = (size_t)s.rows, .c = (size_t)s.c}};
    reference_weight_standardise *r = &f.r;
    size_t count = r->rows * r->c;
    f.w = support_random(count, seed, 0.08, 0.12); /* the deviation is small beside the mean */
    f.g = support_random(count, seed + 1, -1, 1);
    r->w = f.wide_w = support_widen(f.w, count);
    r->g = f.wide_g = support_widen(f.g, count);
    r->mean = support_memory(r->c, sizeof(double));
    r->inverse = support_memory(r->c, sizeof(double));
    r->v = support_memory(count, sizeof(double));
    r->dw = support_memory(count, sizeof(double));
    return f;
}

static void fixture_close(fixture *f)
{
    void *host[] = {f->w, f->g, f->wide_w, f->wide_g, f->r.mean, f->r.inverse, f->r.v, f->r.dw};
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
}

static void expect(device *dev, cl_mem buffer, const double *want, size_t count, double relative,
                   double absolute)
{
    float *got = support_read_buffer(dev, buffer, count);
    assert_close(got, want, count, relative, absolute);
    free(got);
}

static void check_case(device *dev, size s, uint64_t seed)
{
    error err;
    fixture f = fixture_open(s, seed);
    reference_weight_standardise *r = &f.r;
    size_t count = r->rows * r->c;
    cl_mem v = support_buffer(dev, count, NULL), g = support_buffer(dev, count, f.g);
    cl_mem workspace =
        support_buffer(dev, weight_standardise_workspace(s.rows, s.c) / sizeof(float), NULL);
    weight_standardise_layer layer = {s.rows, s.c, support_buffer(dev, count, f.w),
                                      support_buffer(dev, r->c, NULL),
                                      support_buffer(dev, r->c, NULL)};
    reference_weight_standardise_forward(r);
    reference_weight_standardise_backward(r);
    assert_ok(weight_standardise_measure(dev, &layer, workspace, &err), &err);
    expect(dev, layer.mean, r->mean, r->c, 1e-6, 0);
    expect(dev, layer.inverse_deviation, r->inverse, r->c, 1e-5, 0);
    assert_ok(weight_standardise_apply(dev, &layer, v, &err), &err);
    expect(dev, v, r->v, count, 1e-5, 1e-5);
    double largest = 0; /* the deviation is a hundredth */
    for (size_t k = 0; k < r->c; k++)
        largest = fmax(largest, r->inverse[k]);
    for (int i = 0; i < SUPPORT_TERMS; i++) {
        gradient_terms terms = support_terms(seed, i);
        support_target dw = support_target_open(dev, count, seed, terms, r->dw);
        assert_ok(weight_standardise_backward(dev, &layer, g, dw.buffer, terms, workspace, &err),
                  &err);
        support_target_close(dev, &dw, 1e-5, 3e-6 * largest);
    }
    /* Into the weights themselves, and in place of g. */
    gradient_terms step = {-1e-3f, 1}, store = {1, 0};
    assert_ok(weight_standardise_backward(dev, &layer, g, layer.weights, step, workspace, &err),
              &err);
    for (size_t i = 0; i < count; i++)
        f.wide_w[i] -= 1e-3 * r->dw[i];
    expect(dev, layer.weights, f.wide_w, count, 1e-5, 3e-9 * largest);
    assert_ok(buffer_write(dev, layer.weights, 0, f.w, count * sizeof *f.w, &err), &err);
    assert_ok(weight_standardise_backward(dev, &layer, g, g, store, workspace, &err), &err);
    expect(dev, g, r->dw, count, 1e-5, 3e-6 * largest);
    cl_mem *buffers[] = {&v, &g, &workspace, &layer.weights, &layer.mean, &layer.inverse_deviation};
    for (int i = 0; i < 6; i++)
        buffer_release(buffers[i]);
    fixture_close(&f);
}

static void test_weight_standardise(void **state)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_case(*state, sizes[i], 3 * i);
}

static double loss(reference_weight_standardise *r)
{
    double sum = 0;
    reference_weight_standardise_forward(r);
    for (size_t i = 0; i < r->rows * r->c; i++)
        sum += r->v[i] * r->g[i];
    return sum;
}

/* The reference's gradient is the slope of its own forward pass. */
static void test_reference(void **state)
{
    (void)state;
    const double step = 1e-7;
    fixture f = fixture_open((size){11, 3}, 40);
    reference_weight_standardise *r = &f.r;
    reference_weight_standardise_forward(r);
    reference_weight_standardise_backward(r);
    for (size_t i = 0; i < r->rows * r->c; i++) {
        double kept = f.wide_w[i];
        f.wide_w[i] = kept + step;
        double above = loss(r);
        f.wide_w[i] = kept - step;
        double below = loss(r);
        f.wide_w[i] = kept;
        double slope = (above - below) / (2 * step);
        if (fabs(slope - r->dw[i]) > 1e-5 * (1 + fabs(slope)))
            fail_msg("[%zu]: %g, but %g by differences", i, r->dw[i], slope);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_weight_standardise),
        support_small_tests(test_weight_standardise),
    };
    return cmocka_run_group_tests_name("weight_standardise", tests, support_open_device,
                                       support_close_device);
}
