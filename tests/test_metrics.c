/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c: sums over batches, means, shares, and results without a coarse part. */
#include "check.h"
#include "measure/metrics.h"

#include <math.h>

static const int parents[] = {0, 0, 1, 1, 1};

/* loss, rank, guess, label, marginal loss */
static head_result coarse[] = {
    {0.5f, 0, 0, 0, 0}, {1.5f, 1, 1, 0, 0}, {2.0f, 5, 0, 1, 0}, {0.25f, 0, 1, 1, 0}};
static head_result fine[] = {
    {1.0f, 0, 1, 1, 0}, {2.0f, 4, 0, 1, 0}, {4.0f, 5, 3, 2, 0}, {8.0f, INT32_MAX, 4, 3, 0}};

static metrics add_all(void)
{
    metrics sums = {0};
    step_results first = {.count = 1, .coarse = coarse, .fine = fine};
    step_results rest = {.count = 3, .coarse = coarse + 1, .fine = fine + 1};
    metrics_add(&sums, &first, parents);
    metrics_add(&sums, &rest, parents);
    return sums;
}

static void batches_add_up(void **state)
{
    (void)state;
    metrics sums = add_all();
    assert_int_equal(sums.count, 4);
    assert_true(sums.coarse_loss == 4.25);
    assert_true(sums.fine_loss == 15.0);
    assert_int_equal(sums.coarse_top1, 2);
    assert_int_equal(sums.coarse_top5, 3);
    assert_int_equal(sums.fine_top1, 1);
    assert_int_equal(sums.fine_top5, 2);
    /* In the first and the last image, the fine and the coarse guess agree, right or wrong. */
    assert_int_equal(sums.agree, 2);
}

static void means_and_shares(void **state)
{
    (void)state;
    metrics sums = add_all();
    assert_true(metrics_mean(&sums, sums.coarse_loss) == 1.0625);
    assert_true(metrics_mean(&sums, sums.fine_loss) == 3.75);
    assert_true(metrics_loss(&sums, (loss_weights){1.0, 1.0}) == 4.8125);
    assert_true(metrics_loss(&sums, (loss_weights){0.5, 2.0}) == 8.03125);
    assert_true(metrics_loss(&sums, (loss_weights){0.0, 1.0}) == 3.75);
    assert_true(metrics_mean(&sums, (double)sums.agree) == 0.5);
    assert_true(metrics_mean(&sums, (double)sums.coarse_top5) == 0.75);
}

static void only_fine(void **state)
{
    (void)state;
    metrics sums = {0};
    step_results results = {.count = 4, .fine = fine};
    metrics_add(&sums, &results, NULL);
    assert_int_equal(sums.count, 4);
    assert_int_equal(sums.fine_top5, 2);
    assert_int_equal(sums.coarse_top5, 0);
    assert_int_equal(sums.agree, 0);
    assert_true(metrics_loss(&sums, (loss_weights){1.0, 2.0}) == 7.5);
}

static void nothing_is_zero(void **state)
{
    (void)state;
    metrics sums = {0};
    step_results none = {.count = 0, .coarse = coarse, .fine = fine};
    metrics_add(&sums, &none, parents);
    assert_true(metrics_loss(&sums, (loss_weights){1.0, 1.0}) == 0.0);
    assert_true(metrics_mean(&sums, 3) == 0.0);
}

/* The coarse weight applies to both coarse losses; with --only-fine there is only the marginal
 * one. */
static void marginal_losses(void **state)
{
    (void)state;
    metrics sums = {0};
    head_result results[] = {{1.0f, 0, 1, 1, 0.5f}, {3.0f, 4, 0, 1, 2.5f}};
    step_results step = {.count = 2, .fine = results};
    metrics_add(&sums, &step, NULL);
    assert_true(metrics_mean(&sums, sums.marginal_loss) == 1.5);
    assert_true(metrics_loss(&sums, (loss_weights){3.0, 2.0}) == 8.5);
    assert_true(metrics_loss(&sums, (loss_weights){0.0, 2.0}) == 4.0);
    sums.coarse_loss = 8;
    assert_true(metrics_loss(&sums, (loss_weights){3.0, 2.0}) == 20.5);
}

/* A loss that is not finite makes the total so, unless its weight is 0. */
static void non_finite_losses(void **state)
{
    (void)state;
    metrics sums = add_all();
    sums.coarse_loss = NAN;
    assert_true(isnan(metrics_loss(&sums, (loss_weights){1.0, 1.0})));
    assert_true(metrics_loss(&sums, (loss_weights){0.0, 1.0}) == 3.75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_add_up),  cmocka_unit_test(means_and_shares),
        cmocka_unit_test(only_fine),       cmocka_unit_test(nothing_is_zero),
        cmocka_unit_test(marginal_losses), cmocka_unit_test(non_finite_losses),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
