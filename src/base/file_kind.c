/* SPDX-License-Identifier: Apache-2.0 */
/* See file_kind.h. */
#include "base/file_kind.h"
#include "base/file.h"

#include <stdbool.h>
#include <string.h>

/* Kinds with fixed bytes at a fixed place. */
static const struct mark {
    file_kind kind;
    size_t at, length;
    const char *bytes;
} marks[] = {
#define MARK(at, bytes, ...)                                                                       \
    {                                                                                              \
        {__VA_ARGS__}, at, sizeof(bytes) - 1, bytes                                                \
    }
    MARK(0, "\x1f\x8b", "a gzip file", FILE_PACKED),
    MARK(0,
         "\xfd"
         "7zXZ\0",
         "an xz file", FILE_PACKED),
    MARK(257, "ustar", "a tar archive", FILE_PACKED),
    MARK(0, "PK\3\4", "a zip archive", FILE_OTHER),
    MARK(0, "PK\5\6", "an empty zip archive", FILE_OTHER),
    MARK(0, "BZh", "a bzip2 file", FILE_OTHER),
    MARK(0, "\x28\xb5\x2f\xfd", "a zstd file", FILE_OTHER),
    MARK(0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", FILE_OTHER),
    MARK(0, "Rar!\x1a", "a RAR archive", FILE_OTHER),
    MARK(0, "\x89PNG\r\n\x1a\n", "a PNG image", FILE_OTHER),
    MARK(0, "\xff\xd8\xff", "a JPEG image", FILE_OTHER),
    MARK(0, "GIF8", "a GIF image", FILE_OTHER),
    MARK(8, "WEBP", "a WebP image", FILE_OTHER),
    MARK(0, "%PDF-", "a PDF document", FILE_OTHER),
    MARK(0, "\x89HDF\r\n\x1a\n", "an HDF5 file", FILE_OTHER),
    MARK(0, "\x93NUMPY", "a NumPy array", FILE_OTHER),
    MARK(0, "SQLite format 3", "an SQLite database", FILE_OTHER),
    MARK(0, "GGUF", "a GGUF file", FILE_OTHER),
    MARK(0,
         "\x7f"
         "ELF",
         "a program or library", FILE_OTHER),
    MARK(0, "version https://git-lfs", "a Git LFS pointer to a file that was not downloaded",
         FILE_OTHER),
    MARK(0, "<!DOCTYPE html", "an HTML page", FILE_OTHER),
    MARK(0, "<!doctype html", "an HTML page", FILE_OTHER),
    MARK(0, "<html", "an HTML page", FILE_OTHER),
};

static bool has_bytes(const struct mark *m, const unsigned char *bytes, size_t size)
{
    return size >= m->at + m->length && memcmp(bytes + m->at, m->bytes, m->length) == 0;
}

/* A header whose length is below 2^32, as JSON. */
static bool is_safetensors(const unsigned char *bytes, size_t size)
{
    return size > 8 && memcmp(bytes + 4, "\0\0\0\0", 4) == 0 && bytes[8] == '{';
}

/* Field 1, ir_version, a small number; then field 2, producer_name, or 7, graph. */
static bool is_onnx(const unsigned char *bytes, size_t size)
{
    return size > 3 && bytes[0] == 0x08 && bytes[1] < 32 && (bytes[2] == 0x12 || bytes[2] == 0x3a);
}

static bool is_pickle(const unsigned char *bytes, size_t size)
{
    return size > 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

/* True if there are no control characters except those between words and lines, and no bytes that
 * UTF-8 never has. */
static bool is_text(const unsigned char *bytes, size_t size)
{
    static const char allowed[] = {'\t', '\n', '\f', '\r', '\33'};
    for (size_t i = 0; i < size; i++)
        if ((bytes[i] < ' ' && !memchr(allowed, bytes[i], sizeof allowed)) || bytes[i] == 0x7f ||
            bytes[i] >= 0xf8)
            return false;
    return true;
}

const file_kind *file_kind_of(const unsigned char *bytes, size_t size)
{
    static const file_kind empty = {"an empty file", FILE_TEXT}, text = {"a text file", FILE_TEXT},
                           safetensors = {"a safetensors file", FILE_SAFETENSORS},
                           onnx = {.name = "an ONNX model"}, pickle = {.name = "a Python pickle"};
    if (size == 0)
        return &empty;
    if (is_safetensors(bytes, size)) /* first: its length may begin with another kind's mark */
        return &safetensors;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (has_bytes(&marks[i], bytes, size))
            return &marks[i].kind;
    if (is_onnx(bytes, size))
        return &onnx;
    if (is_pickle(bytes, size))
        return &pickle;
    return is_text(bytes, size) ? &text : NULL;
}

const file_kind *file_kind_read(FILE *stream)
{
    unsigned char bytes[FILE_KIND_BYTES];
    rewind(stream);
    size_t size = fread(bytes, 1, sizeof bytes, stream);
    rewind(stream);
    return file_kind_of(bytes, size);
}

const file_kind *file_kind_at(const char *path)
{
    error ignored;
    FILE *stream;
    size_t size;
    if (file_open(path, &stream, &size, &ignored) != STATUS_OK)
        return NULL;
    const file_kind *kind = file_kind_read(stream);
    fclose(stream);
    return kind;
}
