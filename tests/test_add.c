/* SPDX-License-Identifier: Apache-2.0 */
/* The sum, and its gradients, which are copies of the output's gradient or are added to a
 * buffer. */
#include "ops/add.h"
#include "support.h"

#include <stdlib.h>

enum { CASES = 12 };

static void check_case(device *dev, uint64_t seed)
{
    static const int channel_counts[] = {1, 3, 16, 17, 33, 100};
    error err;
    int c = channel_counts[seed % 6], n = support_pick(seed, 1, 1, 3);
    int h = support_pick(seed, 2, 1, 5), w = support_pick(seed, 3, 1, 5);
    size_t count = (size_t)(n * h * w * c);
    float *first = support_activations(dev, count, seed, -1, 1);
    float *second = support_activations(dev, count, seed + 100, -1, 1);
    double *sum = support_widen(first, count), *grown = support_widen(second, count);
    for (size_t i = 0; i < count; i++)
        sum[i] += second[i];
    tensor a = support_tensor(dev, n, h, w, c, first), b = support_tensor(dev, n, h, w, c, second);
    tensor y = support_tensor(dev, n, h, w, c, NULL), d = support_tensor(dev, n, h, w, c, NULL);
    tensor none = {0};
    assert_ok(add_forward(dev, a, b, y, &err), &err);
    float *got = support_read(dev, y);
    assert_close(got, sum, count, 1e-6 + support_rounding(dev), support_smallest(dev));
    /* Backward with `a` as the output's gradient: stored in d, added to b. */
    assert_ok(add_backward(dev, a, d, b, false, true, &err), &err);
    assert_ok(add_backward(dev, a, none, none, false, false, &err), &err);
    float *anew = support_read(dev, d), *on_top = support_read(dev, b);
    for (size_t i = 0; i < count; i++)
        grown[i] += first[i];
    assert_same_bits(anew, first, count);
    assert_close(on_top, grown, count, 1e-6 + support_rounding(dev), support_smallest(dev));
    void *host[] = {first, second, sum, grown, got, anew, on_top};
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
    tensor_release(&a);
    tensor_release(&b);
    tensor_release(&y);
    tensor_release(&d);
}

static void test_add(void **state)
{
    for (uint64_t seed = 0; seed < CASES; seed++)
        check_case(*state, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_add), support_small_tests(test_add)};
    return cmocka_run_group_tests_name("add", tests, support_open_device, support_close_device);
}
