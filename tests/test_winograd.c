/* SPDX-License-Identifier: Apache-2.0 */
/* kernels/winograd.cl: every filter against sums in double precision, and the rounding error
 * that winograd.c states; see convolution_check.h. */
#include "convolution_check.h"
#include "device/matrix_unit.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>

enum { CASES = 20 };

/* Maps that are not a multiple of a tile, one pixel, one channel, and every padding. */
static problem draw(int index)
{
    static const problem odd[] = {
        {{1, 1, 3, 1, 1}, 1, 1, 1, 0, 0},    {{33, 16, 3, 1, 1}, 3, 1, 1, 0, 0},
        {{16, 20, 3, 1, 1}, 2, 1, 5, 0, 0},  {{300, 70, 3, 1, 1}, 3, 2, 2, 0, 0},
        {{5, 37, 3, 1, 1}, 2, 13, 11, 0, 0}, {{7, 3, 3, 1, 0}, 2, 3, 9, 0, 0},
        {{9, 30, 3, 1, 2}, 1, 4, 7, 0, 0},   {{64, 64, 3, 1, 1}, 2, 8, 8, 0, 0},
    };
    uint64_t seed = 77u + (uint64_t)index;
    problem p = {{support_pick(seed, 0, 1, 40), support_pick(seed, 1, 1, 40), 3, 1,
                  support_pick(seed, 2, 0, 2)},
                 support_pick(seed, 3, 1, 4),
                 support_pick(seed, 4, 3, 14),
                 support_pick(seed, 5, 3, 14),
                 0,
                 0};
    if ((size_t)index < sizeof odd / sizeof odd[0])
        p = odd[index];
    p.oh = p.h + 2 * p.s.pad - 2;
    p.ow = p.w + 2 * p.s.pad - 2;
    return p;
}

/* The error of sums whose factors are rounded to bfloat16 after the transform, which makes them up
 * to four times as large. The errors of the products are random, as the products are, so they grow
 * with the root of their number. check_errors has a much narrower bound for their rms. */
static double rounded_factors(const problem *p)
{
    const int counts[] = {9 * p->s.cin, 9 * p->s.cout, p->n * p->h * p->w};
    int most = 0;
    for (int i = 0; i < 3; i++)
        most = counts[i] > most ? counts[i] : most;
    return 0.012 * sqrt(most);
}

static void check(device *dev, const convolution_algorithm *algorithm, tolerance within)
{
    int cases = precision_is_small(dev->precision) ? CASES / 2 : CASES; /* compiling takes long */
    for (int i = 0; i < support_cases(cases); i++) {
        problem p = draw(i);
        if (dev->unit->steps > 1)
            within.absolute = rounded_factors(&p);
        convolution_check(dev, algorithm, &p, 5000u + 1000u * (uint64_t)i, i % 2 == 1, within);
    }
}

static void test_tiles_of_2(void **state)
{
    check(*state, &winograd2, (tolerance){2e-5, 5e-5});
}

/* The transforms have constants of up to 8, which costs a digit. That is too much for factors that
 * are rounded to bfloat16, so the products are those of floats. */
static void test_tiles_of_4(void **state)
{
    device *dev = *state;
    dev->unit = matrix_unit_find("fp32 FMA");
    check(dev, &winograd4, (tolerance){2e-5, 5e-4});
}

/* Maps of 2x2 as a whole: many, one, and numbers of channels that are not multiples of a vector. */
static void check_closed(device *dev, int cases)
{
    const tolerance within = {2e-5, 5e-5};
    for (int i = 0; i < support_cases(cases); i++) {
        uint64_t seed = 177u + (uint64_t)i;
        const problem p = {{support_pick(seed, 0, 1, 70), support_pick(seed, 1, 1, 70), 3, 1, 1},
                           i == 0 ? 1 : support_pick(seed, 2, 1, 40),
                           2,
                           2,
                           2,
                           2};
        convolution_check(dev, &toeplitz2, &p, 7000u + 1000u * (uint64_t)i, i % 2 == 1, within);
    }
}

static void test_maps_of_2(void **state)
{
    device *dev = *state;
    dev->unit = matrix_unit_find("fp32 FMA");
    check_closed(dev, CASES / 2);
}

/* Other maps and paddings are not supported. */
static void test_closed_only(void **state)
{
    convolution_call call = {.by = {.algorithm = &toeplitz2},
                             .shape = {8, 8, 3, 1, 1},
                             .x = {NULL, 1, 2, 2, 8},
                             .y = {NULL, 1, 2, 2, 8}};
    assert_true(toeplitz2.supports(*state, &call));
    call.x.w = call.y.w = 3;
    assert_false(toeplitz2.supports(*state, &call));
    call.x.w = call.y.w = 2, call.x.h = call.y.h = 3;
    assert_false(toeplitz2.supports(*state, &call));
    call.x.h = call.y.h = 2;
    call.x.w = 2, call.y.w = 4, call.y.h = 4, call.shape.pad = 2;
    assert_false(toeplitz2.supports(*state, &call));
}

static bool suits_maps_of_2(const device *dev, int images, bool fixed)
{
    const convolution_call call = {.by = {.algorithm = &toeplitz2},
                                   .shape = {256, 256, 3, 1, 1},
                                   .x = {NULL, images, 2, 2, 256},
                                   .y = {NULL, images, 2, 2, 256},
                                   .fixed = fixed};
    return toeplitz2.suits(dev, &call);
}

/* Transforming the weights pays for many images, or if it is done once; a GPU does it each time. */
static void test_quick_choice(void **state)
{
    device dev = **(device **)state;
    dev.unit = matrix_unit_find("fp32 FMA");
    dev.info.type = CL_DEVICE_TYPE_CPU;
    assert_true(suits_maps_of_2(&dev, 32, true));
    assert_false(suits_maps_of_2(&dev, 32, false));
    assert_true(suits_maps_of_2(&dev, 48, false));
    dev.info.type = CL_DEVICE_TYPE_GPU;
    assert_false(suits_maps_of_2(&dev, 1, true));
}

static void test_widths(void **state)
{
    (void)state;
    for (int width = 1; width <= 16; width *= width == 1 ? 4 : 2) {
        void *opened;
        assert_int_equal(support_open_device(&opened), 0);
        device *dev = opened;
        dev->vec = width;
        check(dev, &winograd2, (tolerance){2e-5, 5e-5});
        check(dev, &winograd4, (tolerance){2e-5, 5e-4});
        check_closed(dev, 3);
        support_close_device(&opened);
    }
}

/* With the products of kernels/tiled_gemm.cl; with many units, their sums over tiles are in
 * parts. */
static void check_on_a_gpu(unsigned units)
{
    /* Both have more tiles of 2 than a work-group multiplies. */
    static const problem many = {{40, 33, 3, 1, 1}, 2, 37, 41, 37, 41};
    static const problem fewer = {{5, 33, 3, 1, 1}, 1, 19, 27, 19, 27};
    const problem many_tiles = support_is_short(CASES) ? fewer : many, odd = draw(5);
    void *opened;
    assert_int_equal(support_open_device(&opened), 0);
    device *dev = opened;
    dev->info.type = CL_DEVICE_TYPE_GPU;
    dev->info.compute_units = units;
    dev->vec = 4;
    convolution_check(dev, &winograd2, &many_tiles, 1, false, (tolerance){2e-5, 2e-4});
    convolution_check(dev, &winograd4, &many_tiles, 2, true, (tolerance){2e-5, 2e-3});
    convolution_check(dev, &winograd2, &odd, 3, true, (tolerance){2e-5, 5e-5});
    check_closed(dev, 3);
    support_close_device(&opened);
}

static void test_on_a_gpu(void **state)
{
    (void)state;
    check_on_a_gpu(1);
    check_on_a_gpu(1000);
}

/* Small maps with the channels of a layer of the network, and the expected results in double
 * precision. */
enum { CHANNELS = 128, PIXELS = 144 };

static double *reference(int side, const float *x, const float *w)
{
    double *y = support_memory((size_t)PIXELS * CHANNELS, sizeof *y);
    for (int at = 0; at < PIXELS * 9; at++) {
        int tap = at % 9, pixel = at / 9, oy = pixel / side % side, ox = pixel % side;
        int iy = oy + tap / 3 - 1, ix = ox + tap % 3 - 1;
        if (iy < 0 || iy >= side || ix < 0 || ix >= side)
            continue;
        int from = pixel + (iy - oy) * side + ix - ox;
        for (int in = 0; in < CHANNELS; in++)
            for (int out = 0; out < CHANNELS; out++)
                y[pixel * CHANNELS + out] +=
                    (double)x[from * CHANNELS + in] * w[(tap * CHANNELS + in) * CHANNELS + out];
    }
    return y;
}

/* Root mean square of the error, relative to that of the result. */
static double error_of(device *dev, const convolution_algorithm *algorithm, int side,
                       const float *x, const float *w, const double *want)
{
    size_t count = (size_t)PIXELS * CHANNELS;
    int n = PIXELS / (side * side);
    error err;
    convolution_call call = {.direction = CONVOLUTION_FORWARD,
                             .by = {.algorithm = algorithm},
                             .shape = {CHANNELS, CHANNELS, 3, 1, 1},
                             .x = support_tensor(dev, n, side, side, CHANNELS, x),
                             .y = support_tensor(dev, n, side, side, CHANNELS, NULL),
                             .weights = support_buffer(dev, 9u * CHANNELS * CHANNELS, w)};
    convolution_bytes bytes;
    assert_ok(algorithm->measure(dev, &call, &bytes, &err), &err);
    convolution_memory memory;
    assert_ok(convolution_memory_create(dev, &bytes, &memory, &err), &err);
    assert_ok(convolution_run(dev, &call, memory, &err), &err);
    float *got = support_read(dev, call.y);
    double errors = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        errors += (got[i] - want[i]) * (got[i] - want[i]);
        squares += want[i] * want[i];
    }
    free(got);
    tensor_release(&call.x);
    tensor_release(&call.y);
    buffer_release(&call.weights);
    convolution_memory_release(&memory);
    return sqrt(errors / squares);
}

/* As many tiles as in a layer for large images, and a number that divides well: a runtime that
 * chooses the work-group size itself could put thousands of work-items and their private arrays
 * into one group. */
static void test_many_tiles(void **state)
{
    const problem p = {{4, 4, 3, 1, 1}, support_cases(32), 56, 56, 56, 56};
    const tolerance within = {1e-4, 1e-2}; /* for sums over 100,000 pixels */
    convolution_check(*state, &winograd2, &p, 1, false, within);
    convolution_check(*state, &winograd4, &p, 2, false, within);
}

/* The largest relative rms errors that winograd.c states: direct, tiles of 2, maps of 2, tiles of
 * 4. */
static void check_errors(device *dev, const double most[4])
{
    static const convolution_algorithm *const algorithms[] = {&implicit_gemm, &winograd2,
                                                              &toeplitz2, &winograd4};
    const size_t size = (size_t)PIXELS * CHANNELS;
    float *x = support_activations(dev, size, 1, 0, 1); /* as after a ReLU */
    float *w = support_random(9u * CHANNELS * CHANNELS, 2, -1, 1);
    for (int i = 0; i < 4; i++) {
        int side = algorithms[i] == &toeplitz2 ? 2 : 12;
        double *want = reference(side, x, w);
        double found = error_of(dev, algorithms[i], side, x, w, want);
        free(want);
        print_message("relative rms error of %s in %s: %.2g\n", algorithms[i]->name,
                      word_list_at(&precision_words, dev->precision), found);
        assert_true(found > 0 && found < most[i]);
    }
    free(x);
    free(w);
}

static void test_error(void **state)
{
    check_errors(*state, (const double[]){1e-6, 1e-6, 1e-6, 5e-6});
}

/* By the unit for tests, so that every processor computes the same. Weights, or transformed
 * factors, are rounded, and so are the results. The last two are too large to be used. */
static void test_error_bf16(void **state)
{
    device *dev = *state;
    if (!(dev->info.type & CL_DEVICE_TYPE_CPU))
        skip(); /* units of several steps are those of CPUs */
    dev->unit = matrix_unit_find("plain bf16");
    check_errors(dev, (const double[]){2.5e-3, 4e-3, 8e-3, 2e-2});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles_of_2),
        cmocka_unit_test(test_tiles_of_4),
        support_small_tests(test_tiles_of_2),
        support_small_tests(test_tiles_of_4),
        cmocka_unit_test(test_maps_of_2),
        support_small_tests(test_maps_of_2),
        cmocka_unit_test(test_closed_only),
        cmocka_unit_test(test_quick_choice),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_many_tiles),
        cmocka_unit_test(test_on_a_gpu),
        cmocka_unit_test(test_error),
        cmocka_unit_test_setup_teardown(test_error_bf16, support_open_bf16_device,
                                        support_close_device),
    };
    return cmocka_run_group_tests_name("winograd", tests, support_open_device,
                                       support_close_device);
}
