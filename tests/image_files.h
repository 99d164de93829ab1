/* SPDX-License-Identifier: Apache-2.0 */
/* Image files for the tests of data sets, in a directory that the test has created. */
#pragma once

#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "data/image.h"

/* Makes the directories above directory/where. Returns the path; the caller frees it. */
static inline char *image_files_path(const char *directory, const char *where)
{
    error err;
    char *path = text_format("%s/%s", directory, where), *above = file_parent(path);
    CHECK_OK(file_make_directory(above, &err));
    free(above);
    return path;
}

static inline void image_files_text(const char *directory, const char *where, const char *text)
{
    error err;
    char *path = image_files_path(directory, where);
    CHECK_OK(file_write(path, text, strlen(text), &err));
    free(path);
}

/* Writes a grey picture whose pixel (x, y) is value + x + 16 y: a PNG if the name ends in png, else
 * a JPEG. */
static inline void image_files_put(const char *directory, const char *where, int value, int width,
                                   int height)
{
    error err;
    char *path = image_files_path(directory, where);
    unsigned char *pixels = malloc(3 * (size_t)width * (size_t)height);
    assert_non_null(pixels);
    for (int i = 0; i < width * height; i++)
        memset(pixels + 3 * i, value + i % width + 16 * (i / width), 3);
    const image picture = {width, height, pixels};
    size_t length = strlen(where);
    if (strcmp(where + length - 3, "png") == 0)
        CHECK_OK(image_write_png(path, &picture, &err));
    else
        CHECK_OK(image_write_jpeg(path, &picture, 95, &err));
    free(pixels);
    free(path);
}

/* Truncates a file to its first `bytes` bytes. */
static inline void image_files_cut(const char *directory, const char *where, size_t bytes)
{
    error err;
    unsigned char *data;
    size_t size;
    char *path = text_format("%s/%s", directory, where);
    CHECK_OK(file_read(path, 1 << 20, &data, &size, &err));
    assert_true(size > bytes);
    CHECK_OK(file_write(path, data, bytes, &err));
    free(data);
    free(path);
}

static inline void image_files_assert_ends(const char *text, const char *end)
{
    assert_true(strlen(text) > strlen(end));
    assert_string_equal(text + strlen(text) - strlen(end), end);
}
