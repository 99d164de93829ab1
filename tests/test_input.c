/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/ops/input.c against results of Pillow and torchvision (golden/input.h,
 * golden/augment.h), and against a second implementation of Pillow's algorithm, in double precision
 * like the first. */
#include "golden/augment.h"
#include "golden/input.h"
#include "ops/input.h"
#include "selftest/reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The same as picture() in make-input.py. */
static void fill_picture(unsigned char *pixels, size_t count, uint32_t state)
{
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        pixels[i] = (unsigned char)(state >> 24);
    }
}

static void to_planar(const unsigned char *interleaved, unsigned char *planar, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t colour = 0; colour < 3; colour++)
            planar[colour * count + i] = interleaved[i * 3 + colour];
}

/* Runs the kernel. Returns its output in new memory, [n][h][w][3]. */
static float *run(device *dev, const unsigned char *pixels, size_t bytes,
                  const pixel_source *images, int n, int h, int w)
{
    error err;
    cl_mem device_pixels, device_images;
    size_t image_bytes = (size_t)n * sizeof *images;
    assert_ok(buffer_create(dev, bytes, &device_pixels, &err), &err);
    assert_ok(buffer_write(dev, device_pixels, 0, pixels, bytes, &err), &err);
    assert_ok(buffer_create(dev, image_bytes, &device_images, &err), &err);
    assert_ok(buffer_write(dev, device_images, 0, images, image_bytes, &err), &err);
    tensor y = support_tensor(dev, n, h, w, 3, NULL);
    assert_ok(input_forward(dev, device_pixels, device_images, y, &err), &err);
    float *values = support_read(dev, y);
    tensor_release(&y);
    buffer_release(&device_pixels);
    buffer_release(&device_images);
    return values;
}

static void expect_normalised(const device *dev, const float *got, const unsigned char *want,
                              size_t count)
{
    double *wide = support_memory(count, sizeof *wide);
    reference_normalised(want, count, wide);
    assert_close(got, wide, count, 1e-6 + support_rounding(dev), 1e-6);
    free(wide);
}

static void expect_bytes(device *dev, const unsigned char *pixels, size_t bytes,
                         const pixel_source *images, int n, int h, int w, const unsigned char *want)
{
    float *got = run(dev, pixels, bytes, images, n, h, w);
    expect_normalised(dev, got, want, (size_t)(n * h * w * 3));
    free(got);
}

static unsigned hexadecimal(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static void expect_golden(device *dev, const struct golden *g, uint32_t seed, bool planar)
{
    const double radians = g->angle * acos(-1) / 180;
    size_t count = (size_t)(g->width * g->height), bytes = count * 3;
    unsigned char *picture = support_memory(bytes, 1), *pixels = support_memory(bytes, 1);
    fill_picture(picture, bytes, seed);
    if (planar)
        to_planar(picture, pixels, count);
    else
        memcpy(pixels, picture, bytes);
    const pixel_source image = {.width = g->width,
                                .height = g->height,
                                .layout = planar ? PIXELS_PLANAR : PIXELS_INTERLEAVED,
                                .sine = (float)sin(radians),
                                .cosine = (float)cos(radians),
                                .flip = g->flip};
    float *got = run(dev, pixels, bytes, &image, 1, g->size, g->size);
    size_t kept = (size_t)(g->rows * g->size * 3);
    assert_int_equal(strlen(g->values), 2 * kept);
    unsigned char *want = support_memory(kept, 1);
    for (size_t i = 0; i < kept; i++)
        want[i] =
            (unsigned char)(hexadecimal(g->values[2 * i]) * 16 + hexadecimal(g->values[2 * i + 1]));
    expect_normalised(dev, got + g->first_row * g->size * 3, want, kept);
    free(want);
    free(got);
    free(pixels);
    free(picture);
}

static void test_pillow(void **state)
{
    for (uint32_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        expect_golden(*state, &goldens[i], i + 1, false);
        expect_golden(*state, &goldens[i], i + 1, true);
    }
}

static void expect_golden_augment(device *dev, const struct golden_augment *g, uint32_t seed)
{
    const double radians = g->angle * acos(-1) / 180;
    size_t bytes = (size_t)(g->width * g->height * 3), count = (size_t)(g->size * g->size * 3);
    unsigned char *picture = support_memory(bytes, 1), *want = support_memory(count, 1);
    fill_picture(picture, bytes, seed);
    const pixel_source image = {.width = g->width,
                                .height = g->height,
                                .layout = PIXELS_INTERLEAVED,
                                .left = g->part[0],
                                .top = g->part[1],
                                .part_width = g->part[2],
                                .part_height = g->part[3],
                                .sine = (float)sin(radians),
                                .cosine = (float)cos(radians),
                                .shift_x = g->shift_x,
                                .shift_y = g->shift_y,
                                .flip = g->flip};
    assert_int_equal(strlen(g->values), 2 * count);
    for (size_t i = 0; i < count; i++)
        want[i] =
            (unsigned char)(hexadecimal(g->values[2 * i]) * 16 + hexadecimal(g->values[2 * i + 1]));
    expect_bytes(dev, picture, bytes, &image, 1, g->size, g->size, want);
    free(want);
    free(picture);
}

static void test_torchvision(void **state)
{
    for (uint32_t i = 0; i < sizeof golden_augments / sizeof *golden_augments; i++)
        expect_golden_augment(*state, &golden_augments[i], i + 31);
}

/* A part, a crop and a cut-out square, each for about half of the images. */
static void draw_augmentations(pixel_source *p, int w, int h, uint64_t seed, uint64_t draw)
{
    if (support_pick(seed, draw, 0, 1)) {
        p->part_width = support_pick(seed, draw + 1, 1, p->width);
        p->part_height = support_pick(seed, draw + 2, 1, p->height);
        p->left = support_pick(seed, draw + 3, 0, p->width - p->part_width);
        p->top = support_pick(seed, draw + 4, 0, p->height - p->part_height);
    }
    if (support_pick(seed, draw + 5, 0, 1)) {
        p->shift_x = support_pick(seed, draw + 6, -w - 1, w + 1);
        p->shift_y = support_pick(seed, draw + 7, -4, 4);
    }
    if (support_pick(seed, draw + 8, 0, 1)) {
        p->cut_side = support_pick(seed, draw + 9, 1, w);
        p->cut_left = support_pick(seed, draw + 10, -p->cut_side, w);
        p->cut_top = support_pick(seed, draw + 11, -p->cut_side, h);
    }
}

/* One batch of images that differ in everything and follow each other in memory. */
static void expect_batch(device *dev, uint64_t seed, int n, int h, int w, int largest)
{
    error err;
    pixel_source images[4];
    size_t bytes = 0, out_size = (size_t)(h * w * 3);
    for (int i = 0; i < n; i++) {
        uint64_t draw = (uint64_t)i * 24;
        double angle = support_pick(seed, draw, -1800, 1800) / 1800.0 * acos(-1);
        if (support_pick(seed, draw + 1, 0, 2) == 0)
            angle = 0;
        images[i] = (pixel_source){
            .offset = (int32_t)bytes,
            .width = support_pick(seed, draw + 2, 1, largest),
            .height = support_pick(seed, draw + 3, 1, largest),
            .layout = support_pick(seed, draw + 4, 0, 1),
            .sine = (float)sin(angle),
            .cosine = (float)cos(angle),
            .flip = support_pick(seed, draw + 5, 0, 1),
        };
        draw_augmentations(&images[i], w, h, seed, draw + 8);
        bytes += (size_t)(images[i].width * images[i].height * 3) + 1;
    }
    unsigned char *pixels = support_memory(bytes, 1), *picture = support_memory(bytes, 1);
    double *want[4];
    for (int i = 0; i < n; i++) {
        const pixel_source *p = &images[i];
        size_t count = (size_t)(p->width * p->height);
        fill_picture(picture, count * 3, (uint32_t)(seed * 16) + (uint32_t)i);
        if (p->layout == PIXELS_PLANAR)
            to_planar(picture, pixels + p->offset, count);
        else
            memcpy(pixels + p->offset, picture, count * 3);
        want[i] = support_memory(out_size, sizeof *want[i]);
        assert_ok(reference_image(picture, p, w, h, want[i], &err), &err);
    }
    float *got = run(dev, pixels, bytes, images, n, h, w);
    for (int i = 0; i < n; i++) {
        assert_close(got + (size_t)i * out_size, want[i], out_size, 1e-6 + support_rounding(dev),
                     1e-6);
        free(want[i]);
    }
    free(got);
    free(pixels);
    free(picture);
}

static void test_random(void **state)
{
    for (uint64_t seed = 1; seed <= 24; seed++) {
        int h = support_pick(seed, 1000, 1, 40), w = support_pick(seed, 1001, 1, 40);
        expect_batch(*state, seed, support_pick(seed, 1002, 1, 4), h, w, 60);
        expect_batch(*state, seed + 100, 2, h, h, 60);
    }
}

/* More taps than the kernel keeps between rows: a large photograph reduced to a few pixels. */
static void test_large_reduction(void **state)
{
    for (uint64_t seed = 201; seed <= 206; seed++)
        expect_batch(*state, seed, 2, 3, 4, 400);
}

static void test_identity(void **state)
{
    const int w = 13, h = 9;
    unsigned char picture[13 * 9 * 3];
    fill_picture(picture, sizeof picture, 5);
    pixel_source image = {
        .width = w, .height = h, .layout = PIXELS_INTERLEAVED, .sine = 0, .cosine = 1};
    expect_bytes(*state, picture, sizeof picture, &image, 1, h, w, picture);
    /* A square turned anticlockwise by 90 degrees: its right side is now the top. */
    unsigned char turned[9 * 9 * 3];
    image.width = 9;
    image.sine = 1;
    image.cosine = 0;
    for (int y = 0; y < 9; y++)
        for (int x = 0; x < 9; x++)
            memcpy(turned + (y * 9 + x) * 3, picture + (x * 9 + (8 - y)) * 3, 3);
    expect_bytes(*state, picture, sizeof picture, &image, 1, 9, 9, turned);
}

/* The results are those of (byte / 255 - mean) / deviation in single precision, which PyTorch
 * computes, except for the error of 2.5 ulp that OpenCL allows for a division. */
static void test_normalisation(void **state)
{
    const double mean[3] = {0.5071, 0.4867, 0.4408}, deviation[3] = {0.2675, 0.2565, 0.2761};
    unsigned char picture[256 * 3];
    double want[256 * 3];
    for (int i = 0; i < 256 * 3; i++) {
        picture[i] = (unsigned char)(i / 3);
        want[i] = (picture[i] / 255.0f - (float)mean[i % 3]) / (float)deviation[i % 3];
    }
    pixel_source image = {
        .width = 16, .height = 16, .layout = PIXELS_INTERLEAVED, .sine = 0, .cosine = 1};
    float *got = run(*state, picture, sizeof picture, &image, 1, 16, 16);
    assert_close(got, want, 256 * 3, 3e-7 + support_rounding(*state), 5e-7);
    free(got);
    /* Outside a rotated image is a black pixel, not the network's zero. */
    image.sine = 0.5f;
    image.cosine = 0.8660254f;
    float *corner = run(*state, picture, sizeof picture, &image, 1, 16, 16);
    assert_close(corner, want, 3, 3e-7 + support_rounding(*state), 5e-7);
    free(corner);
}

static void test_repeat_is_bit_identical(void **state)
{
    unsigned char picture[50 * 37 * 3];
    fill_picture(picture, sizeof picture, 9);
    const pixel_source image = {.width = 50,
                                .height = 37,
                                .layout = PIXELS_PLANAR,
                                .sine = -0.2f,
                                .cosine = 0.9797959f,
                                .flip = 1};
    float *first = run(*state, picture, sizeof picture, &image, 1, 61, 61);
    float *second = run(*state, picture, sizeof picture, &image, 1, 61, 61);
    assert_same_bits(second, first, 61 * 61 * 3);
    free(first);
    free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchvision),
        cmocka_unit_test(test_pillow),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_large_reduction),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_normalisation),
        cmocka_unit_test(test_repeat_is_bit_identical),
        support_small_tests(test_random),
        support_small_tests(test_normalisation),
    };
    return cmocka_run_group_tests_name("input", tests, support_open_device, support_close_device);
}
