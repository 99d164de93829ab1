/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of image files (data/image.c): the input is the file. The size in the header
 * must be the image's; an image that was read must be the same after writing and reading it. */
#include "data/image.h"
#include "base/file.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PIXELS = 1 << 16 }; /* larger images are not written, which takes long */

static void check_copy(const image *read)
{
    error err;
    image again;
    unsigned char *bytes;
    size_t size;
    FUZZ_SUCCEEDS(image_encode_png(read, &bytes, &size, &err));
    char *path = fuzz_file("copy.png", bytes, size);
    FUZZ_SUCCEEDS(image_read(path, &again, &err));
    FUZZ_HOLDS(again.width == read->width && again.height == read->height);
    FUZZ_HOLDS(memcmp(again.pixels, read->pixels, 3 * (size_t)read->width * (size_t)read->height) ==
               0);
    image_free(&again);
    free(bytes);
    free(path);
}

int fuzz_image(const uint8_t *data, size_t size)
{
    error err;
    image read;
    int width, height;
    char *path = fuzz_file("input.image", data, size);
    status known = image_read_size(path, &width, &height, &err);
    if (image_read(path, &read, &err) == STATUS_OK) {
        FUZZ_HOLDS(known == STATUS_OK && width == read.width && height == read.height);
        if (width * height <= MOST_PIXELS)
            check_copy(&read);
        image_free(&read);
    }
    free(path);
    return 0;
}
