/* SPDX-License-Identifier: Apache-2.0 */
/* Global average pooling and its gradient. Both are linear, so the gradient is checked as the
 * transpose. */
#include "ops/average_pool.h"
#include "support.h"

#include <stdlib.h>

enum { CASES = 20 };

static void check_case(device *dev, uint64_t seed)
{
    static const int channel_counts[] = {1, 3, 16, 17, 64, 33, 5, 20};
    error err;
    int c = channel_counts[seed % 8], n = support_pick(seed, 1, 1, 4);
    int h = support_pick(seed, 2, 1, 7), w = support_pick(seed, 3, 1, 7);
    bool accumulate = seed & 1;
    size_t nx = (size_t)(n * h * w * c), ny = (size_t)(n * c), area = (size_t)(h * w);
    double rounding = support_rounding(dev), smallest = support_smallest(dev);
    float *x = support_activations(dev, nx, seed, -1, 1);
    float *dy = support_activations(dev, ny, seed + 1, -1, 1);
    float *before = support_activations(dev, nx, seed + 2, -1, 1);
    double *want_y = support_memory(ny, sizeof *want_y);
    double *want_dx = accumulate ? support_widen(before, nx) : support_memory(nx, sizeof *want_dx);
    for (size_t i = 0; i < nx; i++) {
        size_t out = i / (area * (size_t)c) * (size_t)c + i % (size_t)c;
        want_y[out] += (double)x[i] / (double)area;
        want_dx[i] += (double)dy[out] / (double)area;
    }
    tensor tx = support_tensor(dev, n, h, w, c, x), ty = support_tensor(dev, n, 1, 1, c, NULL);
    tensor tdy = support_tensor(dev, n, 1, 1, c, dy);
    tensor tdx = support_tensor(dev, n, h, w, c, accumulate ? before : NULL);
    assert_ok(average_pool_forward(dev, tx, ty, &err), &err);
    assert_ok(average_pool_backward(dev, tdy, tdx, accumulate, &err), &err);
    float *y = support_read(dev, ty), *dx = support_read(dev, tdx);
    assert_close(y, want_y, ny, 1e-6 + rounding, 1e-6 + smallest);
    assert_close(dx, want_dx, nx, 1e-6 + rounding, 1e-6 + smallest);
    void *host[] = {x, dy, before, want_y, want_dx, y, dx};
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
    tensor_release(&tx);
    tensor_release(&ty);
    tensor_release(&tdy);
    tensor_release(&tdx);
}

static void test_average_pool(void **state)
{
    for (uint64_t seed = 0; seed < CASES; seed++)
        check_case(*state, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_average_pool),
                                       support_small_tests(test_average_pool)};
    return cmocka_run_group_tests_name("average_pool", tests, support_open_device,
                                       support_close_device);
}
