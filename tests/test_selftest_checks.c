/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/selftest: the comparison notices every kind of fault; each check passes on the
 * test's device, and fails if any of its kernels does not run. The test replaces what enqueues a
 * kernel (Makefile.am). */
#include "check.h"
#include "device/kernel.h"
#include "model/parameters.h"
#include "ops/gemm.h"
#include "selftest/check.h"
#include "selftest/convolution_checks.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Kernels enqueued so far, and the one that is left out instead; -1: none. */
static int launches, lost = -1;

status __real_kernel_launch(device *dev, const char *program, const char *kernel,
                            launch_range range, const kernel_argument *arguments, size_t count,
                            error *err);
status __wrap_kernel_launch(device *dev, const char *program, const char *kernel,
                            launch_range range, const kernel_argument *arguments, size_t count,
                            error *err);
status __real_gemm_run(device *dev, const gemm_problem *problem, cl_mem workspace, error *err);
status __wrap_gemm_run(device *dev, const gemm_problem *problem, cl_mem workspace, error *err);

status __wrap_kernel_launch(device *dev, const char *program, const char *kernel,
                            launch_range range, const kernel_argument *arguments, size_t count,
                            error *err)
{
    if (launches++ == lost)
        return STATUS_OK;
    return __real_kernel_launch(dev, program, kernel, range, arguments, count, err);
}

status __wrap_gemm_run(device *dev, const gemm_problem *problem, cl_mem workspace, error *err)
{
    return launches++ == lost ? STATUS_OK : __real_gemm_run(dev, problem, workspace, err);
}

enum { COUNT = 5 };
static const double want[COUNT] = {1, -2, 0.5, 0, 1.5};

static deviation compare(const float got[COUNT], double bound)
{
    deviation found = deviation_none;
    deviation_add(&found, got, want, COUNT, bound);
    return found;
}

/* The error is relative to the largest value, wherever it is. */
static void test_error(void **state)
{
    (void)state;
    float got[COUNT] = {1, -2, 0.5f, 0, 1.5f};
    deviation same = compare(got, 0);
    assert_true(same.error == 0 && same.bound == 0 && deviation_within(&same));
    for (int i = 0; i < COUNT; i++) {
        float kept = got[i];
        got[i] += 0.25f;
        deviation exact = compare(got, 0.125), tight = compare(got, 0.124), none = compare(got, 0);
        assert_true(exact.error == 0.125 && deviation_within(&exact));
        assert_true(tight.error == 0.125 && !deviation_within(&tight));
        assert_false(deviation_within(&none));
        got[i] = kept;
    }
}

/* A single NaN, infinite or unwritten element is never within a bound. */
static void test_wrong_element(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < COUNT; i++)
        for (int b = 0; b < 3; b++) {
            float got[COUNT] = {1, -2, 0.5f, 0, 1.5f};
            got[i] = bad[b];
            deviation found = compare(got, 1e9);
            assert_true(b == 0 ? isnan(found.error) : isinf(found.error));
            assert_false(deviation_within(&found));
        }
}

/* A reference that is wrong itself, and a result that should be all zeros. */
static void test_odd_references(void **state)
{
    (void)state;
    const double nan[2] = {1, NAN}, zeros[2] = {0, 0};
    const float one[2] = {1, 1}, nothing[2] = {0, 0}, nearly[2] = {0, 1e-30f};
    deviation found = deviation_none;
    assert_false(deviation_within(&found));
    deviation_add(&found, one, nan, 2, 1);
    assert_true(isnan(found.error));
    found = deviation_none;
    deviation_add(&found, nothing, zeros, 2, 0.5);
    assert_true(found.error == 0 && deviation_within(&found));
    deviation_add(&found, nearly, zeros, 2, 0.5);
    assert_true(isinf(found.error) && !deviation_within(&found));
}

/* Of several results the one that is farthest beyond its bound is kept, in any order. */
static void test_worst_is_kept(void **state)
{
    (void)state;
    static const struct {
        float got;
        double bound;
    } results[] = {{1, 0}, {1.25f, 1}, {1.125f, 0.25}, {1.5f, 0.5}, {NAN, 1}};
    enum { RESULTS = sizeof results / sizeof results[0] };
    const double one = 1;
    for (int last = 1; last < RESULTS; last++)
        for (int first = 0; first <= last; first++) {
            deviation found = deviation_none;
            for (int i = 0; i <= last; i++) {
                int at = (first + i) % (last + 1);
                deviation_add(&found, &results[at].got, &one, 1, results[at].bound);
            }
            assert_true(found.bound == results[last].bound);
            assert_true(isnan(results[last].got) ? isnan(found.error)
                                                 : found.error == (double)results[last].got - 1);
        }
}

static deviation run_check(device *dev, const operation_check *c)
{
    error err;
    deviation found;
    launches = 0;
    if (operation_check_run(c, dev, &found, &err) != STATUS_OK)
        fail_msg("%s: %s", c->name, err.message);
    return found;
}

static void test_checks_pass(void **state)
{
    for (const operation_check *c = operation_checks; c->name; c++) {
        deviation found = run_check(*state, c);
        if (!deviation_within(&found))
            fail_msg("%s: the error is %g, but at most %g is expected", c->name, found.error,
                     found.bound);
    }
}

/* The launches of a check that change nothing: a step that must be skipped, and in fp16 the search
 * for an overflow that there is not. */
static int idle_launches(const device *dev, const operation_check *c)
{
    if (strncmp(c->name, "optimizer", strlen("optimizer")) != 0)
        return 0;
    return precision_scales_loss(dev->precision) ? 2 : 1;
}

static void test_lost_kernel(void **state)
{
    for (const operation_check *c = operation_checks; c->name; c++) {
        run_check(*state, c);
        int all = launches, unnoticed = 0;
        assert_true(all > 0);
        for (int i = 0; i < all; i++) {
            lost = i;
            deviation found = run_check(*state, c);
            lost = -1;
            unnoticed += deviation_within(&found);
        }
        if (unnoticed != idle_launches(*state, c))
            fail_msg("%s: %d of %d kernels can be left out", c->name, unnoticed, all);
    }
}

/* The tensor cores' convolutions, which are emulated here, are checked in tf32 alone. The error is
 * one of rounded factors, and within its bound. */
static void test_tensor_cores(void **state)
{
    device *dev = *state;
    const convolution_choice by = {&tensor_gemm, 0};
    for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++) {
        const enum convolution_direction direction = (enum convolution_direction)d;
        deviation found;
        error err;
        for (int p = 0; word_list_at(&precision_words, p); p++) {
            dev->precision = (enum precision)p;
            assert_int_equal(convolution_check_applies(dev, by, direction), p == PRECISION_TF32);
        }
        dev->precision = PRECISION_TF32;
        CHECK_OK(convolution_check_run(dev, by, direction, 1, &found, &err));
        assert_true(deviation_within(&found) && found.error > 0x1p-16);
    }
}

/* The checks that a network needs, as one text. */
static void expect_needed(const network_options *options, network_uses uses, bool gemm,
                          const char *expected)
{
    error err;
    graph g;
    char names[1024] = "";
    CHECK_OK(hcnn_build(options, &g, &err));
    CHECK_OK(parameters_freeze(&g, options->freeze, &err));
    CHECK_OK(graph_finish(&g, options->training, &err));
    for (int i = 0; i < g.count; i++)
        for (int d = 0; d < CONVOLUTION_DIRECTIONS; d++)
            g.nodes[i].choices[d].algorithm = gemm ? &im2col_gemm : &direct_convolution;
    for (const operation_check *c = operation_checks; c->name; c++)
        if (operation_check_needed(c, &g, options, uses)) {
            size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "", c->name);
        }
    graph_free(&g);
    assert_string_equal(names, expected);
}

static const network_uses nothing = {0};
static const char bit_checks[] =
    "input bias bias_backward group_norm group_norm_backward weight_standardise "
    "weight_standardise_backward max_pool max_pool_backward average_pool average_pool_backward "
    "add add_backward gate gate_backward cross_entropy cross_entropy_marginal optimizer_sgd "
    "initialize";

static void test_needed_in_evaluation(void **state)
{
    (void)state;
    network_options o = {.backbone = "tiny",
                         .stem = STEM_IMAGENET,
                         .coarse_classes = 2,
                         .fine_classes = 4,
                         .image_size = 64,
                         .batch_size = 2};
    expect_needed(&o, nothing, false,
                  "input bias batchnorm_inference max_pool average_pool concat cross_entropy");
    o.stem = STEM_CIFAR;
    o.only_fine = true;
    expect_needed(&o, nothing, true,
                  "input gemm bias batchnorm_inference average_pool cross_entropy");
}

static void test_needed_in_training(void **state)
{
    (void)state;
    const int parents[4] = {0, 0, 1, 1};
    const statistics_gather sync = {0};
    const network_uses steps = {.steps = true}, all = {true, true, true};
    network_options o = {.backbone = "tiny",
                         .stem = STEM_CIFAR,
                         .only_fine = true,
                         .coarse_classes = 2,
                         .fine_classes = 4,
                         .image_size = 64,
                         .batch_size = 2,
                         .training = true};
    expect_needed(&o, nothing, false,
                  "input bias bias_backward batchnorm batchnorm_inference batchnorm_backward "
                  "average_pool average_pool_backward cross_entropy initialize");
    o.stem = STEM_IMAGENET;
    o.only_fine = false;
    o.averaged = true;
    o.solver_slots = 2;
    o.sync = &sync;
    expect_needed(&o, all, true,
                  "input mix gemm bias bias_backward batchnorm batchnorm_inference "
                  "batchnorm_backward batchnorm_shared max_pool max_pool_backward average_pool "
                  "average_pool_backward concat concat_backward cross_entropy gradients "
                  "optimizer_adam moving_average initialize");
    o = (network_options){.backbone = "tiny_bit",
                          .coarse_classes = 2,
                          .fine_classes = 4,
                          .image_size = 64,
                          .batch_size = 2,
                          .training = true,
                          .fusion = "gate",
                          .solver_slots = 1,
                          .marginal_parents = parents};
    expect_needed(&o, steps, false, bit_checks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_wrong_element),
        cmocka_unit_test(test_odd_references),
        cmocka_unit_test(test_worst_is_kept),
        cmocka_unit_test(test_checks_pass),
        support_small_tests(test_checks_pass),
        cmocka_unit_test(test_lost_kernel),
        support_small_tests(test_lost_kernel),
        cmocka_unit_test_setup_teardown(test_tensor_cores, support_open_tf32_device,
                                        support_close_device),
        cmocka_unit_test(test_needed_in_evaluation),
        cmocka_unit_test(test_needed_in_training),
    };
    return cmocka_run_group_tests_name("selftest_checks", tests, support_open_device,
                                       support_close_device);
}
