/* SPDX-License-Identifier: Apache-2.0 */
/* SGD, Adam and AdamW against their formulas in double precision over several steps, and against
 * PyTorch's own optimizers, also with clipped gradients. The golden files of test_network.c cover
 * more cases. */
#include "ops/gradients.h"
#include "ops/optimizer.h"
#include "selftest/reference.h"
#include "support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/optimizer.h"

enum { STEPS = 4, GOLDEN_CASES = sizeof golden_cases / sizeof golden_cases[0] };
static const unscaling unscaled = {.factor = 1};
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
    const optimizer_rule rule = {
        .lr = 0.1, .momentum = momentum, .weight_decay = decay, .nesterov = nesterov};
    state s = make_state(dev, count);
    for (int step = 0; step < STEPS; step++) {
        float *g = support_random(count, count + 7u * (unsigned)step, -1, 1);
        cl_mem gradient = support_buffer(dev, count, g);
        for (size_t i = 0; i < count; i++)
            reference_sgd(&rule, g[i], step == 0, &s.w[i], &s.m[i]);
        assert_ok(sgd_step(dev, count, s.value, gradient, momentum != 0 ? s.first : NULL, unscaled,
                           0.1f, (float)momentum, (float)decay, nesterov, step == 0, &err),
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

static void run_adam(device *dev, size_t count, bool decoupled)
{
    const optimizer_rule rule = {.lr = 0.05,
                                 .weight_decay = 0.01,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .epsilon = 1e-8,
                                 .decoupled = decoupled};
    error err;
    state s = make_state(dev, count);
    for (int step = 1; step <= STEPS; step++) {
        float *g = support_random(count, count + 9u * (unsigned)step, -1, 1);
        cl_mem gradient = support_buffer(dev, count, g);
        for (size_t i = 0; i < count; i++)
            reference_adam(&rule, g[i], step, &s.w[i], &s.m[i], &s.v[i]);
        assert_ok(adam_step(dev, count, s.value, gradient, s.first, s.second, unscaled,
                            (float)rule.lr, (float)rule.beta1, (float)rule.beta2,
                            (float)rule.epsilon, (float)rule.weight_decay, decoupled, step, &err),
                  &err);
        device_finish(dev, &err);
        free(g);
        buffer_release(&gradient);
    }
    check_state(dev, &s);
}

static void test_adam(void **dev)
{
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        run_adam(*dev, counts[i], false);
        run_adam(*dev, counts[i], true);
    }
}

/* Two parameters, each with buffers of its own. */
typedef struct pair {
    cl_mem value[2], first[2], second[2];
} pair;

static const size_t pair_at[] = {0, GOLDEN_FIRST},
                    pair_count[] = {GOLDEN_FIRST, GOLDEN_ALL - GOLDEN_FIRST};

static void golden_step(device *dev, const struct golden_case *g, pair *p, int step, cl_mem sums,
                        cl_mem gathered, cl_mem clip)
{
    error err;
    cl_mem gradient[2];
    unscaling unscale = {.factor = 1, .clip = g->clip_norm > 0 ? clip : NULL};
    for (int i = 0; i < 2; i++) {
        gradient[i] = support_buffer(dev, pair_count[i],
                                     golden_gradients + (step - 1) * GOLDEN_ALL + pair_at[i]);
        assert_int_equal(gradients_parts(dev, pair_count[i]), 1);
        assert_ok(gradients_squares(dev, pair_count[i], gradient[i], 1, sums, (size_t)i, &err),
                  &err);
    }
    assert_ok(gradients_clip(dev, sums, 2, gathered, g->clip_norm, clip, &err), &err);
    for (int i = 0; i < 2; i++) {
        if (strcmp(g->optimizer, "sgd") == 0)
            assert_ok(sgd_step(dev, pair_count[i], p->value[i], gradient[i], p->first[i], unscale,
                               (float)golden_lr, 0.9f, (float)golden_decay, true, step == 1, &err),
                      &err);
        else
            assert_ok(adam_step(dev, pair_count[i], p->value[i], gradient[i], p->first[i],
                                p->second[i], unscale, (float)golden_lr, 0.9f, 0.999f, 1e-8f,
                                (float)golden_decay, strcmp(g->optimizer, "adamw") == 0, step,
                                &err),
                      &err);
    }
    device_finish(dev, &err);
    buffer_release(&gradient[0]);
    buffer_release(&gradient[1]);
}

static void run_golden(device *dev, int index, cl_mem sums, cl_mem gathered, cl_mem clip)
{
    const float zeros[GOLDEN_ALL] = {0};
    pair p;
    for (int i = 0; i < 2; i++) {
        p.value[i] = support_buffer(dev, pair_count[i], golden_start + pair_at[i]);
        p.first[i] = support_buffer(dev, pair_count[i], zeros);
        p.second[i] = support_buffer(dev, pair_count[i], zeros);
    }
    for (int step = 1; step <= GOLDEN_STEPS; step++)
        golden_step(dev, &golden_cases[index], &p, step, sums, gathered, clip);
    for (int i = 0; i < 2; i++) {
        float *got = support_read_buffer(dev, p.value[i], pair_count[i]);
        double *want = support_widen(golden_ends + index * GOLDEN_ALL + pair_at[i], pair_count[i]);
        assert_close(got, want, pair_count[i], 2e-6, 1e-6);
        free(got);
        free(want);
        buffer_release(&p.value[i]);
        buffer_release(&p.first[i]);
        buffer_release(&p.second[i]);
    }
}

static void test_as_in_torch(void **dev)
{
    cl_mem sums = support_buffer(*dev, 2, NULL), clip = support_buffer(*dev, 1, NULL);
    cl_mem gathered = support_buffer(*dev, GRADIENTS_GATHERED, NULL);
    for (int i = 0; i < GOLDEN_CASES; i++)
        run_golden(*dev, i, sums, gathered, clip);
    buffer_release(&sums);
    buffer_release(&gathered);
    buffer_release(&clip);
}

static bool overflows(device *dev, const float *values, size_t count, cl_int before)
{
    error err;
    cl_mem gradient = support_buffer(dev, count, values), flag;
    cl_int found = before;
    assert_ok(buffer_create(dev, sizeof found, &flag, &err), &err);
    assert_ok(buffer_write(dev, flag, 0, &found, sizeof found, &err), &err);
    assert_ok(find_overflow(dev, count, gradient, flag, &err), &err);
    assert_ok(buffer_read(dev, flag, 0, &found, sizeof found, &err), &err);
    buffer_release(&gradient);
    buffer_release(&flag);
    return found != 0;
}

static void test_find_overflow(void **dev)
{
    const float bad[] = {INFINITY, -INFINITY, NAN};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        size_t count = counts[c];
        float *values = support_random(count, c, -FLT_MAX, FLT_MAX);
        assert_false(overflows(*dev, values, count, 0));
        assert_true(overflows(*dev, values, count, 1));
        for (size_t i = 0; i < 3; i++) {
            size_t at = i * (count - 1) / 2;
            float kept = values[at];
            values[at] = bad[i];
            assert_true(overflows(*dev, values, count, 0));
            values[at] = kept;
        }
        free(values);
    }
}

enum { COUNT = 37, BUFFERS = 3 };

/* Takes one step of either optimizer from the same values. Returns the values and the state after
 * it. */
static void take_step(device *dev, bool adam, float multiple, const float *clip, cl_int flag,
                      float *results[BUFFERS])
{
    error err;
    float *gradient = support_random(COUNT, 1, -1, 1);
    for (int i = 0; i < COUNT; i++)
        gradient[i] *= multiple;
    cl_mem g = support_buffer(dev, COUNT, gradient), buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) {
        float *start = support_random(COUNT, 2 + (uint64_t)i, 0, 1);
        buffers[i] = support_buffer(dev, COUNT, start);
        free(start);
    }
    unscaling unscale = {.factor = 1 / multiple};
    assert_ok(buffer_create(dev, sizeof flag, &unscale.overflow, &err), &err);
    assert_ok(buffer_write(dev, unscale.overflow, 0, &flag, sizeof flag, &err), &err);
    unscale.clip = clip ? support_buffer(dev, 1, clip) : NULL;
    if (adam)
        assert_ok(adam_step(dev, COUNT, buffers[0], g, buffers[1], buffers[2], unscale, 0.1f, 0.9f,
                            0.999f, 1e-8f, 0.01f, false, 3, &err),
                  &err);
    else
        assert_ok(sgd_step(dev, COUNT, buffers[0], g, buffers[1], unscale, 0.1f, 0.9f, 0.01f, true,
                           false, &err),
                  &err);
    for (int i = 0; i < BUFFERS; i++) {
        results[i] = support_read_buffer(dev, buffers[i], COUNT);
        buffer_release(&buffers[i]);
    }
    buffer_release(&unscale.overflow);
    buffer_release(&unscale.clip);
    buffer_release(&g);
    free(gradient);
}

/* Gradients scaled by a power of two, with the scale undone by the factor or by clipping, give a
 * bit-identical step. After an overflow no step is taken. */
static void test_unscaling(void **dev)
{
    const float one = 1, sixteenth = 1.0f / 16;
    for (int adam = 0; adam < 2; adam++) {
        float *plain[BUFFERS], *scaled[BUFFERS], *clipped[BUFFERS], *less[BUFFERS],
            *skipped[BUFFERS];
        take_step(*dev, adam, 1, NULL, 0, plain);
        take_step(*dev, adam, 4096, NULL, 0, scaled);
        take_step(*dev, adam, 4096, &one, 0, clipped);
        take_step(*dev, adam, 4096, &sixteenth, 0, less);
        take_step(*dev, adam, 4096, &one, 1, skipped);
        for (int i = 0; i < BUFFERS; i++) {
            float *start = support_random(COUNT, 2 + (uint64_t)i, 0, 1);
            bool changes = adam || i < 2;
            assert_same_bits(scaled[i], plain[i], COUNT);
            assert_same_bits(clipped[i], plain[i], COUNT);
            assert_same_bits(skipped[i], start, COUNT);
            assert_int_equal(memcmp(plain[i], start, COUNT * sizeof *start) != 0, changes);
            assert_int_equal(memcmp(less[i], plain[i], COUNT * sizeof *start) != 0, changes);
            free(start);
            free(plain[i]);
            free(scaled[i]);
            free(clipped[i]);
            free(less[i]);
            free(skipped[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd), cmocka_unit_test(test_adam), cmocka_unit_test(test_as_in_torch),
        cmocka_unit_test(test_find_overflow), cmocka_unit_test(test_unscaling)};
    return cmocka_run_group_tests_name("optimizer", tests, support_open_device,
                                       support_close_device);
}
