/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes image files with stb_image; see image.h. */
#include "data/image.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"
#include "data/jpeg.h"
#include "data/png.h"
#include "data/png_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* stb_image is compiled into this file alone, and only for the formats that are promised. Compilers
 * report its unused functions at the end of the file, so the warnings stay off until there. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#endif
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
/* Memory is zeroed because a damaged JPEG may lack a colour plane, which stb_image reads all the
 * same. */
#define STBI_MALLOC(size)          stbi_got(calloc(1, size))
#define STBI_REALLOC(memory, size) stbi_got(realloc(memory, size))
#define STBI_FREE(memory)          free(memory)

/* Whether an allocation failed. stb_image's own reason of failure is often that of another format,
 * which it tries next. */
static _Thread_local bool stbi_memory_out;

static void *stbi_got(void *memory)
{
    stbi_memory_out |= !memory;
    return memory;
}

#include <stb/stb_image.h>
#ifndef __clang_analyzer__ /* it would analyze this code as ours */
#define STB_IMAGE_WRITE_IMPLEMENTATION
#endif
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
enum {
    MAX_FILE_BYTES = 256 << 20,
    MAX_SIDE = 16384,
    MAX_PIXELS = 100 << 20,
    CHANNELS = 3,
    JPEG_RATIO = 512, /* a JPEG has at least one bit for 8x8 pixels */
};

static status undecodable(const char *path, const char *why, error *err)
{
    return error_set(err, STATUS_FAILED, "%s: cannot be decoded: %s; download or save it again",
                     path, why);
}

/* Sets the error for what stb_image refuses. The first bytes tell the format: for a damaged file,
 * stb_image gives the reason of the format that it tries last. */
static status unreadable(const char *path, const unsigned char *data, size_t size, error *err)
{
    if (stbi_memory_out)
        return error_memory(err, path);
    const char *reason = stbi_failure_reason();
    if (png_begins(data, size))
        return undecodable(path, "this PNG is damaged or of an unsupported kind", err);
    if (jpeg_begins(data, size))
        return undecodable(path, "this JPEG is damaged or of an unsupported kind", err);
    if (size == 0)
        return undecodable(path, "it is empty", err);
    return error_set(err, STATUS_FAILED,
                     "%s: cannot be decoded as JPEG, PNG or BMP: %s; save it as one of these", path,
                     reason ? reason : "unknown format");
}

static status check_size(const char *path, int width, int height, error *err)
{
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE ||
        (long long)width * height > MAX_PIXELS)
        return error_set(
            err, STATUS_FAILED,
            "%s: %dx%d pixels are too many: a side may have 1 to %d, an image %d; make it smaller",
            path, width, height, MAX_SIDE, MAX_PIXELS);
    return STATUS_OK;
}

/* The number of rows. stb_image returns the height in the header, which is negative for a BMP whose
 * rows go from the top down. */
static int rows_of(int height)
{
    return height < 0 && height >= -MAX_SIDE ? -height : height;
}

/* Whether a BMP file, which is not compressed, has all of its rows; stb_image invents the missing
 * ones. The last row may lack its padding. */
static bool bmp_is_whole(const unsigned char *data, size_t size, int width, int height)
{
    enum { PIXELS_AT = 10, HEADER_AT = 14, OS2_HEADER = 12, OS2_DEPTH_AT = 24, DEPTH_AT = 28 };
    if (size <= DEPTH_AT + 1)
        return false;
    bool os2 = number_of_bytes(data + HEADER_AT, 4) == OS2_HEADER;
    size_t bits = (size_t)width * number_of_bytes(data + (os2 ? OS2_DEPTH_AT : DEPTH_AT), 2);
    size_t rows = (size_t)height - 1;
    return size >=
           number_of_bytes(data + PIXELS_AT, 4) + rows * ((bits + 31) / 32 * 4) + (bits + 7) / 8;
}

/* Whether the file is large enough for what its header announces, so that a small file cannot claim
 * the memory of a large image. */
static bool is_whole(const unsigned char *data, size_t size, int width, int height)
{
    if (size > 2 && data[0] == 'B' && data[1] == 'M')
        return bmp_is_whole(data, size, width, height);
    return (size_t)width * (size_t)height <= JPEG_RATIO * size;
}

static status decode(const char *path, const unsigned char *data, size_t size, image *read,
                     error *err)
{
    int channels;
    stbi_memory_out = false;
    if (jpeg_begins(data, size) && !jpeg_is_sound(data, size))
        return undecodable(path, "a code table is damaged", err);
    if (!stbi_info_from_memory(data, (int)size, &read->width, &read->height, &channels))
        return unreadable(path, data, size, err);
    read->height = rows_of(read->height);
    TRY(check_size(path, read->width, read->height, err));
    bool png = png_begins(data, size);
    enum png_contents found = png ? png_look(data, size, read->width, read->height) : PNG_WHOLE;
    if (png ? found == PNG_TOO_LITTLE : !is_whole(data, size, read->width, read->height))
        return error_set(err, STATUS_FAILED,
                         "%s: cannot be decoded: it is cut short: its %zu bytes are too few for "
                         "%dx%d pixels; download or save it again",
                         path, size, read->width, read->height);
    if (found == PNG_NO_MEMORY)
        return error_memory(err, path);
    if (found == PNG_DAMAGED)
        return error_set(err, STATUS_FAILED,
                         "%s: cannot be decoded: this PNG is damaged: its pixels do not unpack, or "
                         "unpack to more than %dx%d; download or save it again",
                         path, read->width, read->height);
    read->pixels =
        stbi_load_from_memory(data, (int)size, &read->width, &read->height, &channels, CHANNELS);
    return read->pixels ? STATUS_OK : unreadable(path, data, size, err);
}

status image_read(const char *path, image *read, error *err)
{
    unsigned char *data;
    size_t size;
    FILE *stream;
    *read = (image){0};
    TRY(file_open(path, &stream, &size, err));
    status result = png_check_chunks(stream, size, "IEND", path, err);
    fclose(stream);
    TRY(result);
    TRY(file_read(path, MAX_FILE_BYTES, &data, &size, err));
    result = decode(path, data, size, read, err);
    free(data);
    return result;
}

/* Callbacks through which stb_image reads as much of a file as it needs. */
static int read_some(void *stream, char *data, int size)
{
    return (int)fread(data, 1, (size_t)size, stream);
}

static void skip_some(void *stream, int count)
{
    if (fseek(stream, count, SEEK_CUR) != 0)
        fseek(stream, 0, SEEK_END);
}

static int at_end(void *stream)
{
    return feof((FILE *)stream) || ferror((FILE *)stream);
}

status image_read_size(const char *path, int *width, int *height, error *err)
{
    static const stbi_io_callbacks callbacks = {read_some, skip_some, at_end};
    unsigned char begin[8];
    FILE *stream;
    size_t size;
    int channels;
    TRY(file_open(path, &stream, &size, err));
    stbi_memory_out = false;
    size_t begun = fread(begin, 1, sizeof begin, stream);
    rewind(stream);
    status result = png_check_chunks(stream, size, "IDAT", path, err);
    bool known = false;
    if (result == STATUS_OK && jpeg_begins(begin, begun))
        known = jpeg_read_size(stream, width, height);
    else if (result == STATUS_OK)
        known = stbi_info_from_callbacks(&callbacks, stream, width, height, &channels);
    fclose(stream);
    TRY(result);
    if (!known)
        return unreadable(path, begin, begun, err);
    *height = rows_of(*height);
    return check_size(path, *width, *height, err);
}

void image_free(image *i)
{
    stbi_image_free(i->pixels);
    *i = (image){0};
}

static void put_bytes(void *stream, void *data, int size)
{
    fwrite(data, 1, (size_t)size, stream);
}

status image_encode_png(const image *i, unsigned char **bytes, size_t *size, error *err)
{
    return png_encode(i->pixels, i->width, i->height, bytes, size, err);
}

status image_write_png(const char *path, const image *i, error *err)
{
    unsigned char *bytes;
    size_t size;
    TRY(image_encode_png(i, &bytes, &size, err));
    status result = file_put(path, bytes, size, err);
    free(bytes);
    return result;
}

status image_write_jpeg(const char *path, const image *i, int quality, error *err)
{
    char *bytes;
    text_writer to;
    TRY(text_writer_open(&to, path, err));
    bool encoded = stbi_write_jpg_to_func(put_bytes, to.stream, i->width, i->height, CHANNELS,
                                          i->pixels, quality) != 0;
    TRY(text_writer_end(&to, got_memory(encoded, err, path), path, &bytes, err));
    status result = file_put(path, bytes, to.length, err);
    free(bytes);
    return result;
}
