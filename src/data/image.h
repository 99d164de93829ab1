/* SPDX-License-Identifier: Apache-2.0 */
/* One image in memory, from a JPEG, PNG or BMP file, and to a PNG or JPEG file or
 * a PNG in memory. */
#pragma once

#include "base/error.h"

#include <stddef.h>

typedef struct image {
    int width, height;
    unsigned char *pixels; /* [height][width][3], RGB */
} image;

/* Reads a file, grey or with an alpha channel too (which is dropped). Before memory is taken the
 * size in the header is checked: 16384 pixels a side and 104857600 in all are the most, and no more
 * than the bytes of the file can hold. Errors name the file. */
status image_read(const char *path, image *read, error *err);
/* The size alone, from the header. */
status image_read_size(const char *path, int *width, int *height, error *err);
void image_free(image *i);

/* The bytes of a PNG file, freed by the caller. */
status image_encode_png(const image *i, unsigned char **bytes, size_t *size, error *err);

/* Writes the file whole or not at all. quality is JPEG's, 1 to 100. */
status image_write_png(const char *path, const image *i, error *err);
status image_write_jpeg(const char *path, const image *i, int quality, error *err);
