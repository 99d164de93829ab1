/* SPDX-License-Identifier: Apache-2.0 */
/* evaluation.c: the counts, which mistakes are kept, and the file with their pictures. */
#include "base/file.h"
#include "base/text.h"
#include "image_files.h"
#include "measure/evaluation.h"
#include "support.h"

#include <jansson.h>
#include <math.h>

enum { COARSE = 2, FINE = 3, SIDE = 5, MOST = 64 };

static const char *path, *directory;
static hierarchy classes;

static int set_up(void **state)
{
    static const char *const coarse[] = {"a \"b\"", "c"};
    static const char *const fine[] = {"x", "<y>", "z"};
    static const int parents[] = {0, 0, 1};
    error err;
    int result = support_files_set_up(state, "validation.json");
    const support_files *files = *state;
    path = files->path;
    directory = files->directory;
    CHECK_OK(hierarchy_create(&classes, COARSE, coarse, FINE, fine, parents, &err));
    return result;
}

static int tear_down(void **state)
{
    hierarchy_free(&classes);
    return support_files_tear_down(state);
}

/* The results for an image: its index in the set, labels, guesses and losses. */
typedef struct seen_image {
    size_t index;
    int fine, fine_guess, coarse, coarse_guess;
    float loss, coarse_loss;
} seen_image;

static void add(evaluation *e, const seen_image *images, int count)
{
    size_t indices[MOST];
    head_result fine[MOST], coarse[MOST];
    assert_in_range(count, 0, MOST);
    for (int i = 0; i < count; i++) {
        const seen_image *s = &images[i];
        indices[i] = s->index;
        fine[i] = (head_result){.loss = s->loss, .guess = s->fine_guess, .label = s->fine};
        coarse[i] =
            (head_result){.loss = s->coarse_loss, .guess = s->coarse_guess, .label = s->coarse};
    }
    const batch b = {.count = count, .indices = indices};
    const step_results results = {count, e->has_coarse ? coarse : NULL, fine};
    evaluation_add(e, &b, &results);
}

static evaluation create(bool has_coarse)
{
    error err;
    evaluation e;
    CHECK_OK(evaluation_create(&e, &classes, has_coarse, &err));
    return e;
}

/* ---- Counting ---- */

static void test_confusion(void **state)
{
    (void)state;
    static const seen_image first[] = {{0, 0, 0, 0, 0, 1, 1}, {1, 0, 2, 0, 1, 1, 1}},
                            second[] = {{2, 0, 2, 0, 1, 1, 1}, {3, 2, 1, 1, 1, 1, 1}};
    static const uint32_t fine[FINE * FINE] = {1, 0, 2, 0, 0, 0, 0, 1, 0};
    static const uint32_t coarse[COARSE * COARSE] = {1, 2, 0, 1};
    evaluation e = create(true);
    add(&e, first, 2);
    add(&e, second, 2);
    assert_int_equal(e.images, 4);
    assert_int_equal(e.undecided, 0);
    assert_memory_equal(e.fine, fine, sizeof fine);
    assert_memory_equal(e.coarse, coarse, sizeof coarse);
    assert_int_equal(e.worst_count, 3);
    evaluation_free(&e);
    evaluation_free(&e);
}

/* An image that either head leaves undecided is in neither matrix and is not a mistake. */
static void test_undecided(void **state)
{
    (void)state;
    static const seen_image images[] = {
        {0, 0, 1, 0, 0, NAN, 1}, {1, 0, 1, 0, 0, 1, INFINITY}, {2, 1, 1, 0, 0, 1, 1}};
    static const uint32_t both[FINE * FINE] = {0, 0, 0, 0, 1, 0, 0, 0, 0};
    static const uint32_t alone[FINE * FINE] = {0, 1, 0, 0, 1, 0, 0, 0, 0};
    evaluation e = create(true);
    add(&e, images, 3);
    assert_int_equal(e.images, 3);
    assert_int_equal(e.undecided, 2);
    assert_int_equal(e.worst_count, 0);
    assert_memory_equal(e.fine, both, sizeof both);
    evaluation_free(&e);
    e = create(false);
    add(&e, images, 3);
    assert_null(e.coarse);
    assert_int_equal(e.undecided, 1);
    assert_int_equal(e.worst_count, 1);
    assert_memory_equal(e.fine, alone, sizeof alone);
    evaluation_free(&e);
}

static void expect_worst(const evaluation *e, int at, size_t image, float loss)
{
    assert_int_equal(e->worst[at].image, image);
    assert_true(e->worst[at].loss == loss);
}

/* By falling loss; among equal losses the first ones come first. */
static void test_worst(void **state)
{
    (void)state;
    static const seen_image few[] = {{10, 0, 1, 0, 0, 2, 1}, {11, 0, 2, 0, 0, 3, 1},
                                     {12, 0, 0, 0, 0, 9, 1}, {13, 1, 2, 0, 0, 2, 1},
                                     {14, 2, 1, 0, 0, 3, 1}, {15, 2, 0, 0, 0, 0.5f, 1}};
    evaluation e = create(false);
    add(&e, few, 6);
    assert_int_equal(e.worst_count, 5);
    expect_worst(&e, 0, 11, 3);
    expect_worst(&e, 1, 14, 3);
    expect_worst(&e, 2, 10, 2);
    expect_worst(&e, 3, 13, 2);
    expect_worst(&e, 4, 15, 0.5f);
    assert_int_equal(e.worst[1].label, 2);
    assert_int_equal(e.worst[1].answer, 1);
    evaluation_free(&e);
}

/* 64 mistakes with losses 0, 7, 14, ... modulo 32, so each loss occurs twice. The images of the 12
 * largest losses are kept. */
static void test_most(void **state)
{
    (void)state;
    seen_image many[MOST];
    evaluation e = create(false);
    for (size_t i = 0; i < MOST; i++)
        many[i] = (seen_image){i, 0, 1, 0, 0, (float)(7 * i % 32), 1};
    add(&e, many, MOST / 2);
    add(&e, many + MOST / 2, MOST / 2);
    assert_int_equal(e.worst_count, EVALUATION_MISTAKES);
    for (int at = 0; at < EVALUATION_MISTAKES; at += 2) {
        size_t first = 0;
        while (7 * first % 32 != (size_t)(31 - at / 2))
            first++;
        expect_worst(&e, at, first, (float)(31 - at / 2));
        expect_worst(&e, at + 1, first + 32, (float)(31 - at / 2));
    }
    const seen_image late[] = {{70, 0, 1, 0, 0, 20, 1}, {71, 0, 1, 0, 0, 20.5f, 1}};
    add(&e, late, 2); /* one as bad as the last one, and a worse one */
    assert_int_equal(e.worst_count, EVALUATION_MISTAKES);
    expect_worst(&e, EVALUATION_MISTAKES - 3, 35, 21);
    expect_worst(&e, EVALUATION_MISTAKES - 2, 71, 20.5f);
    expect_worst(&e, EVALUATION_MISTAKES - 1, 12, 20);
    evaluation_free(&e);
}

/* ---- The file ---- */

static json_t *write_and_read(const evaluation *e, const image_set *set)
{
    error err;
    json_error_t fault;
    CHECK_OK(evaluation_write(e, path, "validation", set, 3, 90, &err));
    json_t *root = json_load_file(path, 0, &fault);
    if (!root)
        fail_msg("%s", fault.text);
    return root;
}

static void expect_json(const json_t *root, const char *key, const char *want)
{
    char *got = json_dumps(json_object_get(root, key), JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(got);
    assert_string_equal(got, want);
    free(got);
}

static int digit_of(char letter)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = letter ? strchr(letters, letter) : NULL;
    assert_non_null(at);
    return (int)(at - letters);
}

/* The picture of a mistake, decoded from its data URL. */
static image read_picture(const json_t *root, size_t mistake)
{
    static const char prefix[] = "data:image/png;base64,";
    error err;
    image picture;
    const json_t *one = json_array_get(json_object_get(root, "worst"), mistake);
    const char *text = json_string_value(json_object_get(one, "picture"));
    assert_non_null(text);
    assert_int_equal(strncmp(text, prefix, strlen(prefix)), 0);
    text += strlen(prefix);
    unsigned char *bytes = malloc(strlen(text) + 3);
    size_t size = 0;
    assert_non_null(bytes);
    unsigned bits = 0, count = 0;
    for (; *text && *text != '='; text++) {
        bits = bits << 6 | (unsigned)digit_of(*text);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[size++] = (unsigned char)(bits >> count);
        }
    }
    char *file = text_format("%s/decoded.png", directory);
    CHECK_OK(file_write(file, bytes, size, &err));
    CHECK_OK(image_read(file, &picture, &err));
    free(file);
    free(bytes);
    return picture;
}

/* A set of two images. Pixel (x, y) of image 1 is (10 x, 10 y, 200 + x). */
static image_set make_set(enum pixel_layout layout)
{
    enum { PLANE = SIDE * SIDE };
    image_set set = {.count = 2, .width = SIDE, .height = SIDE, .layout = layout};
    set.pixels = support_memory(2, 3 * PLANE);
    for (int i = 0; i < PLANE; i++) {
        int rgb[] = {10 * (i % SIDE), 10 * (i / SIDE), 200 + i % SIDE};
        for (int c = 0; c < 3; c++)
            set.pixels[3 * PLANE + (layout == PIXELS_PLANAR ? c * PLANE + i : 3 * i + c)] =
                (unsigned char)rgb[c];
    }
    return set;
}

static void expect_pixels(enum pixel_layout layout)
{
    static const seen_image wrong = {1, 0, 2, 0, 1, 2, 1};
    image_set set = make_set(layout);
    evaluation e = create(true);
    add(&e, &wrong, 1);
    json_t *root = write_and_read(&e, &set);
    image picture = read_picture(root, 0);
    assert_int_equal(picture.width, SIDE);
    assert_int_equal(picture.height, SIDE);
    for (int i = 0; i < SIDE * SIDE; i++) {
        const unsigned char want[] = {(unsigned char)(10 * (i % SIDE)),
                                      (unsigned char)(10 * (i / SIDE)),
                                      (unsigned char)(200 + i % SIDE)};
        assert_memory_equal(picture.pixels + 3 * i, want, 3);
    }
    image_free(&picture);
    json_decref(root);
    evaluation_free(&e);
    free(set.pixels);
}

static void test_pixels(void **state)
{
    (void)state;
    expect_pixels(PIXELS_PLANAR);
    expect_pixels(PIXELS_INTERLEAVED);
}

static void test_file(void **state)
{
    (void)state;
    static const seen_image images[] = {
        {1, 0, 2, 0, 1, 2, 1}, {0, 1, 1, 0, 0, 1, 1}, {0, 1, 1, 0, 0, NAN, 1}};
    image_set set = make_set(PIXELS_PLANAR);
    evaluation e = create(true);
    add(&e, images, 3);
    json_t *root = write_and_read(&e, &set);
    expect_json(root, "set", "\"validation\"");
    expect_json(root, "epoch", "3");
    expect_json(root, "step", "90");
    expect_json(root, "images", "3");
    expect_json(root, "undecided", "1");
    expect_json(root, "coarse_classes", "[\"a \\\"b\\\"\",\"c\"]");
    expect_json(root, "fine_classes", "[\"x\",\"<y>\",\"z\"]");
    expect_json(root, "parents", "[0,0,1]");
    expect_json(root, "coarse", "[[1,1],[0,0]]");
    expect_json(root, "fine", "[[0,0,1],[0,1,0],[0,0,0]]");
    const json_t *worst = json_array_get(json_object_get(root, "worst"), 0);
    assert_int_equal(json_array_size(json_object_get(root, "worst")), 1);
    expect_json(worst, "image", "\"image 1\"");
    expect_json(worst, "label", "0");
    expect_json(worst, "answer", "2");
    assert_true(json_number_value(json_object_get(worst, "loss")) == 2);
    double probability = json_number_value(json_object_get(worst, "probability"));
    assert_true(fabs(probability - exp(-2)) < 1e-6);
    json_decref(root);
    evaluation_free(&e);
    e = create(false);
    root = write_and_read(&e, &set);
    expect_json(root, "coarse", "null");
    expect_json(root, "worst", "[]");
    json_decref(root);
    evaluation_free(&e);
    free(set.pixels);
}

/* ---- Files ---- */

/* A picture with one colour in the left half and another in the right half. */
static void put_large(const char *name, int width, int height)
{
    error err;
    char *file = text_format("%s/%s", directory, name);
    unsigned char *pixels = support_memory((size_t)width * (size_t)height, 3);
    for (int i = 0; i < width * height; i++)
        memset(pixels + 3 * i, i % width < width / 2 ? 10 : 200, 3);
    const image picture = {width, height, pixels};
    CHECK_OK(image_write_png(file, &picture, &err));
    free(pixels);
    free(file);
}

static void add_file(image_set *set, const char *name)
{
    error err;
    CHECK_OK(image_set_append(set, text_format("%s/%s", directory, name), 0, 0, NULL, &err));
}

/* One picture at its own size, one shrunk by a factor that does not divide its size, one missing
 * file, and one that is not an image. */
static void test_files(void **state)
{
    (void)state;
    static const seen_image wrong[] = {
        {0, 0, 1, 0, 0, 9, 1}, {1, 0, 1, 0, 0, 8, 1}, {2, 0, 1, 0, 0, 7, 1}, {3, 0, 1, 0, 0, 6, 1}};
    image_set set = {0};
    evaluation e = create(true);
    image_files_put(directory, "small.png", 3, 96, 2);
    put_large("large.png", 388, 130);
    image_files_text(directory, "broken.png", "no image");
    add_file(&set, "small.png");
    add_file(&set, "large.png");
    add_file(&set, "gone.png");
    add_file(&set, "broken.png");
    add(&e, wrong, 4);
    json_t *root = write_and_read(&e, &set);
    const json_t *worst = json_object_get(root, "worst");
    image picture = read_picture(root, 0);
    assert_int_equal(picture.width, 96);
    assert_int_equal(picture.height, 2);
    assert_int_equal(picture.pixels[3 * (96 + 5)], 3 + 5 + 16);
    image_free(&picture);
    picture = read_picture(root, 1);
    assert_int_equal(picture.width, (388 + 4) / 5);
    assert_int_equal(picture.height, 26);
    for (int i = 0; i < 78 * 26; i++) { /* column 38 averages 5, 4 of them dark */
        int x = i % 78, want = x < 38 ? 10 : x > 38 ? 200 : (4 * 10 + 200 + 2) / 5;
        assert_int_equal(picture.pixels[3 * i], want);
        assert_int_equal(picture.pixels[3 * i + 2], want);
    }
    image_free(&picture);
    assert_string_equal(json_string_value(json_object_get(json_array_get(worst, 1), "image")),
                        set.paths[1]);
    for (size_t i = 2; i < 4; i++)
        assert_true(json_is_null(json_object_get(json_array_get(worst, i), "picture")));
    json_decref(root);
    evaluation_free(&e);
    image_set_free(&set);
}

static void test_unwritable(void **state)
{
    (void)state;
    error err;
    const image_set set = {0};
    evaluation e = create(true);
    CHECK_FAILS(STATUS_FAILED, "/no-such-directory/v.json",
                evaluation_write(&e, "/no-such-directory/v.json", "test", &set, 1, 1, &err));
    evaluation_free(&e);
}

#define evaluation_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        evaluation_test(test_confusion), evaluation_test(test_undecided),
        evaluation_test(test_worst),     evaluation_test(test_most),
        evaluation_test(test_pixels),    evaluation_test(test_file),
        evaluation_test(test_files),     evaluation_test(test_unwritable),
    };
    return cmocka_run_group_tests_name("evaluation", tests, NULL, NULL);
}
