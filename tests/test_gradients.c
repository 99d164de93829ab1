/* SPDX-License-Identifier: Apache-2.0 */
/* The factor that clips the gradients' norm, against double precision. Its formula is that of
 * torch.nn.utils.clip_grad_norm_. */
#include "ops/gradients.h"
#include "selftest/reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

/* The last count would need more parts than are allowed if each part had 256 vectors, whatever
 * their width. */
static const size_t counts[] = {1, 3, 16, 17, 1000, 70001, 5000003};
enum { COUNTS = sizeof counts / sizeof counts[0] };

/* The factor for gradients of all counts[first..last], which are scaled by `multiple`. *norm is
 * their norm without the scale. */
static float clip_of(device *dev, int first, int last, float multiple, float most, double *norm)
{
    error err;
    size_t parts = 0, at = 0;
    double sum = 0;
    cl_mem sums, gathered, clip;
    for (int c = first; c <= last; c++)
        parts += gradients_parts(dev, counts[c]);
    assert_ok(buffer_create(dev, parts * sizeof(float), &sums, &err), &err);
    assert_ok(buffer_create(dev, GRADIENTS_GATHERED * sizeof(float), &gathered, &err), &err);
    assert_ok(buffer_create(dev, sizeof(float), &clip, &err), &err);
    for (int c = first; c <= last; c++) {
        float *g = support_random(counts[c], 3 + (uint64_t)c, -2, 1);
        for (size_t i = 0; i < counts[c]; i++) {
            sum += (double)g[i] * g[i];
            g[i] *= multiple;
        }
        cl_mem gradient = support_buffer(dev, counts[c], g);
        assert_ok(gradients_squares(dev, counts[c], gradient, 1 / multiple, sums, at, &err), &err);
        device_finish(dev, &err);
        at += gradients_parts(dev, counts[c]);
        buffer_release(&gradient);
        free(g);
    }
    assert_ok(gradients_clip(dev, sums, parts, gathered, most, clip, &err), &err);
    float *factor = support_read_buffer(dev, clip, 1), got = *factor;
    free(factor);
    buffer_release(&sums);
    buffer_release(&gathered);
    buffer_release(&clip);
    *norm = sqrt(sum);
    return got;
}

static void check_clip(device *dev, int first, int last, float multiple)
{
    double norm;
    const float most = 0.7f;
    double got = clip_of(dev, first, last, multiple, most, &norm);
    double expected = reference_clip(norm * norm, (double)most);
    if (fabs(got - expected) > 2e-6 * expected)
        fail_msg("counts %d..%d: %.9g, expected %.9g", first, last, got, expected);
    /* A norm that is at most the limit is not clipped. */
    assert_true(clip_of(dev, first, last, multiple, (float)(norm * 1.001) + 1e-5f, &norm) == 1);
}

static void test_clip(void **dev)
{
    for (int c = 0; c < COUNTS; c++)
        check_clip(*dev, c, c, 1);
    check_clip(*dev, 0, COUNTS - 1, 1);
    check_clip(*dev, 0, COUNTS - 2, 65536);
}

/* As in PyTorch, an infinite norm gives a factor of 0, and NaN stays NaN. */
static void test_not_finite(void **dev)
{
    const float values[] = {INFINITY, NAN};
    error err;
    for (int i = 0; i < 2; i++) {
        const float gradient[] = {1, values[i], 2};
        cl_mem g = support_buffer(*dev, 3, gradient), sums, gathered, clip;
        assert_ok(buffer_create(*dev, sizeof(float), &sums, &err), &err);
        assert_ok(buffer_create(*dev, GRADIENTS_GATHERED * sizeof(float), &gathered, &err), &err);
        assert_ok(buffer_create(*dev, sizeof(float), &clip, &err), &err);
        assert_ok(gradients_squares(*dev, 3, g, 1, sums, 0, &err), &err);
        assert_ok(gradients_clip(*dev, sums, 1, gathered, 1, clip, &err), &err);
        float *got = support_read_buffer(*dev, clip, 1);
        assert_true(i == 0 ? *got == 0 : isnan(*got));
        free(got);
        buffer_release(&g);
        buffer_release(&sums);
        buffer_release(&gathered);
        buffer_release(&clip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clip),
                                       cmocka_unit_test(test_not_finite)};
    return cmocka_run_group_tests_name("gradients", tests, support_open_device,
                                       support_close_device);
}
