/* SPDX-License-Identifier: Apache-2.0 */
/* csv.c: rows become images, the variants of CSV, and errors, which name the line. */
#include "base/text.h"
#include "data/dataset.h"
#include "image_files.h"

static char *directory;

static int make_images(void **state)
{
    (void)state;
    directory = check_directory();
    image_files_put(directory, "sub/one.png", 0, 6, 9);
    image_files_put(directory, "sub/two, too.png", 0, 5, 5);
    image_files_put(directory, "three.jpg", 0, 8, 8);
    return 0;
}

static int remove_images(void **state)
{
    (void)state;
    error err;
    status removed = file_remove_tree(directory, &err);
    free(directory);
    return removed != STATUS_OK;
}

static status open_text(const char *text, dataset *set, error *err)
{
    char *path = text_format("%s/list.csv", directory);
    image_files_text(directory, "list.csv", text);
    status result = dataset_open(path, set, err);
    free(path);
    return result;
}

/* Coarse classes are numbered by name, fine classes by name within their coarse class; rows keep
 * their order. */
static void test_good(void **state)
{
    (void)state;
    error err;
    dataset set;
    CHECK_OK(open_text("image,coarse,fine,split\n"
                       "sub/one.png,plant,oak,train\n"
                       "three.jpg,animal,wolf,train\n"
                       "three.jpg,animal,cat,val\n"
                       "\n"
                       "gone.png,plant,cat,test\n"
                       "three.jpg,animal,cat,valid\n"
                       "three.jpg,Animal,cat,validation\n",
                       &set, &err));
    assert_string_equal(set.form, "csv");
    assert_int_equal(set.classes.coarse_count, 3);
    assert_int_equal(set.classes.fine_count, 5);
    const char *const fine[] = {"cat", "cat", "wolf", "cat", "oak"};
    const int parents[] = {0, 1, 1, 2, 2};
    for (int i = 0; i < 5; i++) {
        assert_string_equal(set.classes.fine_names[i], fine[i]);
        assert_int_equal(set.classes.parents[i], parents[i]);
    }
    assert_string_equal(set.classes.coarse_names[0], "Animal"); /* sorted by bytes */
    assert_int_equal(set.train.count, 2);
    assert_int_equal(set.valid.count, 3);
    assert_int_equal(set.test.count, 1);
    assert_int_equal(set.train.fine[0], 4);
    assert_int_equal(set.train.coarse[0], 2);
    assert_int_equal(set.train.fine[1], 2);
    assert_int_equal(set.test.fine[0], 3);
    image_files_assert_ends(set.train.paths[0], "/sub/one.png");
    assert_int_equal(set.native_size, 9);
    dataset_close(&set);
}

/* Each file lists one training image, "sub/two, too.png", with the classes a "b" and c. */
static void test_csv_variants(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "image,coarse,fine\n\"sub/two, too.png\",\"a \"\"b\"\"\",c\n",
        "image,coarse,fine\r\n\"sub/two, too.png\",\"a \"\"b\"\"\",c\r\n",
        "image,coarse,fine\r\"sub/two, too.png\",\"a \"\"b\"\"\",c",
        "\xEF\xBB\xBFimage,coarse,fine\n\"sub/two, too.png\",\"a \"\"b\"\"\",c",
        "\n\nfine , image , coarse\nc , \"sub/two, too.png\" , \"a \"\"b\"\"\"\n\n",
        "\"image\",\"coarse\",\"fine\"\n\"./sub/../sub/two, too.png\",\"a \"\"b\"\"\",\"c\"\n",
    };
    error err;
    dataset set;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK_OK(open_text(texts[i], &set, &err));
        assert_int_equal(set.train.count, 1);
        image_files_assert_ends(set.train.paths[0], "/sub/two, too.png");
        assert_string_equal(set.classes.coarse_names[0], "a \"b\"");
        assert_string_equal(set.classes.fine_names[0], "c");
        assert_int_equal(set.native_size, 5);
        dataset_close(&set);
    }
}

static void test_absolute_path(void **state)
{
    (void)state;
    error err;
    dataset set;
    char *text = text_format("image,coarse,fine\n%s/three.jpg,a,b\n", directory);
    CHECK_OK(open_text(text, &set, &err));
    assert_int_equal(set.native_size, 8);
    dataset_close(&set);
    free(text);
    text = text_format("image,coarse,fine\n%s/../three.jpg,a,b\n", directory);
    CHECK_FAILS(STATUS_FAILED, "line 2:", open_text(text, &set, &err));
    free(text);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "list.csv: is empty"},
        {"image,coarse\nx.png,a\n", "line 1: the header has no column 'fine'"},
        {"image,coarse,fine,spilt\n", "line 1: unknown column 'spilt'"},
        {"image,coarse,fine,fine\n", "line 1: column 'fine' is given twice"},
        {"image,coarse,fine\n", "has no row with a training image"},
        {"image,coarse,fine,split\nx.png,a,b,test\n", "has no row with a training image"},
        {"image,coarse,fine,split\nx.png,a,b,Train\n", "line 2: the split is 'Train'"},
        {"image,coarse,fine,split\nx.png,a,b,\n", "line 2: the split is ''"},
        {"image,coarse,fine\nx.png,a,b\nx.png,a\n", "line 3: has 2 fields, but the header has 3"},
        {"image,coarse,fine\n\nx.png,a,b,c\n", "line 3: has 4 fields, but the header has 3"},
        {"image,coarse,fine\n\"x\ny.png\",a,b\nx.png,,b\n", "line 4: a class has an empty name"},
        {"image,coarse,fine\n\"x\ny.png\",a\n", "line 2: has 2 fields"},
        {"image,coarse,fine\n \r\nx.png,\"a\r\nb\",c\n\n\"x\n\ny.png\",,c\n",
         "line 6: a class has an empty name"},
        {"image,coarse,fine\nx.png,\"a\nb\",c\"d\n", "line 3: a quote is misplaced"},
        {"image,coarse,fine\nx.png,\"a,b\nx.png,a,b\nx.png,a,b\n", "line 2: a quote is misplaced"},
        {"image,coarse,\"fi\nne\"\n", "line 1: unknown column 'fi\nne'"},
        {"image,coarse,fine\nx.png,a,\n", "line 2: a class has an empty name"},
        {"image,coarse,fine\nx.png,a,\xff\n", "line 2: the class name '\xff' is not UTF-8"},
        {"image,coarse,fine\n,a,b\n", "line 2: names no image"},
        {"image,coarse,fine\n../x.png,a,b\n", "line 2: '../x.png' leads out"},
        {"image,coarse,fine\nsub/../../x.png,a,b\n", "line 2: 'sub/../../x.png' leads out"},
        {"image,coarse,fine\n/etc/x.png,a,b\n", "line 2: '/etc/x.png' leads out"},
        {"image,coarse,fine\nx\"y.png,a,b\n", "line 2: a quote is misplaced"},
        {"image,coarse,fine\n\"x.png,a,b\n", "line 2: a quote is misplaced"},
        {"image,coarse,fine\n\"x.png\"y,a,b\n", "line 2: a quote is misplaced"},
    };
    error err;
    dataset set;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_FAILS(STATUS_FAILED, bad[i][1], open_text(bad[i][0], &set, &err));
        assert_non_null(strstr(err.message, "list.csv"));
    }
}

static void test_zero_byte(void **state)
{
    (void)state;
    static const char text[] = "image,coarse,fine\nx\0.png,a,b\n";
    error err;
    dataset set;
    char *path = text_format("%s/zero.csv", directory);
    CHECK_OK(file_write(path, text, sizeof text - 1, &err));
    CHECK_FAILS(STATUS_FAILED, "line 2: contains a zero byte", dataset_open(path, &set, &err));
    free(path);
}

/* Listed files may be missing, but one of the first must be readable, because its size is
 * needed. */
static void test_missing_images(void **state)
{
    (void)state;
    error err;
    dataset set;
    CHECK_FAILS(STATUS_FAILED, "none of the first training images can be read",
                open_text("image,coarse,fine\ngone.png,a,b\n", &set, &err));
    assert_non_null(strstr(err.message, "/gone.png: cannot be opened"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),          cmocka_unit_test(test_csv_variants),
        cmocka_unit_test(test_absolute_path), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_zero_byte),     cmocka_unit_test(test_missing_images),
    };
    return cmocka_run_group_tests_name("csv", tests, make_images, remove_images);
}
