/* SPDX-License-Identifier: Apache-2.0 */
/* An image in memory. It is read from a JPEG, PNG or BMP file, and written to a PNG or JPEG file or
 * as a PNG in memory. */
#pragma once

#include "base/error.h"

#include <stddef.h>

typedef struct image {
    int width, height;
    unsigned char *pixels; /* [height][width][3], RGB */
} image;

/* Reads a file; grey becomes RGB and an alpha channel is dropped. Before memory is allocated the
 * size in the header is checked: at most 16384 pixels per side and 104857600 in all, and no more
 * than the bytes of the file can contain. Errors name the file. The caller frees *read with
 * image_free. */
status image_read(const char *path, image *read, error *err);
/* Reads only the size, from the header. */
status image_read_size(const char *path, int *width, int *height, error *err);
void image_free(image *i);

/* Makes the bytes of a PNG file, which the caller frees. */
status image_encode_png(const image *i, unsigned char **bytes, size_t *size, error *err);

/* Write a file and do not sync it (see file_put). quality is that of JPEG, 1 to 100. */
status image_write_png(const char *path, const image *i, error *err);
status image_write_jpeg(const char *path, const image *i, int quality, error *err);
