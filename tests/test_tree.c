/* tree.c: directories of image files by label_map.json, and what is refused. */
#include "base/file.h"
#include "check.h"
#include "data/dataset.h"
#include "data/image.h"

static char directory[] = "/tmp/hcnn-tree-XXXXXX";

static void put_map(const char *text)
{
    error err;
    char *path = file_path("%s/label_map.json", directory);
    CHECK_OK(file_write(path, text, strlen(text), &err));
    free(path);
}

static void put_image(const char *where, unsigned char value, int width)
{
    error err;
    unsigned char pixels[3 * 8 * 8];
    memset(pixels, value, sizeof pixels);
    char *path = file_path("%s/%s", directory, where), *above = file_path("%s", path);
    *strrchr(above, '/') = '\0';
    CHECK_OK(file_make_directory(above, &err));
    CHECK_OK(image_write_png(path, &(image){width, 8, pixels}, &err));
    free(path);
    free(above);
}

static int make_tree(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    put_image("train_images/plant/oak/b.png", 1, 6);
    put_image("train_images/plant/oak/a.png", 2, 6);
    put_image("train_images/plant/oak/B.png", 3, 6);
    put_image("train_images/animal/cat/x.png", 4, 6);
    put_image("train_images/animal/cat/.hidden.png", 5, 6);
    put_image("test_images/animal/dog/y.png", 6, 6);
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    error err;
    return file_remove_tree(directory, &err) != STATUS_OK;
}

static void assert_ends(const char *text, const char *end)
{
    assert_true(strlen(text) > strlen(end));
    assert_string_equal(text + strlen(text) - strlen(end), end);
}

/* Numbers follow the map's order, files the order of their bytes. */
static void test_good(void **state)
{
    (void)state;
    error err;
    dataset set;
    put_map("{\"animal\": [\"cat\", \"dog\", \"hen\"], \"plant\": [\"oak\"]}");
    CHECK_OK(dataset_open(directory, &set, &err));
    assert_int_equal(set.classes.coarse_count, 2);
    assert_int_equal(set.classes.fine_count, 4);
    assert_string_equal(set.classes.fine_names[3], "oak");
    assert_int_equal(set.classes.parents[3], 1);
    assert_int_equal(set.train.count, 4);
    assert_int_equal(set.train.fine[0], 0);
    assert_ends(set.train.paths[0], "/cat/x.png");
    assert_ends(set.train.paths[1], "/oak/B.png");
    assert_ends(set.train.paths[2], "/oak/a.png");
    assert_int_equal(set.train.coarse[1], 1);
    assert_int_equal(set.train.fine[1], 3);
    assert_int_equal(set.test.count, 1);
    assert_int_equal(set.test.fine[0], 1);
    assert_int_equal(set.native_size, 8);
    dataset_close(&set);
}

/* Only a directory that is not there is a class without images. */
static void test_unreadable_class(void **state)
{
    (void)state;
    error err;
    dataset set;
    char *path = file_path("%s/train_images/animal/hen", directory);
    put_map("{\"animal\": [\"cat\", \"dog\", \"hen\"], \"plant\": [\"oak\"]}");
    CHECK_OK(file_write(path, "a file", 6, &err));
    CHECK_FAILS(STATUS_FAILED, "animal/hen: cannot be listed", dataset_open(directory, &set, &err));
    assert_int_equal(remove(path), 0);
    free(path);
}

static void test_refused_maps(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "label_map.json: line"},
        {"{\"animal\": [\"cat\"", "label_map.json: line 1"},
        {"{\n\"a\": [\"x\"],\n\"a\": [\"y\"]}", "line 3"},
        {"[1]", "no JSON object"},
        {"{}", "names no classes"},
        {"{\"animal\": []}", "names no classes"},
        {"{\"animal\": \"cat\"}", "'animal' must be"},
        {"{\"animal\": [7]}", "'animal' lists something else"},
        {"{\"..\": [\"cat\"]}", "'..' must be a directory's name"},
        {"{\"animal\": [\"../../etc\"]}", "'animal' lists something else"},
        {"{\"a/b\": [\"cat\"]}", "'a/b' must be"},
        {"{\"fish\": [\"cod\"]}", "train_images: holds no image"},
    };
    error err;
    dataset set;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put_map(bad[i][0]);
        CHECK_FAILS(STATUS_FAILED, bad[i][1], dataset_open(directory, &set, &err));
        assert_non_null(strstr(err.message, directory));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_unreadable_class),
        cmocka_unit_test(test_refused_maps),
    };
    return cmocka_run_group_tests_name("tree", tests, make_tree, remove_tree);
}
