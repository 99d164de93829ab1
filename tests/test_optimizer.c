/* SGD and Adam against their formulas in double precision, over several steps; the golden files of
 * test_network.c hold PyTorch's own. */
#include "ops/optimizer.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

enum { STEPS = 4 };
static const size_t counts[] = {1, 3, 16, 17, 1000};

typedef struct state {
    size_t count;
    float *start;
    double *w, *m, *v;
    cl_mem value, first, second;
} state;

static state make_state(device *dev, size_t count)
{
    float *zeros = support_memory(count, sizeof *zeros);
    state s = {.count = count, .start = support_random(count, count, -1, 1)};
    s.w = support_widen(s.start, count);
    s.m = support_memory(count, sizeof *s.m);
    s.v = support_memory(count, sizeof *s.v);
    s.value = support_buffer(dev, count, s.start);
    s.first = support_buffer(dev, count, zeros);
    s.second = support_buffer(dev, count, zeros);
    free(zeros);
    return s;
}

static void check_state(device *dev, state *s)
{
    float *got = support_read_buffer(dev, s->value, s->count);
    assert_close(got, s->w, s->count, 2e-6, 1e-6);
    free(got);
    free(s->start);
    free(s->w);
    free(s->m);
    free(s->v);
    buffer_release(&s->value);
    buffer_release(&s->first);
    buffer_release(&s->second);
}

static void run_sgd(device *dev, size_t count, double momentum, double decay, bool nesterov)
{
    error err;
    state s = make_state(dev, count);
    for (int step = 0; step < STEPS; step++) {
        float *g = support_random(count, count + 7u * (unsigned)step, -1, 1);
        cl_mem gradient = support_buffer(dev, count, g);
        for (size_t i = 0; i < count; i++) {
            double d = g[i] + decay * s.w[i];
            if (momentum != 0) {
                s.m[i] = step == 0 ? d : momentum * s.m[i] + d;
                d = nesterov ? d + momentum * s.m[i] : s.m[i];
            }
            s.w[i] -= 0.1 * d;
        }
        assert_ok(sgd_step(dev, count, s.value, gradient, momentum != 0 ? s.first : NULL, 0.1f,
                           (float)momentum, (float)decay, nesterov, step == 0, &err),
                  &err);
        device_finish(dev, &err);
        free(g);
        buffer_release(&gradient);
    }
    check_state(dev, &s);
}

static void test_sgd(void **dev)
{
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        run_sgd(*dev, counts[i], 0, 0, false);
        run_sgd(*dev, counts[i], 0.9, 0.01, false);
        run_sgd(*dev, counts[i], 0.9, 0.01, true);
    }
}

static void test_adam(void **dev)
{
    const double b1 = 0.9, b2 = 0.999, epsilon = 1e-8, decay = 0.01, lr = 0.05;
    error err;
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        state s = make_state(*dev, counts[c]);
        for (int step = 1; step <= STEPS; step++) {
            float *g = support_random(s.count, s.count + 9u * (unsigned)step, -1, 1);
            cl_mem gradient = support_buffer(*dev, s.count, g);
            for (size_t i = 0; i < s.count; i++) {
                double d = g[i] + decay * s.w[i];
                s.m[i] = b1 * s.m[i] + (1 - b1) * d;
                s.v[i] = b2 * s.v[i] + (1 - b2) * d * d;
                s.w[i] -= lr / (1 - pow(b1, step)) * s.m[i] /
                          (sqrt(s.v[i]) / sqrt(1 - pow(b2, step)) + epsilon);
            }
            assert_ok(adam_step(*dev, s.count, s.value, gradient, s.first, s.second, (float)lr,
                                (float)b1, (float)b2, (float)epsilon, (float)decay, step, &err),
                      &err);
            device_finish(*dev, &err);
            free(g);
            buffer_release(&gradient);
        }
        check_state(*dev, &s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sgd), cmocka_unit_test(test_adam)};
    return cmocka_run_group_tests_name("optimizer", tests, support_open_device,
                                       support_close_device);
}
