/* SPDX-License-Identifier: Apache-2.0 */
/* CIFAR-100's binary version, written here into a directory: what is read, and what is refused. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "data/dataset.h"

#include <unistd.h>

enum { RECORD = 3074, TRAIN = 6, TEST = 3 };

static char directory[] = "/tmp/hcnn-cifar-XXXXXX";

static void put(const char *name, const void *data, size_t size)
{
    error err;
    char *path = text_format("%s/%s", directory, name);
    CHECK_OK(file_write(path, data, size, &err));
    free(path);
}

static void put_names(const char *name, int count)
{
    char text[4096] = "";
    size_t used = 0;
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "name_%d\n", i);
    put(name, text, used);
}

/* Record i: coarse class i % 20, fine class 5 * coarse, pixels i. */
static unsigned char *make_records(int count)
{
    unsigned char *records = malloc((size_t)count * RECORD);
    for (int i = 0; i < count; i++) {
        memset(records + i * RECORD, i, RECORD);
        records[i * RECORD] = (unsigned char)(i % 20);
        records[i * RECORD + 1] = (unsigned char)(i % 20 * 5);
    }
    return records;
}

static int write_good(void **state)
{
    (void)state;
    unsigned char *records = make_records(TRAIN);
    put("train.bin", records, TRAIN * RECORD);
    put("test.bin", records, TEST * RECORD);
    put_names("coarse_label_names.txt", 20);
    put_names("fine_label_names.txt", 100);
    free(records);
    return 0;
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state)
{
    (void)state;
    error err;
    return file_remove_tree(directory, &err) != STATUS_OK;
}

static void test_good(void **state)
{
    (void)state;
    error err;
    dataset set;
    CHECK_OK(dataset_open(directory, &set, &err));
    assert_int_equal(set.train.count, TRAIN);
    assert_int_equal(set.test.count, TEST);
    assert_int_equal(set.train.fine[3], 15);
    assert_int_equal(set.train.coarse[3], 3);
    assert_int_equal(set.train.pixels[3 * 3072], 3);
    assert_int_equal(set.classes.parents[15], 3);
    assert_string_equal(set.classes.fine_names[99], "name_99");
    assert_int_equal(set.native_size, 32);
    assert_false(dataset_is_sample(&set));
    dataset_close(&set);
}

static void expect_refusal(const char *says)
{
    error err = {0};
    dataset set;
    assert_int_equal(dataset_open(directory, &set, &err), STATUS_FAILED);
    if (!strstr(err.message, says))
        print_error("'%s' is not in the message: %s\n", says, err.message);
    assert_non_null(strstr(err.message, says));
    assert_non_null(strstr(err.message, directory));
}

static void test_cut_short(void **state)
{
    (void)state;
    unsigned char *records = make_records(TRAIN);
    put("train.bin", records, TRAIN * RECORD - 100);
    expect_refusal("train.bin: 18344 bytes are 5 whole records");
    put("train.bin", records, 0);
    expect_refusal("train.bin");
    free(records);
}

static void test_bad_labels(void **state)
{
    (void)state;
    unsigned char *records = make_records(TRAIN);
    records[2 * RECORD + 1] = 100;
    put("train.bin", records, TRAIN * RECORD);
    expect_refusal("image 2 has coarse label 2 and fine label 100");
    records[2 * RECORD + 1] = 0; /* its coarse class is 0 in record 0 */
    put("train.bin", records, TRAIN * RECORD);
    expect_refusal("image 2 puts fine class 0 under coarse class 2");
    free(records);
}

static void test_missing(void **state)
{
    (void)state;
    put_names("fine_label_names.txt", 99);
    expect_refusal("fine_label_names.txt has 99 names");
    char *path = text_format("%s/test.bin", directory);
    unlink(path);
    free(path);
    expect_refusal("has no test.bin");
}

static void test_not_an_archive(void **state)
{
    (void)state;
    error err;
    dataset set;
    char *path = text_format("%s/train.bin", directory);
    assert_int_equal(dataset_open(path, &set, &err), STATUS_FAILED);
    assert_non_null(strstr(err.message, path));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, write_good),
        cmocka_unit_test_setup(test_cut_short, write_good),
        cmocka_unit_test_setup(test_bad_labels, write_good),
        cmocka_unit_test_setup(test_missing, write_good),
        cmocka_unit_test_setup(test_not_an_archive, write_good),
    };
    return cmocka_run_group_tests_name("cifar", tests, make_directory, remove_directory);
}
