/* SPDX-License-Identifier: Apache-2.0 */
/* The bias and its gradient against sums in double precision. */
#include "ops/bias.h"
#include "support.h"

#include <stdlib.h>

enum { CASES = 16 };

static void check_case(device *dev, uint64_t seed)
{
    static const int channel_counts[] = {1, 3, 16, 17, 20, 33, 100, 5};
    error err;
    int c = channel_counts[seed % 8], n = support_pick(seed, 1, 1, 9);
    int h = support_pick(seed, 2, 1, 5), w = support_pick(seed, 3, 1, 5);
    size_t count = (size_t)(n * h * w * c);
    float *y = support_activations(dev, count, seed, -1, 1),
          *bias = support_random((size_t)c, seed + 1, -1, 1);
    double *want = support_widen(y, count), *sums = support_memory((size_t)c, sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        sums[i % (size_t)c] += want[i];
        want[i] += bias[i % (size_t)c];
    }
    tensor t = support_tensor(dev, n, h, w, c, y);
    cl_mem b = support_buffer(dev, (size_t)c, bias);
    for (int i = 0; i < SUPPORT_TERMS; i++) {
        gradient_terms terms = support_terms(seed, i);
        support_target target = support_target_open(dev, (size_t)c, seed, terms, sums);
        assert_ok(bias_backward(dev, t, target.buffer, terms, &err), &err);
        support_target_close(dev, &target, 1e-5, 1e-5);
    }
    assert_ok(bias_forward(dev, t, b, &err), &err);
    float *got = support_read(dev, t);
    assert_close(got, want, count, 1e-6 + support_rounding(dev), 1e-6);
    void *host[] = {y, bias, want, sums, got};
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
    tensor_release(&t);
    buffer_release(&b);
}

static void test_bias(void **state)
{
    for (uint64_t seed = 0; seed < CASES; seed++)
        check_case(*state, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bias), support_small_tests(test_bias)};
    return cmocka_run_group_tests_name("bias", tests, support_open_device, support_close_device);
}
