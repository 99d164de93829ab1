/* SPDX-License-Identifier: Apache-2.0 */
/* deepfashion.c: small data sets in both editions, and what is refused. */
#include "base/text.h"
#include "data/dataset.h"
#include "image_files.h"

static char *directory;

static const char classes[] = "4\n"
                              "category_name  category_type\n"
                              "Blazer         1\n"
                              "Button Down    1\n"
                              "Cape           3\n"
                              "Jeans          2\n";
static const char images[] = "4\n"
                             "image_name                category_label\n"
                             "img/Red_Blazer/img_1.jpg   1\n"
                             "img/Red_Blazer/img_2.jpg   2\n"
                             "img/Jeans/img_1.jpg        4\n"
                             "img/Jeans/img_2.jpg        4\n";
static const char parts[] = "4\n"
                            "image_name  evaluation_status\n"
                            "img/Jeans/img_2.jpg        test\n"
                            "img/Red_Blazer/img_2.jpg   train\n"
                            "img/Jeans/img_1.jpg        val\n"
                            "img/Red_Blazer/img_1.jpg   train\n";
static const char boxes[] = "4\r\n"
                            "image_name  x_1 y_1 x_2 y_2\r\n"
                            "img/Jeans/img_1.jpg        001 002 003 004\r\n"
                            "img/Red_Blazer/img_1.jpg   012 011 050 060\r\n"
                            "img/Red_Blazer/img_2.jpg   000 000 001 001\r\n"
                            "img/Jeans/img_2.jpg        005 005 009 009\r\n";

static int make_set(void **state)
{
    (void)state;
    directory = check_directory();
    image_files_text(directory, "Anno/list_category_cloth.txt", classes);
    image_files_text(directory, "Anno/list_category_img.txt", images);
    image_files_text(directory, "Anno/list_bbox.txt", boxes);
    image_files_text(directory, "Eval/list_eval_partition.txt", parts);
    image_files_put(directory, "Img/img/Red_Blazer/img_1.jpg", 1, 30, 40);
    image_files_put(directory, "Img/img/Red_Blazer/img_2.jpg", 2, 7, 7);
    image_files_put(directory, "Img/img/Jeans/img_1.jpg", 3, 7, 7);
    image_files_put(directory, "Img/img/Jeans/img_2.jpg", 4, 7, 7);
    return 0;
}

static int remove_set(void **state)
{
    (void)state;
    error err;
    status removed = file_remove_tree(directory, &err);
    free(directory);
    return removed != STATUS_OK;
}

static void assert_good(const char *first_image)
{
    error err;
    dataset set;
    CHECK_OK(dataset_open(directory, &set, &err));
    assert_string_equal(set.form, "deepfashion");
    assert_int_equal(set.classes.coarse_count, 3);
    assert_int_equal(set.classes.fine_count, 4);
    assert_string_equal(set.classes.coarse_names[2], "full-body");
    assert_string_equal(set.classes.fine_names[1], "Button Down");
    assert_string_equal(set.classes.fine_names[2], "Cape"); /* has no images but keeps its number */
    assert_int_equal(set.classes.parents[2], 2);
    assert_int_equal(set.train.count, 2);
    assert_int_equal(set.valid.count, 1);
    assert_int_equal(set.test.count, 1);
    assert_int_equal(set.train.fine[0], 0);
    assert_int_equal(set.train.fine[1], 1);
    assert_int_equal(set.valid.fine[0], 3);
    assert_int_equal(set.valid.coarse[0], 1);
    image_files_assert_ends(set.train.paths[0], first_image);
    assert_int_equal(set.native_size, 40);
    dataset_close(&set);
}

static void test_good(void **state)
{
    (void)state;
    error err;
    dataset set;
    assert_good("/Img/img/Red_Blazer/img_1.jpg");
    CHECK_OK(dataset_open(directory, &set, &err));
    const pixel_box want = {2, 1, 60, 70}; /* ten more pixels on each side */
    assert_memory_equal(&set.train.boxes[0], &want, sizeof want);
    assert_int_equal(set.valid.boxes[0].left, -9);
    assert_int_equal(set.test.boxes[0].bottom, 19);
    dataset_close(&set);
}

static void move(const char *from, const char *to)
{
    error err;
    char *old = text_format("%s/%s", directory, from), *new = text_format("%s/%s", directory, to);
    CHECK_OK(file_rename(old, new, &err));
    free(old);
    free(new);
}

static void test_other_directories(void **state)
{
    (void)state;
    error err;
    dataset set;
    move("Anno", "Anno_coarse");
    move("Img", "img");
    assert_good("/img/img/Red_Blazer/img_1.jpg");
    move("img", "unpacked");
    move("unpacked/img", "img");
    assert_good("/img/Red_Blazer/img_1.jpg");
    move("img", "elsewhere");
    CHECK_FAILS(STATUS_FAILED, "has neither Img/img nor img; unpack",
                dataset_open(directory, &set, &err));
    move("elsewhere", "unpacked/img");
    move("unpacked", "Img");
    move("Anno_coarse", "Anno");
}

static void test_without_boxes(void **state)
{
    (void)state;
    error err;
    dataset set;
    move("Anno/list_bbox.txt", "Anno/no_boxes.txt");
    CHECK_OK(dataset_open(directory, &set, &err));
    assert_null(set.train.boxes);
    dataset_close(&set);
    move("Anno/no_boxes.txt", "Anno/list_bbox.txt");
}

static void test_missing_list(void **state)
{
    (void)state;
    error err;
    dataset set;
    move("Anno", "Annotations");
    CHECK_FAILS(STATUS_FAILED, "has no directory Anno or Anno_coarse",
                dataset_open(directory, &set, &err));
    move("Annotations", "Anno");
    move("Eval", "Evaluation");
    CHECK_FAILS(STATUS_FAILED, "list_eval_partition.txt: cannot be opened",
                dataset_open(directory, &set, &err));
    move("Evaluation", "Eval");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][4] = {
        /* file, its valid content, invalid content, text of the error */
        {"Anno/list_category_cloth.txt", classes, "", "line 1: expected the number of rows"},
        {"Anno/list_category_cloth.txt", classes, "x\ny\n", "line 1: expected the number of rows"},
        {"Anno/list_category_cloth.txt", classes, "1\nname type\nBlazer 4\n",
         "line 3: '4' is not a number from 1 to 3"},
        {"Anno/list_category_cloth.txt", classes, "1\nname type\nBlazer\n",
         "line 3: expected a name and 1 values"},
        {"Anno/list_category_cloth.txt", classes, "2\nname type\nBlazer 1\n",
         "announces 2 rows, but there are fewer"},
        {"Anno/list_category_cloth.txt", classes, "2000000000\nname type\nBlazer 1\n",
         "announces 2000000000 rows, but there are fewer"},
        {"Anno/list_category_cloth.txt", classes, "1\nname type\nBlazer 1\nJeans 2\n",
         "announces 1 rows, but there are more"},
        {"Anno/list_category_img.txt", images, "1\nname label\nimg/Jeans/img_1.jpg 5\n",
         "line 3: '5' is not a number from 1 to 4"},
        {"Anno/list_category_img.txt", images, "1\nname label\nimg/Jeans/img_3.jpg 4\n",
         "list_eval_partition.txt: has no row for 'img/Jeans/img_3.jpg'"},
        {"Anno/list_category_img.txt", images, "1\nname label\nimg/Jeans/img_1.jpg 4\n",
         "lists no training image"},
        {"Anno/list_bbox.txt", boxes, "1\nname box\nimg/Jeans/img_1.jpg 1 2 3 4\n",
         "list_bbox.txt: has no row for 'img/Red_Blazer/img_1.jpg'"},
        {"Anno/list_bbox.txt", boxes, "1\nname box\nimg/Red_Blazer/img_1.jpg 1 2 3 4x\n",
         "line 3: '4x' is not a number"},
        {"Anno/list_bbox.txt", boxes, "1\nname box\nimg/Red_Blazer/img_1.jpg 1 2 3\n",
         "line 3: expected a name and 4 values"},
        {"Eval/list_eval_partition.txt", parts, "1\nname status\nimg/Red_Blazer/img_1.jpg valley\n",
         "line 3: 'valley' is not train, val or test"},
    };
    error err;
    dataset set;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        image_files_text(directory, bad[i][0], bad[i][2]);
        CHECK_FAILS(STATUS_FAILED, bad[i][3], dataset_open(directory, &set, &err));
        assert_non_null(strstr(err.message, directory));
        image_files_text(directory, bad[i][0], bad[i][1]);
    }
    assert_good("/Img/img/Red_Blazer/img_1.jpg");
}

static void test_path_outside(void **state)
{
    (void)state;
    error err;
    dataset set;
    image_files_text(directory, "Anno/list_category_img.txt", "1\nname label\nimg/../../x.jpg 1\n");
    image_files_text(directory, "Eval/list_eval_partition.txt",
                     "1\nname status\nimg/../../x.jpg train\n");
    image_files_text(directory, "Anno/list_bbox.txt", "1\nname box\nimg/../../x.jpg 1 2 3 4\n");
    CHECK_FAILS(STATUS_FAILED, "line 3: 'img/../../x.jpg' leads out",
                dataset_open(directory, &set, &err));
    image_files_text(directory, "Anno/list_category_img.txt", images);
    image_files_text(directory, "Eval/list_eval_partition.txt", parts);
    image_files_text(directory, "Anno/list_bbox.txt", boxes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),          cmocka_unit_test(test_other_directories),
        cmocka_unit_test(test_without_boxes), cmocka_unit_test(test_missing_list),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_path_outside),
    };
    return cmocka_run_group_tests_name("deepfashion", tests, make_set, remove_set);
}
