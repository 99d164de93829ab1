/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/ops/cross_entropy.c against the formulas in double precision. */
#include "ops/cross_entropy.h"
#include "selftest/reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct outcome {
    head_result *results;
    float *gradient; /* NULL if not requested */
} outcome;

static cl_mem label_buffer(device *dev, const int32_t *labels, size_t count)
{
    error err;
    cl_mem buffer;
    assert_ok(buffer_create(dev, count * sizeof *labels, &buffer, &err), &err);
    assert_ok(buffer_write(dev, buffer, 0, labels, count * sizeof *labels, &err), &err);
    return buffer;
}

/* labels may be NULL. */
static outcome run_terms(device *dev, const float *logits, int n, int classes,
                         const int32_t *labels, const loss_terms *also, float weight,
                         bool want_gradient)
{
    error err;
    size_t count = (size_t)n;
    tensor t = support_tensor(dev, n, 1, 1, classes, logits);
    tensor gradient = {NULL, n, 1, 1, classes};
    if (want_gradient)
        gradient = support_tensor(dev, n, 1, 1, classes, NULL);
    cl_mem device_labels = labels ? label_buffer(dev, labels, count) : NULL;
    cl_mem results;
    assert_ok(buffer_create(dev, count * sizeof(head_result), &results, &err), &err);
    marginal_terms marginal = {NULL, also->parent_count, also->marginal_weight};
    if (also->parents)
        assert_ok(cross_entropy_tree(dev, also->parents, classes, also->parent_count,
                                     &marginal.tree, &err),
                  &err);
    assert_ok(cross_entropy_forward(dev, t, device_labels, also->targets, marginal, results,
                                    gradient, weight, &err),
              &err);
    outcome o = {support_memory(count, sizeof(head_result)), NULL};
    assert_ok(buffer_read(dev, results, 0, o.results, count * sizeof(head_result), &err), &err);
    if (want_gradient)
        o.gradient = support_read(dev, gradient);
    tensor_release(&t);
    tensor_release(&gradient);
    buffer_release(&device_labels);
    buffer_release(&results);
    buffer_release(&marginal.tree);
    return o;
}

static outcome run(device *dev, const float *logits, int n, int classes, const int32_t *labels,
                   float weight, bool want_gradient)
{
    const loss_terms plain = {0};
    return run_terms(dev, logits, n, classes, labels, &plain, weight, want_gradient);
}

static void outcome_free(outcome *o)
{
    free(o->results);
    free(o->gradient);
}

static void expect_case(device *dev, int n, int classes, double spread, uint64_t seed)
{
    size_t size = (size_t)n * (size_t)classes;
    float *logits = support_activations(dev, size, seed, -spread, spread);
    double *wide = support_widen(logits, size), *want = support_memory(size, sizeof *want);
    double *losses = support_memory((size_t)n, sizeof *losses);
    float *got_losses = support_memory((size_t)n, sizeof *got_losses);
    int32_t *labels = support_memory((size_t)n, sizeof *labels);
    const double weight = 1.75;
    for (int i = 0; i < n; i++)
        labels[i] = support_pick(seed, (uint64_t)i, 0, classes - 1);
    outcome o = run(dev, logits, n, classes, labels, (float)weight, true);
    for (int i = 0; i < n; i++) {
        const double *row = wide + (size_t)i * (size_t)classes;
        double *slope = want + (size_t)i * (size_t)classes;
        int rank = 0, guess = 0;
        reference_softmax(row, classes, slope);
        for (int j = 0; j < classes; j++) {
            rank += row[j] > row[labels[i]] || (j < labels[i] && row[j] == row[labels[i]]);
            guess = row[j] > row[guess] ? j : guess;
            slope[j] = weight / n * (slope[j] - (j == labels[i]));
        }
        losses[i] = reference_loss(row, classes, labels[i]);
        got_losses[i] = o.results[i].loss;
        assert_int_equal(o.results[i].rank, rank);
        assert_int_equal(o.results[i].guess, guess);
        assert_int_equal(o.results[i].label, labels[i]);
    }
    /* logit - top is rounded to half an ulp of the spread; exp makes that a relative error. */
    double tolerance = 2e-6 + 1e-7 * spread;
    assert_close(got_losses, losses, (size_t)n, tolerance, tolerance);
    double rounding = support_rounding(dev), smallest = support_smallest(dev);
    assert_close(o.gradient, want, size, tolerance + rounding, tolerance * weight / n + smallest);
    outcome_free(&o);

    outcome without = run(dev, logits, n, classes, labels, 1, false);
    for (int i = 0; i < n; i++)
        assert_true(without.results[i].loss == got_losses[i]);
    outcome_free(&without);
    free(logits);
    free(wide);
    free(want);
    free(losses);
    free(got_losses);
    free(labels);
}

static void test_random(void **state)
{
    const int counts[] = {1, 2, 7, 32}, classes[] = {1, 2, 3, 5, 16, 17, 20, 33, 100, 1000};
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t j = 0; j < sizeof classes / sizeof *classes; j++)
            for (double spread = 0.1; spread < 1000; spread *= 10)
                expect_case(*state, counts[i], classes[j], spread, seed++);
}

/* The gradient formula in expect_case is the slope of the reference's loss. */
static void test_reference(void **state)
{
    (void)state;
    double logits[5] = {0.3, -1.2, 2.0, 0.0, 1.1}, probabilities[5];
    const double step = 1e-6;
    reference_softmax(logits, 5, probabilities);
    for (int label = 0; label < 5; label++)
        for (int j = 0; j < 5; j++) {
            double value = logits[j];
            logits[j] = value + step;
            double above = reference_loss(logits, 5, label);
            logits[j] = value - step;
            double below = reference_loss(logits, 5, label);
            logits[j] = value;
            double slope = (above - below) / (2 * step);
            assert_true(fabs(slope - (probabilities[j] - (j == label))) < 1e-8);
        }
}

/* ---- Smoothed and mixed targets, and the marginal loss ---- */

static void expect_results(const loss_problem *p, double *wide, const outcome *o)
{
    size_t count = (size_t)p->n;
    double *losses = support_memory(2 * count, sizeof *losses);
    float *got = support_memory(2 * count, sizeof *got);
    for (int i = 0; i < p->n; i++) {
        double *row = wide + (size_t)i * (size_t)p->classes;
        reference_head head = reference_head_of(p, row, i);
        assert_int_equal(o->results[i].label, head.label);
        assert_int_equal(o->results[i].rank, head.rank);
        assert_int_equal(o->results[i].guess, head.guess);
        losses[2 * i] = head.loss;
        losses[2 * i + 1] = head.marginal_loss;
        got[2 * i] = o->results[i].loss;
        got[2 * i + 1] = o->results[i].marginal_loss;
    }
    assert_close(got, losses, 2 * count, 5e-6, 5e-6);
    free(losses);
    free(got);
}

/* A random tree: parents without children, with one child, and with most of them. */
static void draw_problem(uint64_t seed, loss_problem *p, int parents[REFERENCE_CLASSES],
                         int32_t labels[7])
{
    *p = (loss_problem){.n = support_pick(seed, 0, 1, 7),
                        .classes = support_pick(seed, 1, 2, REFERENCE_CLASSES),
                        .labels = labels,
                        .weight = 1.75};
    p->also.targets.smoothing = support_pick(seed, 2, 0, 1) ? 0.1f : 0;
    p->also.targets.partner_share = (float)support_pick(seed, 3, 0, 4) / 4;
    p->also.parent_count = support_pick(seed, 4, 1, 12);
    p->also.marginal_weight = 0.75f;
    p->also.parents = support_pick(seed, 5, 0, 2) ? parents : NULL;
    for (int j = 0; j < p->classes; j++)
        parents[j] = support_pick(seed, 10 + (uint64_t)j, 0, p->also.parent_count - 1);
    for (int i = 0; i < p->n; i++)
        labels[i] = support_pick(seed, 60 + (uint64_t)i, 0, p->classes - 1);
}

static void expect_terms(device *dev, uint64_t seed, double spread)
{
    int parents[REFERENCE_CLASSES];
    int32_t labels[7];
    loss_problem p;
    draw_problem(seed, &p, parents, labels);
    int classes = p.classes;
    size_t size = (size_t)(p.n * classes);
    float *logits = support_activations(dev, size, seed, -spread, spread);
    double *wide = support_widen(logits, size), *want = support_memory(size, sizeof *want);
    outcome o = run_terms(dev, logits, p.n, classes, labels, &p.also, (float)p.weight, true);
    expect_results(&p, wide, &o);
    for (int i = 0; i < p.n; i++)
        for (int j = 0; j < classes; j++)
            want[i * classes + j] = reference_slope(&p, wide + i * classes, i, j);
    double rounding = support_rounding(dev), smallest = support_smallest(dev);
    assert_close(o.gradient, want, size, 5e-6 + rounding, 2e-6 + smallest);
    outcome_free(&o);
    free(logits);
    free(wide);
    free(want);
}

static void test_terms(void **state)
{
    for (uint64_t seed = 500; seed < 580; seed++)
        expect_terms(*state, seed, seed % 3 == 0 ? 20 : 2);
}

/* A parent whose probability underflows a float still has a logarithm and a slope, and the gradient
 * may overwrite the logits. */
static void test_unlikely_parent(void **state)
{
    const float logits[] = {200, 1, 200, 0};
    const int parents[] = {0, 1, 0, 1};
    const int32_t label = 3;
    const loss_terms also = {.parents = parents, .parent_count = 2, .marginal_weight = 2};
    outcome o = run_terms(*state, logits, 1, 4, &label, &also, 0, true);
    const double loss = 200 + log(2) - log(exp(1) + 1);
    assert_true(fabs((double)o.results[0].marginal_loss - loss) < 1e-4);
    const double up = exp(1) / (exp(1) + 1);
    const double want[] = {1, -2 * up, 1, -2 * (1 - up)};
    assert_close(o.gradient, want, 4, 1e-6 + support_rounding(*state), 1e-6);
    outcome_free(&o);
    error err;
    cl_mem tree, labels = label_buffer(*state, &label, 1), results;
    assert_ok(cross_entropy_tree(*state, parents, 4, 2, &tree, &err), &err);
    assert_ok(buffer_create(*state, sizeof(head_result), &results, &err), &err);
    tensor t = support_tensor(*state, 1, 1, 1, 4, logits);
    const target_terms plain = {0};
    const marginal_terms marginal = {tree, 2, 2};
    assert_ok(cross_entropy_forward(*state, t, labels, plain, marginal, results, t, 0, &err), &err);
    float *got = support_read(*state, t);
    assert_close(got, want, 4, 1e-6 + support_rounding(*state), 1e-6);
    free(got);
    tensor_release(&t);
    buffer_release(&tree);
    buffer_release(&labels);
    buffer_release(&results);
}

/* A logit may be infinite if its class has no part in the target; a partner's label must be a
 * class. */
static void test_absent_partner(void **state)
{
    const float logits[] = {-INFINITY, 1, 2, 0, 1, 2};
    const int32_t labels[] = {2, 7};
    loss_terms also = {0};
    outcome o = run_terms(*state, logits, 2, 3, labels, &also, 1, true);
    assert_true(isfinite(o.results[0].loss) && isnan(o.results[1].loss));
    outcome_free(&o);
    also.targets.partner_share = 0.25f;
    o = run_terms(*state, logits, 2, 3, labels, &also, 1, true);
    assert_true(isnan(o.results[0].loss) && isnan(o.results[1].loss));
    for (int i = 0; i < 6; i++)
        assert_true(isnan(o.gradient[i]));
    outcome_free(&o);
}

static void test_ties(void **state)
{
    const float logits[] = {1, 3, 3, 2, 3};
    const int32_t ranks[] = {4, 0, 1, 3, 2};
    for (int32_t label = 0; label < 5; label++) {
        outcome o = run(*state, logits, 1, 5, &label, 1, false);
        assert_int_equal(o.results[0].rank, ranks[label]);
        assert_int_equal(o.results[0].guess, 1);
        outcome_free(&o);
    }
}

/* exp(1e30) and exp(-1e30) do not fit a float, but the loss does. */
static void test_huge_logits(void **state)
{
    const float logits[] = {1e30f, -1e30f, 0, 1e30f};
    int32_t label = 3;
    outcome o = run(*state, logits, 1, 4, &label, 1, true);
    assert_true(fabs(o.results[0].loss - log(2)) < 1e-6);
    const double want[] = {0.5, 0, 0, -0.5};
    assert_close(o.gradient, want, 4, 1e-6, 0);
    outcome_free(&o);
    label = 1;
    o = run(*state, logits, 1, 4, &label, 1, false);
    assert_true(o.results[0].loss > 1e30f);
    assert_int_equal(o.results[0].rank, 3);
    outcome_free(&o);
}

static void test_nan(void **state)
{
    const float logits[][3] = {{NAN, NAN, NAN}, {5, NAN, 1}, {NAN, 5, 1}, {5, 1, NAN}};
    const int32_t labels[] = {0, 0, 0, 2};
    const int32_t ranks[] = {INT32_MAX, 1, INT32_MAX, INT32_MAX};
    const int32_t guesses[] = {0, 1, 0, 2};
    outcome o = run(*state, logits[0], 4, 3, labels, 1, true);
    for (int i = 0; i < 4; i++) {
        assert_true(isnan(o.results[i].loss));
        assert_int_equal(o.results[i].rank, ranks[i]);
        assert_int_equal(o.results[i].guess, guesses[i]);
    }
    for (int i = 0; i < 12; i++)
        assert_true(isnan(o.gradient[i]));
    outcome_free(&o);
    const float infinite[] = {INFINITY, 0, 1};
    o = run(*state, infinite, 1, 3, labels, 1, false);
    assert_false(isfinite(o.results[0].loss));
    outcome_free(&o);
}

static void test_no_label(void **state)
{
    const float logits[] = {1, 4, 2, 9, 4, 2};
    const int32_t labels[] = {-1, 3};
    outcome o = run(*state, logits, 2, 3, labels, 1, true);
    outcome missing = run(*state, logits, 2, 3, NULL, 1, false);
    for (int i = 0; i < 2; i++) {
        assert_true(isnan(o.results[i].loss) && isnan(missing.results[i].loss));
        assert_int_equal(o.results[i].rank, INT32_MAX);
        assert_int_equal(missing.results[i].rank, INT32_MAX);
        assert_int_equal(o.results[i].guess, i == 0);
        assert_int_equal(missing.results[i].guess, i == 0);
        assert_int_equal(o.results[i].label, labels[i]);
        assert_int_equal(missing.results[i].label, -1);
    }
    for (int i = 0; i < 6; i++)
        assert_true(isnan(o.gradient[i]));
    outcome_free(&o);
    outcome_free(&missing);
}

static void test_repeat_is_bit_identical(void **state)
{
    enum { N = 9, CLASSES = 101 };
    float *logits = support_random(N * CLASSES, 80, -5, 5);
    int32_t labels[N] = {0, 100, 3, 50, 7, 7, 99, 1, 2};
    outcome a = run(*state, logits, N, CLASSES, labels, 2, true);
    outcome b = run(*state, logits, N, CLASSES, labels, 2, true);
    assert_memory_equal(a.results, b.results, N * sizeof(head_result));
    assert_same_bits(a.gradient, b.gradient, N * CLASSES);
    outcome_free(&a);
    outcome_free(&b);
    free(logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_unlikely_parent),
        cmocka_unit_test(test_absent_partner),
        support_small_tests(test_terms),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_huge_logits),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_no_label),
        cmocka_unit_test(test_repeat_is_bit_identical),
        support_small_tests(test_random),
        support_small_tests(test_nan),
    };
    return cmocka_run_group_tests_name("cross_entropy", tests, support_open_device,
                                       support_close_device);
}
