/* SPDX-License-Identifier: Apache-2.0 */
/* pictures.c, pixel by pixel. */
#include "check.h"
#include "track/pictures.h"

#include <math.h>
#include <stdbool.h>

enum { WHITE = 255, LINE = 200 };

static const float no_mean[3] = {0, 0, 0}, no_deviation[3] = {1, 1, 1};

static const unsigned char *at(const image *i, int x, int y)
{
    return i->pixels + ((size_t)y * (size_t)i->width + (size_t)x) * 3;
}

static void expect(const image *i, int x, int y, int red, int green, int blue)
{
    const unsigned char *p = at(i, x, y);
    if (p[0] != red || p[1] != green || p[2] != blue)
        fail_msg("pixel %d %d is %d %d %d, expected %d %d %d", x, y, p[0], p[1], p[2], red, green,
                 blue);
}

static void expect_size(const image *i, int width, int height)
{
    assert_int_equal(i->width, width);
    assert_int_equal(i->height, height);
}

/* ---- Batches ---- */

/* Three images of 2x2 pixels, enlarged 32 times: two side by side and one below. */
static void test_batch(void **state)
{
    (void)state;
    enum { COUNT = 3, SIZE = 2, FACTOR = 32, PITCH = 66, SIDE = 130 };
    float values[COUNT * SIZE * SIZE * 3];
    error err;
    image made;
    for (int i = 0; i < COUNT * SIZE * SIZE * 3; i++)
        values[i] = (float)(i * 7) / 255;
    CHECK_OK(picture_of_batch(values, COUNT, SIZE, no_mean, no_deviation, &made, &err));
    expect_size(&made, SIDE, SIDE);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int n = y / PITCH * 2 + x / PITCH, inner_x = x % PITCH, inner_y = y % PITCH;
            if (n == 3 || inner_x >= 64 || inner_y >= 64) {
                expect(&made, x, y, WHITE, WHITE, WHITE);
                continue;
            }
            int i = ((n * SIZE + inner_y / FACTOR) * SIZE + inner_x / FACTOR) * 3 * 7;
            expect(&made, x, y, i, i + 7, i + 14);
        }
    image_free(&made);
}

/* Normalisation is undone. Values outside the range of colours, and NaN, are clamped. */
static void test_normalised(void **state)
{
    (void)state;
    static const float mean[3] = {0.5f, 0.25f, 0}, deviation[3] = {0.25f, 0.5f, 1};
    static const float values[2 * 3] = {1, -0.25f, 0.5f, -9, 9, NAN};
    error err;
    image made;
    CHECK_OK(picture_of_batch(values, 2, 1, mean, deviation, &made, &err));
    expect_size(&made, 130, 64);
    expect(&made, 0, 0, 191, 32, 128);
    expect(&made, 66, 63, 0, 255, 0);
    image_free(&made);
}

static void expect_grid(int count, int size, int width, int height)
{
    error err;
    image made;
    float *values = calloc((size_t)count * (size_t)(size * size) * 3, sizeof *values);
    assert_non_null(values);
    CHECK_OK(picture_of_batch(values, count, size, no_mean, no_deviation, &made, &err));
    expect_size(&made, width, height);
    image_free(&made);
    free(values);
}

static void test_grids(void **state)
{
    (void)state;
    expect_grid(1, 32, 64, 64);
    expect_grid(5, 32, 3 * 66 - 2, 2 * 66 - 2);
    expect_grid(64, 33, 8 * 68 - 2, 8 * 68 - 2);
    expect_grid(100, 65, 8 * 67 - 2, 8 * 67 - 2); /* the first 64 are shown */
    expect_grid(4, 1023, 2048, 2048);
    expect_grid(20, 700, 2 * 702 - 2, 2 * 702 - 2);
    expect_grid(2, 3000, 3000, 3000);
}

/* ---- Confusion matrices ---- */

/* All answers in one class, half in each of two, and none at all. The expected colours were
 * computed from the formula elsewhere. */
static void test_confusion(void **state)
{
    (void)state;
    static const uint32_t counts[9] = {0, 7, 0, 4, 0, 4, 0, 0, 0};
    enum { CELL = 1024 / 3, SIDE = 3 * CELL };
    error err;
    image made;
    CHECK_OK(picture_of_confusion(counts, 3, NULL, NULL, &made, &err));
    expect_size(&made, SIDE, SIDE);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int row = y / CELL, column = x / CELL;
            if (row == 0 && column == 1)
                expect(&made, x, y, 0, 0, 0);
            else if (row == 1 && column != 1)
                expect(&made, x, y, 81, 157, 96);
            else
                expect(&made, x, y, WHITE, WHITE, WHITE);
        }
    image_free(&made);
}

/* Row i has the shares i : 100 - i, so the brightness of the columns falls and rises evenly. */
static void test_even_brightness(void **state)
{
    (void)state;
    enum { CLASSES = 101, CELL = 1024 / CLASSES };
    static uint32_t counts[CLASSES * CLASSES];
    error err;
    image made;
    for (uint32_t i = 0; i < CLASSES; i++) {
        counts[i * CLASSES] = i;
        counts[i * CLASSES + 1] = 100 - i;
    }
    CHECK_OK(picture_of_confusion(counts, CLASSES, NULL, NULL, &made, &err));
    for (int i = 0; i < CLASSES; i++)
        for (int column = 0; column < 2; column++) {
            const unsigned char *p = at(&made, column * CELL, i * CELL);
            double bright = (0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]) / 255;
            double want = column ? i / 100.0 : 1 - i / 100.0;
            assert_true(fabs(bright - want) < 0.003); /* each colour is rounded to 1/255 */
        }
    expect(&made, 0, 25 * CELL, 216, 186, 150);
    expect(&made, 0, 75 * CELL, 39, 69, 105);
    image_free(&made);
}

/* Four classes in two groups. The order puts 0 and 2 together, and then 1 and 3. */
static void test_groups(void **state)
{
    (void)state;
    static const uint32_t counts[16] = {
        [0 * 4 + 1] = 3, [1 * 4 + 1] = 1, [2 * 4 + 3] = 1, [3 * 4 + 0] = 9};
    static const int order[4] = {2, 0, 1, 3}, groups[4] = {5, 6, 5, 6};
    static const bool black[4][4] = {{0, 0, 0, 1}, {0, 0, 1, 0}, {0, 0, 1, 0}, {0, 1, 0, 0}};
    enum { CELL = 1023 / 4, SIDE = 4 * CELL + 1, AT = 2 * CELL };
    error err;
    image made;
    CHECK_OK(picture_of_confusion(counts, 4, order, groups, &made, &err));
    expect_size(&made, SIDE, SIDE);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int colour = black[(y - (y > AT)) / CELL][(x - (x > AT)) / CELL] ? 0 : WHITE;
            if (x == AT || y == AT)
                colour = LINE;
            expect(&made, x, y, colour, colour, colour);
        }
    image_free(&made);
}

static void expect_side(int classes, int groups_of, int side)
{
    error err;
    image made;
    uint32_t *counts = calloc((size_t)classes * (size_t)classes, sizeof *counts);
    int *groups = calloc((size_t)classes, sizeof *groups);
    assert_non_null(counts);
    assert_non_null(groups);
    for (int i = 0; i < classes; i++)
        groups[i] = i / groups_of;
    CHECK_OK(picture_of_confusion(counts, classes, NULL, groups, &made, &err));
    expect_size(&made, side, side);
    image_free(&made);
    free(groups);
    free(counts);
}

static void test_sides(void **state)
{
    (void)state;
    expect_side(100, 5, 1000 + 19);
    expect_side(2, 1, 2 * 511 + 1);
    expect_side(513, 1, 513); /* lines between the groups would make it one pixel too large */
    expect_side(512, 1, 512 + 511);
    expect_side(1000, 500, 1001);
    expect_side(1025, 5, 1025);
}

static void test_too_many(void **state)
{
    (void)state;
    const uint32_t count = 1;
    error err;
    image made;
    CHECK_FAILS(STATUS_FAILED, "1 to 2048 classes, not 2049",
                picture_of_confusion(&count, 2049, NULL, NULL, &made, &err));
    CHECK_FAILS(STATUS_FAILED, "not 0", picture_of_confusion(&count, 0, NULL, NULL, &made, &err));
    assert_null(made.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch),           cmocka_unit_test(test_normalised),
        cmocka_unit_test(test_grids),           cmocka_unit_test(test_confusion),
        cmocka_unit_test(test_even_brightness), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_sides),           cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests_name("pictures", tests, NULL, NULL);
}
