/* SPDX-License-Identifier: Apache-2.0 */
/* file_kind.c: what files of many kinds appear to be. */
#include "base/file.h"
#include "base/file_kind.h"
#include "base/text.h"
#include "check.h"

#define BYTES(text) (const unsigned char *)(text), sizeof(text) - 1

static void expect_kind(const char *name, const unsigned char *bytes, size_t size)
{
    const file_kind *kind = file_kind_of(bytes, size);
    assert_non_null(kind);
    assert_string_equal(kind->name, name);
}

static void test_kinds(void **state)
{
    (void)state;
    unsigned char tar[FILE_KIND_BYTES] = "train.bin";
    memcpy(tar + 257, "ustar", 5);
    expect_kind("a tar archive", tar, sizeof tar);
    expect_kind("a gzip file", BYTES("\x1f\x8b\x08"));
    expect_kind("an xz file", BYTES("\xfd"
                                    "7zXZ\0\0"));
    expect_kind("a zip archive", BYTES("PK\3\4\x14"));
    expect_kind("a PNG image", BYTES("\x89PNG\r\n\x1a\n\0\0"));
    expect_kind("a JPEG image", BYTES("\xff\xd8\xff\xe0"));
    expect_kind("a WebP image", BYTES("RIFF\x10\0\0\0WEBPVP8 "));
    expect_kind("an HDF5 file", BYTES("\x89HDF\r\n\x1a\n"));
    expect_kind("an SQLite database", BYTES("SQLite format 3\0"));
    expect_kind("a Git LFS pointer to a file that was not downloaded",
                BYTES("version https://git-lfs.github.com/spec/v1\n"));
    expect_kind("an HTML page", BYTES("<!DOCTYPE html><title>404</title>"));
    expect_kind("a safetensors file", BYTES("\x10\0\0\0\0\0\0\0{}"));
    expect_kind("a safetensors file", BYTES("\x1f\x8b\0\0\0\0\0\0{}")); /* begins like gzip */
    expect_kind("an ONNX model", BYTES("\x08\x08\x12\x07pytorch"));
    expect_kind("a Python pickle", BYTES("\x80\x04}q"));
    expect_kind("an empty file", BYTES(""));
    expect_kind("a text file", BYTES("# Title\r\n\tgr\xc3\xbc\xc3\x9f"));
}

static void test_unknown(void **state)
{
    (void)state;
    assert_null(file_kind_of(BYTES("text\0")));
    assert_null(file_kind_of(BYTES("\1\2\3")));
    assert_null(file_kind_of(BYTES("\x10\0\0\0\0\0\0\1{}"))); /* not a header's length */
}

static void test_uses(void **state)
{
    (void)state;
    assert_int_equal(file_kind_of(BYTES("\x1f\x8b"))->use, FILE_PACKED);
    assert_int_equal(file_kind_of(BYTES("PK\3\4"))->use, FILE_OTHER);
    assert_int_equal(file_kind_of(BYTES("<html>"))->use, FILE_OTHER);
    assert_int_equal(file_kind_of(BYTES(""))->use, FILE_TEXT);
    assert_int_equal(file_kind_of(BYTES("lr: 1\n"))->use, FILE_TEXT);
    assert_int_equal(file_kind_of(BYTES("\x10\0\0\0\0\0\0\0{}"))->use, FILE_SAFETENSORS);
}

static void test_files(void **state)
{
    (void)state;
    error err;
    char *directory = check_directory(), *path = text_format("%s/x", directory);
    assert_null(file_kind_at(path));
    assert_null(file_kind_at(directory));
    CHECK_OK(file_write(path, "text", 4, &err));
    assert_string_equal(file_kind_at(path)->name, "a text file");
    CHECK_OK(file_remove_tree(directory, &err));
    free(directory);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("file_kind", tests, NULL, NULL);
}
