/* SPDX-License-Identifier: Apache-2.0 */
/* The gate and its gradients against formulas in double precision; the formulas' gradients against
 * central differences. */
#include "ops/gate.h"
#include "selftest/reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

enum { CASES = 12 };

static void test_reference(void **state)
{
    (void)state;
    const double step = 1e-5;
    for (double x = -2; x < 2.1; x += 0.5)
        for (double gate = -6; gate < 6.1; gate += 1.5) {
            double dx, dgate;
            reference_gate_gradients(x, gate, 1, &dx, &dgate);
            double by_x =
                (reference_gate(x + step, gate) - reference_gate(x - step, gate)) / (2 * step);
            double by_gate =
                (reference_gate(x, gate + step) - reference_gate(x, gate - step)) / (2 * step);
            assert_true(fabs(dx - by_x) < 1e-9 && fabs(dgate - by_gate) < 1e-9);
        }
}

typedef struct fixture {
    size_t count;
    float *x, *gate, *dy, *before;
    tensor tx, tgate, tdy;
    double *y, *dx, *dgate, *dx_on_top;
} fixture;

static fixture open_case(device *dev, uint64_t seed)
{
    static const int channel_counts[] = {1, 3, 16, 17, 33, 100};
    int c = channel_counts[seed % 6], n = support_pick(seed, 1, 1, 3);
    int h = support_pick(seed, 2, 1, 5), w = support_pick(seed, 3, 1, 5);
    fixture f = {.count = (size_t)(n * h * w * c)};
    f.x = support_activations(dev, f.count, seed * 4, -2, 2);
    f.gate = support_activations(dev, f.count, seed * 4 + 1, -8, 8);
    f.dy = support_activations(dev, f.count, seed * 4 + 2, -1, 1);
    f.before = support_activations(dev, f.count, seed * 4 + 3, -1, 1);
    f.tx = support_tensor(dev, n, h, w, c, f.x);
    f.tgate = support_tensor(dev, n, h, w, c, f.gate);
    f.tdy = support_tensor(dev, n, h, w, c, f.dy);
    double **made[] = {&f.y, &f.dx, &f.dgate, &f.dx_on_top};
    for (int i = 0; i < 4; i++)
        *made[i] = support_memory(f.count, sizeof(double));
    for (size_t i = 0; i < f.count; i++) {
        f.y[i] = reference_gate(f.x[i], f.gate[i]);
        reference_gate_gradients(f.x[i], f.gate[i], f.dy[i], &f.dx[i], &f.dgate[i]);
        f.dx_on_top[i] = f.before[i] + f.dx[i];
    }
    return f;
}

static void close_case(fixture *f)
{
    void *host[] = {f->x, f->gate, f->dy, f->before, f->y, f->dx, f->dgate, f->dx_on_top};
    for (size_t i = 0; i < sizeof host / sizeof host[0]; i++)
        free(host[i]);
    tensor_release(&f->tx);
    tensor_release(&f->tgate);
    tensor_release(&f->tdy);
}

static void expect(device *dev, tensor t, const double *want)
{
    float *got = support_read(dev, t);
    assert_close(got, want, tensor_size(t), 2e-6 + support_rounding(dev),
                 1e-6 + support_smallest(dev));
    free(got);
}

static void check_case(device *dev, uint64_t seed)
{
    error err;
    fixture f = open_case(dev, seed);
    tensor s = f.tx, none = {0};
    tensor y = support_tensor(dev, s.n, s.h, s.w, s.c, NULL);
    tensor dx = support_tensor(dev, s.n, s.h, s.w, s.c, NULL);
    tensor dgate = support_tensor(dev, s.n, s.h, s.w, s.c, NULL);
    tensor on_top = support_tensor(dev, s.n, s.h, s.w, s.c, f.before);
    assert_ok(gate_forward(dev, f.tx, f.tgate, y, &err), &err);
    expect(dev, y, f.y);
    assert_ok(gate_backward(dev, f.tx, f.tgate, f.tdy, dx, dgate, false, false, &err), &err);
    expect(dev, dx, f.dx);
    expect(dev, dgate, f.dgate);
    assert_ok(gate_backward(dev, f.tx, f.tgate, f.tdy, on_top, none, true, false, &err), &err);
    expect(dev, on_top, f.dx_on_top);
    tensor_release(&y);
    tensor_release(&dx);
    tensor_release(&dgate);
    tensor_release(&on_top);
    close_case(&f);
}

static void test_gate(void **state)
{
    for (uint64_t seed = 0; seed < CASES; seed++)
        check_case(*state, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference),
                                       cmocka_unit_test(test_gate), support_small_tests(test_gate)};
    return cmocka_run_group_tests_name("gate", tests, support_open_device, support_close_device);
}
