/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/data/augment*.c: parsing the option, and whether the draws follow their
 * distributions, with fixed seeds. test_input.c and test_mix.c test what the device does with the
 * draws. */
#include "base/random.h"
#include "check.h"
#include "data/augment.h"

#include <math.h>

enum { DRAWS = 20000, SIZE = 32 };
static const double pi = 3.14159265358979323846;

static augment_list parsed(const char *text)
{
    error err;
    augment_list list;
    CHECK_OK(augment_parse(text, &list, &err));
    return list;
}

/* The n-th place of a training with epochs of 100 images. */
static augment_place place(int n)
{
    return (augment_place){11, (uint32_t)n / 100, (uint32_t)n % 100, SIZE};
}

static pixel_source draw_image(const augment_list *list, int n, int width, int height)
{
    pixel_source image = {.width = width, .height = height, .cosine = 1};
    const augment_place at = place(n);
    augment_image(list, &at, &image);
    return image;
}

static batch_mix draw_batch(const augment_list *list, int n)
{
    batch_mix mix = {0};
    const augment_place at = place(n);
    augment_batch(list, &at, &mix);
    return mix;
}

/* ---- Tests of distributions ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double uniform(double x, const void *context)
{
    (void)context;
    return x;
}

/* Kolmogorov-Smirnov test: fails if the draws differ from cdf by more than one set of draws in a
 * thousand would. Sorts the draws. */
static void assert_distributed(double *draws, size_t count, double (*cdf)(double, const void *),
                               const void *context)
{
    double worst = 0;
    qsort(draws, count, sizeof *draws, ascending);
    for (size_t i = 0; i < count; i++) {
        double want = cdf(draws[i], context);
        worst = fmax(
            worst, fmax(want - (double)i / (double)count, (double)(i + 1) / (double)count - want));
    }
    if (!(worst < 1.95 / sqrt((double)count)))
        fail_msg("the distribution is off by %g over %zu draws", worst, count);
}

/* Pearson's test for equally likely cells, within five standard deviations of chi-squared. Its mean
 * is the number of degrees of freedom, its variance twice that. */
static void assert_even(const int *counts, int cells, int draws)
{
    double expected = (double)draws / cells, sum = 0, freedom = cells - 1;
    for (int i = 0; i < cells; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    if (fabs(sum - freedom) > 5 * sqrt(2 * freedom))
        fail_msg("chi-squared is %g with %g degrees of freedom", sum, freedom);
}

/* ---- The option ---- */

static void test_parse(void **state)
{
    (void)state;
    augment_list none = parsed("none"), usual = parsed("default");
    augment_list same = parsed("rotate=20,flip"), turned = parsed("flip,rotate");
    const augment_list empty = {0};
    assert_memory_equal(&none, &empty, sizeof empty);
    assert_memory_equal(&usual, &same, sizeof usual);
    assert_memory_equal(&usual, &turned, sizeof usual);
    augment_list all =
        parsed("crop=4,flip,rotate=20,resized-crop=0.08,cutout=8,mixup=0.2,cutmix=1");
    int chosen = 0;
    for (int i = 0; i < AUGMENTATIONS; i++)
        chosen += all.chosen[i];
    assert_int_equal(chosen, 7);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "unknown ''"},
        {"flop", "unknown 'flop'; expected default, none, or a comma-separated list of "
                 "resized-crop, rotate, crop, flip, cutout, mixup, cutmix"},
        {"flip,", "unknown ''"},
        {"flip,none", "unknown 'none'"},
        {"flip,flip", "flip is given twice"},
        {"rotate=",
         "'rotate=': expected rotate=X; X is the angle in degrees, above 0, at most 180"},
        {"rotate=200", "'rotate=200'"},
        {"rotate=20x,flip", "'rotate=20x'"},
        {"rotate=nan", "'rotate=nan'"},
        {"rotate=0", "'rotate=0'"},
        {"crop=1.5",
         "expected crop=X; X is the padding in pixels, at least 1, at most 4096, an integer"},
        {"crop=0", "'crop=0'"},
        {"cutout", "'cutout': expected cutout=X; X is the side in pixels, at least 1"},
        {"flip=1.5", "X is the probability, above 0, at most 1"},
        {"resized-crop=2", "X is the least share of the area, above 0, at most 1"},
        {"mixup=0", "alpha of a beta distribution, above 0"},
        {"cutmix=-1", "'cutmix=-1'"},
    };
    error err;
    augment_list list;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_FAILS(STATUS_USAGE, bad[i][1], augment_parse(bad[i][0], &list, &err));
}

/* ---- The draws ---- */

static void test_rotate_and_flip(void **state)
{
    (void)state;
    augment_list list = parsed("default");
    double *angles = calloc(DRAWS, sizeof *angles);
    int flips[2] = {0};
    for (int n = 0; n < DRAWS; n++) {
        pixel_source image = draw_image(&list, n, SIZE, SIZE);
        angles[n] = asin(image.sine) * 180 / pi / 40 + 0.5;
        flips[image.flip]++;
        assert_true(fabs(hypot(image.sine, image.cosine) - 1) < 1e-6);
        /* Runs of older versions resume with the same angles and flips. */
        const augment_place at = place(n);
        uint32_t words[4];
        random_block(at.seed, RANDOM_AUGMENT, (uint64_t)at.epoch << 32 | at.position, words);
        double angle = (2 * (words[0] / 4294967296.0) - 1) * 20 * pi / 180;
        assert_true(image.sine == (float)sin(angle) && image.cosine == (float)cos(angle));
        assert_int_equal(image.flip, words[1] >> 31);
    }
    assert_distributed(angles, DRAWS, uniform, NULL);
    assert_even(flips, 2, DRAWS);
    augment_list seldom = parsed("flip=0.1");
    int count = 0;
    for (int n = 0; n < DRAWS; n++)
        count += draw_image(&seldom, n, SIZE, SIZE).flip;
    assert_true(abs(count - DRAWS / 10) < 5 * sqrt(DRAWS * 0.09));
    free(angles);
}

static void test_crop(void **state)
{
    (void)state;
    augment_list list = parsed("crop=4");
    int cells[81] = {0};
    for (int n = 0; n < DRAWS; n++) {
        pixel_source image = draw_image(&list, n, SIZE, SIZE);
        assert_in_range(image.shift_x + 4, 0, 8);
        assert_in_range(image.shift_y + 4, 0, 8);
        cells[(image.shift_x + 4) * 9 + image.shift_y + 4]++;
        assert_int_equal(image.part_width, 0);
    }
    assert_even(cells, 81, DRAWS);
}

/* Probability that a share of the area is kept: the crop with the drawn ratio must fit into the
 * image. */
static double fits(double share)
{
    return fmin(1, -log(share) / log(4.0 / 3));
}

static double area_cdf(double x, const void *context)
{
    enum { STEPS = 400 };
    const double *table = context;
    double at = (x - 0.3) / 0.7 * STEPS;
    int cell = at < 0 ? 0 : at >= STEPS ? STEPS - 1 : (int)at;
    return table[cell] + (table[cell + 1] - table[cell]) * (at - cell);
}

static void fill_area_table(double table[401])
{
    table[0] = 0;
    for (int i = 0; i < 400; i++)
        table[i + 1] = table[i] + fits(0.3 + 0.7 * (i + 0.5) / 400);
    for (int i = 0; i <= 400; i++)
        table[i] /= table[400];
}

static void test_resized_crop(void **state)
{
    (void)state;
    enum { WIDTH = 4000, HEIGHT = 3000 };
    augment_list list = parsed("resized-crop=0.3");
    double *areas = calloc(DRAWS, sizeof *areas), *ratios = calloc(DRAWS, sizeof *ratios);
    double *lefts = calloc(DRAWS, sizeof *lefts), *tops = calloc(DRAWS, sizeof *tops);
    double table[401];
    size_t small = 0;
    for (int n = 0; n < DRAWS; n++) {
        pixel_source p = draw_image(&list, n, WIDTH, HEIGHT);
        double width = p.part_width, height = p.part_height;
        assert_true(p.left >= 0 && p.top >= 0 && p.left + p.part_width <= WIDTH &&
                    p.top + p.part_height <= HEIGHT);
        areas[n] = width * height / ((double)WIDTH * HEIGHT);
        if (areas[n] > 0.5)
            continue;
        ratios[small] = log(width / height) / log(4.0 / 3) / 2 + 0.5;
        lefts[small] = (p.left + 0.5) / (WIDTH - width + 1);
        tops[small++] = (p.top + 0.5) / (HEIGHT - height + 1);
    }
    assert_true(small > DRAWS / 4);
    assert_distributed(ratios, small, uniform, NULL);
    assert_distributed(lefts, small, uniform, NULL);
    assert_distributed(tops, small, uniform, NULL);
    free(ratios);
    free(lefts);
    free(tops);
    /* A square, where a ratio is as likely to fit as its inverse. */
    fill_area_table(table);
    for (int n = 0; n < DRAWS; n++) {
        pixel_source p = draw_image(&list, n, WIDTH, WIDTH);
        areas[n] = (double)p.part_width * p.part_height / ((double)WIDTH * WIDTH);
    }
    assert_distributed(areas, DRAWS, area_cdf, table);
    free(areas);
}

/* If no try fits, the crop equals torchvision's RandomResizedCrop.get_params(scale=(1, 1)). */
static void test_middle_crop(void **state)
{
    (void)state;
    static const int wants[][6] = {
        {100, 10, 43, 0, 13, 10}, {10, 100, 0, 43, 10, 13}, {1, 50, 0, 24, 1, 1}};
    augment_list list = parsed("resized-crop=1");
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        const int *w = wants[i];
        pixel_source p = draw_image(&list, 5, w[0], w[1]);
        assert_int_equal(p.left, w[2]);
        assert_int_equal(p.top, w[3]);
        assert_int_equal(p.part_width, w[4]);
        assert_int_equal(p.part_height, w[5]);
    }
    /* An image that is already a part of a larger one. */
    pixel_source image = {
        .width = 300, .height = 200, .left = 20, .top = 30, .part_width = 100, .part_height = 10};
    const augment_place at = place(5);
    augment_image(&list, &at, &image);
    assert_int_equal(image.left, 20 + 43);
    assert_int_equal(image.top, 30);
    assert_int_equal(image.part_width, 13);
}

static void test_cutout(void **state)
{
    (void)state;
    augment_list list = parsed("cutout=8");
    int xs[SIZE] = {0}, ys[SIZE] = {0};
    for (int n = 0; n < DRAWS; n++) {
        pixel_source image = draw_image(&list, n, 50, 50);
        assert_int_equal(image.cut_side, 8);
        assert_in_range(image.cut_left + 4, 0, SIZE - 1);
        assert_in_range(image.cut_top + 4, 0, SIZE - 1);
        xs[image.cut_left + 4]++;
        ys[image.cut_top + 4]++;
    }
    assert_even(xs, SIZE, DRAWS);
    assert_even(ys, SIZE, DRAWS);
}

/* The integral of t^(a - 1) * (1 - t)^(a - 1) from 0 to x <= 1/2. The substitution u = t^a removes
 * the pole at 0. */
static double beta_integral(double x, double a)
{
    enum { STEPS = 100 };
    double end = pow(x, a), sum = 0;
    for (int i = 0; i < STEPS; i++)
        sum += pow(1 - pow((i + 0.5) / STEPS * end, 1 / a), a - 1);
    return sum / STEPS * end / a;
}

static double beta_cdf(double x, const void *context)
{
    double a = *(const double *)context, whole = 2 * beta_integral(0.5, a);
    return x <= 0.5 ? beta_integral(x, a) / whole : 1 - beta_integral(1 - x, a) / whole;
}

static void test_mixup(void **state)
{
    (void)state;
    static const char *const texts[] = {"mixup", "mixup=1", "mixup=0.5", "mixup=3"};
    static const double alphas[] = {0.2, 1, 0.5, 3};
    double *lambdas = calloc(DRAWS, sizeof *lambdas);
    for (int i = 0; i < 4; i++) {
        augment_list list = parsed(texts[i]);
        for (int n = 0; n < DRAWS; n++) {
            batch_mix mix = draw_batch(&list, n);
            const augment_place at = place(n);
            lambdas[n] = augment_beta(&at, RANDOM_MIXUP, alphas[i]);
            assert_true(mix.right == 0 && mix.partner_share == (float)(1 - lambdas[n]));
        }
        assert_distributed(lambdas, DRAWS, beta_cdf, &alphas[i]);
    }
    free(lambdas);
    /* A tiny alpha gives only 0 and 1, equally often, and never a NaN. */
    augment_list list = parsed("mixup=1e-9");
    int ends[2] = {0};
    for (int n = 0; n < DRAWS; n++) {
        float share = draw_batch(&list, n).partner_share;
        assert_true(share == 0 || share == 1);
        ends[share == 1]++;
    }
    assert_even(ends, 2, DRAWS);
}

/* The mean share of the partner if lambda is uniform: half the box's side is h for 1 - lambda in
 * [(h / 16)^2, ((h + 1) / 16)^2), and the box is clipped along each axis. */
static double mean_box(void)
{
    double mean = 0;
    for (int half = 0; half < SIZE / 2; half++) {
        double length = 0;
        for (int centre = 0; centre < SIZE; centre++)
            length += fmin(SIZE, centre + half) - fmax(0, centre - half);
        length /= (double)SIZE * SIZE;
        mean += (2 * half + 1) / 256.0 * length * length;
    }
    return mean;
}

static void test_cutmix(void **state)
{
    (void)state;
    augment_list list = parsed("cutmix");
    double sum = 0, squares = 0;
    for (int n = 0; n < DRAWS; n++) {
        batch_mix m = draw_batch(&list, n);
        int width = m.right - m.left, height = m.bottom - m.top;
        double share = (double)m.partner_share;
        assert_true(m.left >= 0 && m.top >= 0 && m.right <= SIZE && m.bottom <= SIZE);
        assert_true(share == (float)(width * height / (double)(SIZE * SIZE)));
        /* A square, unless it is clipped at an edge. */
        bool inside = m.left > 0 && m.top > 0 && m.right < SIZE && m.bottom < SIZE;
        assert_true(!inside || (width == height && width % 2 == 0));
        sum += share;
        squares += share * share;
    }
    double mean = sum / DRAWS, deviation = sqrt(squares / DRAWS - mean * mean);
    if (!(fabs(mean - mean_box()) < 4 * deviation / sqrt(DRAWS)))
        fail_msg("the mean share is %g, expected %g", mean, mean_box());
}

static void test_either(void **state)
{
    (void)state;
    augment_list list = parsed("mixup=1,cutmix=1"), alone = parsed("cutmix=1");
    int kinds[2] = {0};
    for (int n = 0; n < DRAWS; n++) {
        batch_mix mix = draw_batch(&list, n), other = draw_batch(&alone, n);
        if (other.right == 0)
            continue; /* an empty box */
        kinds[mix.right > 0]++;
        assert_true(mix.right == 0 || memcmp(&mix, &other, sizeof mix) == 0);
    }
    assert_even(kinds, 2, kinds[0] + kinds[1]);
}

static void test_function_of_place(void **state)
{
    (void)state;
    augment_list list = parsed("crop=4,flip,rotate=20,resized-crop=0.08,cutout=8");
    pixel_source first = draw_image(&list, 7, 60, 50), again = draw_image(&list, 7, 60, 50);
    pixel_source next = draw_image(&list, 8, 60, 50), epoch = draw_image(&list, 107, 60, 50);
    assert_memory_equal(&first, &again, sizeof first);
    assert_memory_not_equal(&first, &next, sizeof first);
    assert_memory_not_equal(&first, &epoch, sizeof first);
    augment_list none = parsed("none");
    pixel_source plain = draw_image(&none, 7, 60, 50);
    const pixel_source want = {.width = 60, .height = 50, .cosine = 1};
    assert_memory_equal(&plain, &want, sizeof plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_rotate_and_flip),
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_resized_crop),
        cmocka_unit_test(test_middle_crop),
        cmocka_unit_test(test_cutout),
        cmocka_unit_test(test_mixup),
        cmocka_unit_test(test_cutmix),
        cmocka_unit_test(test_either),
        cmocka_unit_test(test_function_of_place),
    };
    return cmocka_run_group_tests_name("augment", tests, NULL, NULL);
}
