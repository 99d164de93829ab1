/* SPDX-License-Identifier: Apache-2.0 */
/* What of a PNG file is looked at before stb_image is handed it: that one takes memory by lengths
 * that the file names, and spells a chunk's type that it does not know into a string that all
 * threads share. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

bool png_begins(const unsigned char *data, size_t size);
/* Refuses a PNG in a stream of `size` bytes whose chunks, up to the first of the type `last`, do
 * not lie in it or are such as no decoder may pass over. Anything else but a PNG is fine. Leaves
 * the stream at its start. */
status png_check_chunks(FILE *stream, size_t size, const char *last, const char *path, error *err);
/* What a file whose chunks are in order has of the rows that its header announces. The check takes
 * a fifth to a half of the time of decoding, so files that cannot hold more than 4 MiB, or four
 * times the rows, are taken for whole. */
enum png_contents {
    PNG_WHOLE,
    PNG_TOO_LITTLE, /* it is too short for them */
    PNG_DAMAGED,    /* it does not inflate, or to more: stb_image would take memory for all of it */
};
enum png_contents png_look(const unsigned char *data, size_t size, int width, int height);
