/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/ops/mix.c: every pixel of the batch against the formulas. */
#include "ops/mix.h"
#include "selftest/reference.h"
#include "support.h"

#include <stdlib.h>

static void expect_mix(device *dev, int n, int h, int w, const batch_mix *m, uint64_t seed)
{
    error err;
    size_t count = (size_t)(n * h * w * 3);
    float *before = support_activations(dev, count, seed, -3, 3);
    double *want = support_memory(count, sizeof *want);
    for (int i = 0; i < n; i++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                for (int colour = 0; colour < 3; colour++)
                    want[((i * h + y) * w + x) * 3 + colour] =
                        reference_mix(before, n, h, w, m, i, y, x, colour);
    tensor t = support_tensor(dev, n, h, w, 3, before);
    assert_ok(mix_forward(dev, t, m, &err), &err);
    float *got = support_read(dev, t);
    /* Cutmix copies values without rounding. */
    double tolerance = m->right == 0 ? 1e-6 + support_rounding(dev) : 0;
    assert_close(got, want, count, tolerance, m->right == 0 ? 1e-6 : 0);
    tensor_release(&t);
    free(got);
    free(want);
    free(before);
}

static void test_mixup(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        batch_mix m = {.partner_share = (float)support_pick(seed, 9, 1, 1000) / 1000};
        expect_mix(*state, support_pick(seed, 0, 1, 9), support_pick(seed, 1, 1, 17),
                   support_pick(seed, 2, 1, 17), &m, seed);
    }
}

static void test_cutmix(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        int h = support_pick(seed, 1, 1, 17), w = support_pick(seed, 2, 1, 17);
        batch_mix m = {.left = support_pick(seed, 3, 0, w - 1),
                       .top = support_pick(seed, 4, 0, h - 1)};
        m.right = support_pick(seed, 5, m.left + 1, w);
        m.bottom = support_pick(seed, 6, m.top + 1, h);
        m.partner_share = (float)((m.right - m.left) * (m.bottom - m.top)) / (float)(w * h);
        expect_mix(*state, support_pick(seed, 0, 1, 9), h, w, &m, seed);
    }
}

/* No mixing, even with an empty box at another place. */
static void test_nothing_to_mix(void **state)
{
    const batch_mix none = {0}, empty = {.left = 2, .right = 2};
    expect_mix(*state, 4, 3, 5, &none, 50);
    expect_mix(*state, 4, 3, 5, &empty, 51);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixup),          cmocka_unit_test(test_cutmix),
        cmocka_unit_test(test_nothing_to_mix), support_small_tests(test_mixup),
        support_small_tests(test_cutmix),
    };
    return cmocka_run_group_tests_name("mix", tests, support_open_device, support_close_device);
}
