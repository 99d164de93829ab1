/* SPDX-License-Identifier: Apache-2.0 */
/* image.c: a written image is read back, grey and alpha become RGB, and a file that is not an
 * image, is cut short or is too large is refused by name. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "data/image.h"

#include <unistd.h>
#include <zlib.h>

enum { WIDTH = 7, HEIGHT = 5 };

typedef struct fixture {
    char *directory, *path;
    image picture;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->directory = check_directory();
    f->path = text_format("%s/picture", f->directory);
    f->picture = (image){WIDTH, HEIGHT, malloc(WIDTH * HEIGHT * 3)};
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        f->picture.pixels[i] = (unsigned char)(i * 37);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    error err;
    file_remove_tree(f->directory, &err);
    free(f->directory);
    free(f->path);
    free(f->picture.pixels);
    free(f);
    return 0;
}

static void test_png(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    int width, height;
    CHECK_OK(image_write_png(f->path, &f->picture, &err));
    CHECK_OK(image_read_size(f->path, &width, &height, &err));
    assert_int_equal(width, WIDTH);
    assert_int_equal(height, HEIGHT);
    CHECK_OK(image_read(f->path, &read, &err));
    assert_int_equal(read.width, WIDTH);
    assert_int_equal(read.height, HEIGHT);
    assert_memory_equal(read.pixels, f->picture.pixels, WIDTH * HEIGHT * 3);
    image_free(&read);
}

/* Encoding in memory gives the same bytes as the file. */
static void test_encoded(void **state)
{
    fixture *f = *state;
    error err;
    unsigned char *bytes, *file;
    size_t size, file_size;
    CHECK_OK(image_encode_png(&f->picture, &bytes, &size, &err));
    CHECK_OK(image_write_png(f->path, &f->picture, &err));
    CHECK_OK(file_read(f->path, 1 << 20, &file, &file_size, &err));
    assert_int_equal(size, file_size);
    assert_memory_equal(bytes, file, size);
    free(file);
    free(bytes);
}

static void test_jpeg(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    memset(f->picture.pixels, 120, WIDTH * HEIGHT * 3);
    CHECK_OK(image_write_jpeg(f->path, &f->picture, 95, &err));
    CHECK_OK(image_read(f->path, &read, &err));
    assert_int_equal(read.width, WIDTH);
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        assert_in_range(read.pixels[i], 118, 122);
    image_free(&read);
}

/* The file at f->path is refused whenever more than `spare` bytes are cut off. */
static void cut_at_every_byte(const fixture *f, size_t spare)
{
    error err;
    image read;
    unsigned char *data;
    size_t size;
    CHECK_OK(file_read(f->path, 1 << 20, &data, &size, &err));
    free(data);
    for (size_t cut = size - spare; cut-- > 0;) {
        assert_int_equal(truncate(f->path, (off_t)cut), 0);
        CHECK_FAILS(STATUS_FAILED, f->path, image_read(f->path, &read, &err));
    }
}

static void test_four_channels(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    /* BMP, 1x1, 32 bits: blue 10, green 20, red 30, alpha 40. */
    static const unsigned char bmp[58] = {
        'B', 'M', 58, 0, 0, 0, 0, 0, 0,  0, 54, 0, 0, 0, 40, 0,  0,  0,  1, 0,
        0,   0,   1,  0, 0, 0, 1, 0, 32, 0, 0,  0, 0, 0, 4,  0,  0,  0,  0, 0,
        0,   0,   0,  0, 0, 0, 0, 0, 0,  0, 0,  0, 0, 0, 10, 20, 30, 40,
    };
    CHECK_OK(file_write(f->path, bmp, sizeof bmp, &err));
    CHECK_OK(image_read(f->path, &read, &err));
    assert_memory_equal(read.pixels, "\x1e\x14\x0a", 3);
    image_free(&read);
    cut_at_every_byte(f, 0);
}

/* BMP, 1x2, 32 bits, upper row first: its height is -2. */
static void test_top_down(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    int width, height;
    static const unsigned char bmp[62] = {
        'B', 'M',  62,   0,    0,    0, 0, 0,  0, 0, 54, 0, 0,  0,  40, 0,  0,  0,  1,  0,  0,
        0,   0xfe, 0xff, 0xff, 0xff, 1, 0, 32, 0, 0, 0,  0, 0,  8,  0,  0,  0,  0,  0,  0,  0,
        0,   0,    0,    0,    0,    0, 0, 0,  0, 0, 0,  0, 10, 20, 30, 40, 50, 60, 70, 80,
    };
    CHECK_OK(file_write(f->path, bmp, sizeof bmp, &err));
    CHECK_OK(image_read_size(f->path, &width, &height, &err));
    assert_int_equal(width, 1);
    assert_int_equal(height, 2);
    CHECK_OK(image_read(f->path, &read, &err));
    assert_int_equal(read.height, 2);
    assert_memory_equal(read.pixels, "\x1e\x14\x0a\x46\x3c\x32", 6);
    image_free(&read);
    cut_at_every_byte(f, 0);
}

static void test_cut_at_every_byte(void **state)
{
    fixture *f = *state;
    error err;
    CHECK_OK(image_write_png(f->path, &f->picture, &err));
    cut_at_every_byte(f, 16); /* a checksum, and a chunk of 12 bytes that only marks the end */
    CHECK_OK(image_write_jpeg(f->path, &f->picture, 50, &err));
    cut_at_every_byte(f, 0);
}

static void put_byte(FILE *file, size_t at, int byte)
{
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fputc(byte, file), byte);
    assert_int_equal(fflush(file), 0);
}

static void test_every_byte_changed(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    unsigned char *data;
    size_t size;
    CHECK_OK(image_write_jpeg(f->path, &f->picture, 50, &err));
    CHECK_OK(file_read(f->path, 1 << 20, &data, &size, &err));
    FILE *file = fopen(f->path, "r+b"); /* in place, because file_write would sync each time */
    assert_non_null(file);
    for (size_t i = 0; i < size; i++) {
        put_byte(file, i, data[i] ^ 0x55);
        /* It is read or refused, without a crash or a leak. */
        if (image_read(f->path, &read, &err) == STATUS_OK)
            image_free(&read);
        put_byte(file, i, data[i]);
    }
    fclose(file);
    free(data);
}

/* A header may announce any size; no memory is allocated for it. */
static void test_huge(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    int width, height;
    static const unsigned char bomb[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x3f\xff\0\0\x3f\xff\x08\2\0\0\0"
        "\0\0\0\0\0\0\0\0IDAT\0\0\0\0\0\0\0\0IEND";
    CHECK_OK(file_write(f->path, bomb, sizeof bomb - 1, &err));
    CHECK_FAILS(STATUS_FAILED, "16383x16383 pixels are too many", image_read(f->path, &read, &err));
    CHECK_FAILS(STATUS_FAILED, f->path, image_read_size(f->path, &width, &height, &err));
}

/* Files that stb_image must never see, because it would write to memory shared by all threads. */
static void test_png_chunks(void **state)
{
    enum { SIGNATURE = 8, HEADER = 25, END = 12 };
    fixture *f = *state;
    error err;
    image read;
    int width, height;
    unsigned char *bytes;
    size_t size;
    CHECK_OK(image_encode_png(&f->picture, &bytes, &size, &err));
    unsigned char *data = bytes + SIGNATURE + HEADER; /* the second chunk, which contains pixels */
    CHECK_OK(file_write(f->path, bytes, size - END, &err));
    CHECK_FAILS(STATUS_FAILED, "is cut short", image_read(f->path, &read, &err));
    CHECK_OK(image_read_size(f->path, &width, &height, &err));
    CHECK_OK(file_write(f->path, bytes, SIGNATURE + HEADER, &err));
    CHECK_FAILS(STATUS_FAILED, "is cut short", image_read_size(f->path, &width, &height, &err));
    memcpy(data + 4, "MINE", 4);
    CHECK_OK(file_write(f->path, bytes, size, &err));
    CHECK_FAILS(STATUS_FAILED, "damaged at byte 33", image_read(f->path, &read, &err));
    CHECK_FAILS(STATUS_FAILED, "damaged at byte 33",
                image_read_size(f->path, &width, &height, &err));
    memcpy(data, "\xff\xff\xff\xffmine", 8);
    CHECK_OK(file_write(f->path, bytes, size, &err));
    CHECK_FAILS(STATUS_FAILED, "is cut short", image_read(f->path, &read, &err));
    free(bytes);
}

/* Headers that announce more pixels than the file can contain, and a chunk with a false length. */
static void test_false_sizes(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    static const unsigned char pixels[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x0f\xa0\0\0\x0f\xa0\x08\2\0\0\0"
        "\0\0\0\0\0\0\0\0IDAT\0\0\0\0\0\0\0\0IEND\0\0\0\0";
    static const unsigned char chunk[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0"
                                         "\0\0\0\0\x40\0\0\0IDAT\0\0\0\0\0\0\0\0IEND\0\0\0\0";
    static const unsigned char jpeg[] = "\xff\xd8\xff\xc0\0\x11\x08\x0f\xa0\x0f\xa0\3"
                                        "\1\x11\0\2\x11\0\3\x11\0\xff\xd9";
    CHECK_OK(file_write(f->path, pixels, sizeof pixels - 1, &err));
    CHECK_FAILS(STATUS_FAILED, "too few for 4000x4000 pixels", image_read(f->path, &read, &err));
    CHECK_OK(file_write(f->path, chunk, sizeof chunk - 1, &err));
    CHECK_FAILS(STATUS_FAILED, "is cut short", image_read(f->path, &read, &err));
    CHECK_OK(file_write(f->path, chunk, 44, &err)); /* too short for another chunk after it */
    CHECK_FAILS(STATUS_FAILED, "is cut short", image_read(f->path, &read, &err));
    CHECK_OK(file_write(f->path, jpeg, sizeof jpeg - 1, &err));
    CHECK_FAILS(STATUS_FAILED, "too few for 4000x4000 pixels", image_read(f->path, &read, &err));
}

static unsigned char *put_chunk(unsigned char *to, const char *type, const void *data, size_t size)
{
    const unsigned char length[] = {0, (unsigned char)(size >> 16), (unsigned char)(size >> 8),
                                    (unsigned char)size};
    memcpy(to, length, 4);
    memcpy(to + 4, type, 4);
    memcpy(to + 8, data, size);
    memset(to + 8 + size, 0, 4); /* the checksum, which is never compared */
    return to + 8 + size + 4;
}

/* Writes an RGB PNG whose pixels unpack to `size` bytes, in chunks of `length` bytes. Level 0 does
 * not compress. `bytes` includes the filter of each row. */
static void write_png(const fixture *f, int side, bool interlaced, const unsigned char *bytes,
                      size_t size, int level, size_t length)
{
    error err;
    const unsigned char header[13] = {0, 0, 0, (unsigned char)side, 0, 0, 0, (unsigned char)side, 8,
                                      2, 0, 0, interlaced};
    uLongf packed_size = compressBound(size);
    unsigned char *packed = malloc(packed_size),
                  *file = malloc(packed_size + packed_size / length * 12 + 100);
    assert_true(packed && file);
    assert_int_equal(compress2(packed, &packed_size, bytes, size, level), Z_OK);
    memcpy(file, "\x89PNG\r\n\x1a\n", 8);
    unsigned char *to = put_chunk(file + 8, "IHDR", header, sizeof header);
    for (size_t at = 0; at < packed_size; at += length)
        to = put_chunk(to, "IDAT", packed + at,
                       packed_size - at < length ? packed_size - at : length);
    to = put_chunk(to, "IEND", "", 0);
    CHECK_OK(file_write(f->path, file, (size_t)(to - file), &err));
    free(packed);
    free(file);
}

/* A small file whose pixels unpack to a very large number of bytes. */
static void test_unpacks_to_more(void **state)
{
    enum { BYTES = 8 << 20 };
    fixture *f = *state;
    error err;
    image read;
    unsigned char *zeros = calloc(1, BYTES);
    assert_non_null(zeros);
    write_png(f, 1, false, zeros, BYTES, 9, BYTES);
    CHECK_FAILS(STATUS_FAILED, "or unpack to more than 1x1", image_read(f->path, &read, &err));
    write_png(f, 32, true, zeros, BYTES, 9, 1000);
    CHECK_FAILS(STATUS_FAILED, "or unpack to more than 32x32", image_read(f->path, &read, &err));
    free(zeros);
}

/* Pixels may unpack to exactly the bytes of the rows, and to no more. At level 0 the file is so
 * large that the reader checks this. */
static void test_unpacks_to_rows(void **state)
{
    enum {
        SIDE = 61,
        ROWS = (3 * SIDE + 1) * SIDE, /* one filter byte for each row of each pass: */
        PASSES = 3 * SIDE * SIDE + 8 + 8 + 8 + 16 + 15 + 31 + 30
    };
    fixture *f = *state;
    error err;
    image read;
    unsigned char *zeros = calloc(1, PASSES + 1);
    assert_non_null(zeros);
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        size_t rows = interlaced ? PASSES : ROWS;
        write_png(f, SIDE, interlaced, zeros, rows, 0, 1000);
        CHECK_OK(image_read(f->path, &read, &err));
        assert_int_equal(read.height, SIDE);
        image_free(&read);
        write_png(f, SIDE, interlaced, zeros, rows + 1, 0, 1000);
        CHECK_FAILS(STATUS_FAILED, "or unpack to more than 61x61",
                    image_read(f->path, &read, &err));
    }
    free(zeros);
}

/* Code tables with more codes than bytes. */
static void test_jpeg_code_tables(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    unsigned char *data;
    size_t size, at = 0;
    int width, height;
    CHECK_OK(image_write_jpeg(f->path, &f->picture, 50, &err));
    CHECK_OK(image_read_size(f->path, &width, &height, &err));
    assert_int_equal(width, WIDTH);
    assert_int_equal(height, HEIGHT);
    CHECK_OK(file_read(f->path, 1 << 20, &data, &size, &err));
    while (at + 8 < size && memcmp(data + at, "\xff\xc4", 2) != 0)
        at++;
    data[at + 6] = data[at + 7] = 255;
    CHECK_OK(file_write(f->path, data, size, &err));
    CHECK_FAILS(STATUS_FAILED, "a code table is damaged", image_read(f->path, &read, &err));
    free(data);
}

/* A picture of a single colour gives the smallest possible file, and is accepted. */
static void test_blank(void **state)
{
    fixture *f = *state;
    error err;
    image read, blank = {1000, 1000, calloc(1000, 3000)};
    assert_non_null(blank.pixels);
    CHECK_OK(image_write_png(f->path, &blank, &err));
    CHECK_OK(image_read(f->path, &read, &err));
    image_free(&read);
    CHECK_OK(image_write_jpeg(f->path, &blank, 1, &err));
    CHECK_OK(image_read(f->path, &read, &err));
    image_free(&read);
    free(blank.pixels);
}

static void test_not_an_image(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    CHECK_OK(file_write(f->path, "GIF89a", 6, &err));
    CHECK_FAILS(STATUS_FAILED, "cannot be decoded as JPEG, PNG or BMP",
                image_read(f->path, &read, &err));
    CHECK_FAILS(STATUS_FAILED, f->directory, image_read(f->directory, &read, &err));
}

/* A damaged PNG or JPEG is reported as damaged, not as an unknown format. */
static void test_damaged(void **state)
{
    fixture *f = *state;
    error err;
    image read;
    int width, height;
    static const unsigned char jpeg[] = "\xff\xd8\xff\xe0\0\x04JF\xff\xd9";
    CHECK_OK(file_write(f->path, jpeg, sizeof jpeg - 1, &err));
    CHECK_FAILS(STATUS_FAILED, "this JPEG is damaged", image_read(f->path, &read, &err));
    CHECK_FAILS(STATUS_FAILED, "this JPEG is damaged",
                image_read_size(f->path, &width, &height, &err));
    unsigned char rows[] = {9, 1, 2, 3}; /* filter 9 does not exist */
    write_png(f, 1, false, rows, sizeof rows, 0, sizeof rows);
    CHECK_FAILS(STATUS_FAILED, "this PNG is damaged", image_read(f->path, &read, &err));
}

static void test_unwritable(void **state)
{
    fixture *f = *state;
    error err;
    char *path = text_format("%s/no/such/directory", f->directory);
    CHECK_FAILS(STATUS_FAILED, path, image_write_png(path, &f->picture, &err));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_png, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_encoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jpeg, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_four_channels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_top_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_at_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_byte_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_huge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_png_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_false_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unpacks_to_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unpacks_to_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jpeg_code_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blank, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_an_image, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unwritable, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
