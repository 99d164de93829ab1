/* SPDX-License-Identifier: Apache-2.0 */
/* Concatenation of channels and its split. Values are copied, not computed, so the bits agree. */
#include "ops/concat.h"
#include "support.h"

#include <stdlib.h>

enum { CASES = 20 };

/* Index of channel c of pixel p in a tensor with this number of channels. */
static size_t at(size_t p, int c, int channels)
{
    return p * (size_t)channels + (size_t)c;
}

static void check_case(device *dev, uint64_t seed)
{
    static const int counts[] = {1, 16, 3, 33, 17, 64, 5};
    error err;
    int a = counts[seed % 7], b = counts[seed % 5], n = support_pick(seed, 1, 1, 3);
    int h = support_pick(seed, 2, 1, 5), w = support_pick(seed, 3, 1, 5);
    size_t pixels = (size_t)(n * h * w);
    size_t na = pixels * (size_t)a, nb = pixels * (size_t)b, nw = na + nb;
    float *first = support_activations(dev, na, seed, -1, 1);
    float *second = support_activations(dev, nb, seed + 1, -1, 1);
    double *whole = support_memory(nw, sizeof *whole), *twice = support_widen(second, nb);
    for (size_t p = 0; p < pixels; p++) {
        for (int c = 0; c < a; c++)
            whole[at(p, c, a + b)] = first[at(p, c, a)];
        for (int c = 0; c < b; c++)
            whole[at(p, a + c, a + b)] = second[at(p, c, b)];
    }
    for (size_t i = 0; i < nb; i++)
        twice[i] *= 2;
    tensor ta = support_tensor(dev, n, h, w, a, first),
           tb = support_tensor(dev, n, h, w, b, second);
    tensor ty = support_tensor(dev, n, h, w, a + b, NULL);
    tensor da = support_tensor(dev, n, h, w, a, NULL), none = {0};
    assert_ok(concat_forward(dev, ta, tb, ty, &err), &err);
    float *y = support_read(dev, ty);
    assert_close(y, whole, nw, 0, 0);
    /* Backward: the first part alone, then the second part added to the values in tb. */
    assert_ok(concat_backward(dev, ty, a, da, none, false, false, &err), &err);
    assert_ok(concat_backward(dev, ty, a, none, tb, false, true, &err), &err);
    float *got_a = support_read(dev, da), *got_b = support_read(dev, tb);
    assert_same_bits(got_a, first, na);
    assert_close(got_b, twice, nb, 0, 0);
    void *host[] = {first, second, whole, twice, y, got_a, got_b};
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
    tensor_release(&ta);
    tensor_release(&tb);
    tensor_release(&ty);
    tensor_release(&da);
}

static void test_concat(void **state)
{
    for (uint64_t seed = 0; seed < CASES; seed++)
        check_case(*state, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_concat),
                                       support_small_tests(test_concat)};
    return cmocka_run_group_tests_name("concat", tests, support_open_device, support_close_device);
}
