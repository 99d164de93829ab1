/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c: directories of image files, with and without label_map.json, and what is refused. */
#include "base/text.h"
#include "data/dataset.h"
#include "image_files.h"

static char directory[] = "/tmp/hcnn-tree-XXXXXX";

static void put_map(const char *text)
{
    image_files_text(directory, "label_map.json", text);
}

static void put_image(const char *where, unsigned char value, int width)
{
    image_files_put(directory, where, value, width, 8);
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

/* Classes are numbered in the map's order, files sorted by bytes. */
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
    image_files_assert_ends(set.train.paths[0], "/cat/x.png");
    image_files_assert_ends(set.train.paths[1], "/oak/B.png");
    image_files_assert_ends(set.train.paths[2], "/oak/a.png");
    assert_int_equal(set.train.coarse[1], 1);
    assert_int_equal(set.train.fine[1], 3);
    assert_int_equal(set.test.count, 1);
    assert_int_equal(set.test.fine[0], 1);
    assert_int_equal(set.native_size, 8);
    dataset_close(&set);
}

/* A class without images is one whose directory does not exist; any other error is reported. */
static void test_unreadable_class(void **state)
{
    (void)state;
    error err;
    dataset set;
    char *path = text_format("%s/train_images/animal/hen", directory);
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
        {"[1]", "not a JSON object"},
        {"{}", "names no classes"},
        {"{\"animal\": []}", "names no classes"},
        {"{\"animal\": \"cat\"}", "'animal' must be"},
        {"{\"animal\": [7]}", "'animal' lists something other"},
        {"{\"animal\": [\"cat\", \"dog\", \"cat\"]}", "'animal' lists 'cat' twice"},
        {"{\"..\": [\"cat\"]}", "'..' must be a directory's name"},
        {"{\"animal\": [\"../../etc\"]}", "'animal' lists something other"},
        {"{\"a/b\": [\"cat\"]}", "'a/b' must be"},
        {"{\"fish\": [\"cod\"]}", "train_images: contains no image"},
    };
    error err;
    dataset set;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put_map(bad[i][0]);
        CHECK_FAILS(STATUS_FAILED, bad[i][1], dataset_open(directory, &set, &err));
        assert_non_null(strstr(err.message, directory));
    }
}

/* ---- Without label_map.json ---- */

static char *plain;

static int make_plain(void **state)
{
    (void)state;
    plain = check_directory();
    image_files_put(plain, "train/plant/oak/b.png", 1, 6, 8);
    image_files_put(plain, "train/plant/oak/a.JPEG", 2, 6, 8);
    image_files_put(plain, "train/animal/other/x.png", 3, 6, 8);
    image_files_text(plain, "train/animal/other/notes.txt", "no image");
    image_files_text(plain, "train/animal/other/.hidden.png", "not seen");
    image_files_text(plain, "train/README", "no class");
    image_files_put(plain, "test/plant/other/y.png", 4, 6, 8);
    return 0;
}

static int remove_plain(void **state)
{
    (void)state;
    error err;
    status removed = file_remove_tree(plain, &err);
    free(plain);
    return removed != STATUS_OK;
}

static void make_below(const char *where)
{
    error err;
    char *path = text_format("%s/%s", plain, where);
    CHECK_OK(file_make_directory(path, &err));
    free(path);
}

/* Classes are those of all parts together, sorted by name. Two may have the same name under
 * different parents, and one may have no image. */
static void test_plain(void **state)
{
    (void)state;
    error err;
    dataset set;
    make_below("train/animal/cat");
    CHECK_OK(dataset_open(plain, &set, &err));
    assert_string_equal(set.form, "tree");
    assert_int_equal(set.classes.coarse_count, 2);
    assert_int_equal(set.classes.fine_count, 4);
    const char *const fine[] = {"cat", "other", "oak", "other"};
    const int parents[] = {0, 0, 1, 1};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(set.classes.fine_names[i], fine[i]);
        assert_int_equal(set.classes.parents[i], parents[i]);
    }
    assert_int_equal(set.train.count, 3);
    image_files_assert_ends(set.train.paths[0], "/other/x.png");
    image_files_assert_ends(set.train.paths[1], "/oak/a.JPEG");
    image_files_assert_ends(set.train.paths[2], "/oak/b.png");
    assert_int_equal(set.train.fine[0], 1);
    assert_int_equal(set.train.fine[2], 2);
    assert_int_equal(set.train.coarse[2], 1);
    assert_int_equal(set.valid.count, 0);
    assert_int_equal(set.test.count, 1);
    assert_int_equal(set.test.fine[0], 3);
    assert_int_equal(set.ignored, 2); /* notes.txt and README */
    assert_int_equal(set.native_size, 8);
    dataset_close(&set);
}

/* Either spelling works, but not both at once. */
static void test_validation_part(void **state)
{
    (void)state;
    static const char *const spellings[] = {"valid", "val"};
    error err;
    dataset set;
    char where[64];
    for (int i = 0; i < 2; i++) {
        snprintf(where, sizeof where, "%s/plant/oak/z.bmp", spellings[i]);
        image_files_put(plain, where, 5, 3, 3);
        CHECK_OK(dataset_open(plain, &set, &err));
        assert_int_equal(set.valid.count, 1);
        assert_int_equal(set.valid.fine[0], 1);
        dataset_close(&set);
        char *path = text_format("%s/%s", plain, spellings[i]);
        CHECK_OK(file_remove_tree(path, &err));
        free(path);
    }
    make_below("val");
    CHECK_FAILS(STATUS_FAILED, "val: contains no image of any class",
                dataset_open(plain, &set, &err));
    make_below("valid");
    CHECK_FAILS(STATUS_FAILED, "valid and ", dataset_open(plain, &set, &err));
    assert_non_null(strstr(err.message, "/val both exist"));
}

/* The first images may be broken: native_size comes from a readable one. */
static void test_broken_first(void **state)
{
    (void)state;
    error err;
    dataset set;
    image_files_put(plain, "train/animal/other/x.png", 3, 30, 30);
    image_files_cut(plain, "train/animal/other/x.png", 10);
    CHECK_OK(dataset_open(plain, &set, &err));
    assert_int_equal(set.train.count, 3);
    assert_int_equal(set.native_size, 8);
    dataset_close(&set);
}

/* Images one level too high. */
static void test_flat_tree(void **state)
{
    (void)state;
    error err;
    dataset set;
    image_files_put(plain, "train/animal2/x.png", 3, 6, 8);
    CHECK_FAILS(STATUS_FAILED, "train/animal2: contains no directory",
                dataset_open(plain, &set, &err));
}

static void test_odd_name(void **state)
{
    (void)state;
    error err;
    dataset set;
    image_files_put(plain, "train/animal/\xff/x.png", 3, 6, 8);
    CHECK_FAILS(STATUS_FAILED, "is not UTF-8", dataset_open(plain, &set, &err));
}

/* No form recognises the path; the error lists the known forms. */
static void test_unknown(void **state)
{
    (void)state;
    error err;
    dataset set;
    char *path = text_format("%s/train/plant", plain);
    CHECK_FAILS(STATUS_FAILED, "is not a data set in a known form", dataset_open(path, &set, &err));
    assert_non_null(strstr(err.message, ".csv file"));
    assert_non_null(strstr(err.message, "DeepFashion"));
    assert_non_null(strstr(err.message, "train/COARSE/FINE"));
    assert_non_null(strstr(err.message, "CIFAR-100"));
    free(path);
    CHECK_FAILS(STATUS_FAILED, "does not exist", dataset_open("/no/such", &set, &err));
}

#define plain_test(test) cmocka_unit_test_setup_teardown(test, make_plain, remove_plain)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_unreadable_class),
        cmocka_unit_test(test_refused_maps),
        plain_test(test_plain),
        plain_test(test_validation_part),
        plain_test(test_broken_first),
        plain_test(test_flat_tree),
        plain_test(test_odd_name),
        plain_test(test_unknown),
    };
    return cmocka_run_group_tests_name("tree", tests, make_tree, remove_tree);
}
