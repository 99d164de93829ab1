/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a PNG file before stb_image reads it: stb_image allocates memory by the lengths in the
 * file, and writes the type of an unknown chunk into a string that all threads share. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether the data begins with the signature of a PNG file. */
bool png_begins(const unsigned char *data, size_t size);
/* STATUS_FAILED for a PNG in a stream of `size` bytes if one of its chunks, up to the first of type
 * `last`, is not inside the stream, or is unknown and must not be skipped. A file that is not a PNG
 * is accepted. Leaves the stream at its start. */
status png_check_chunks(FILE *stream, size_t size, const char *last, const char *path, error *err);
/* Whether a file with valid chunks has the rows that its header announces. Inflating it takes a
 * fifth to a half of the time of decoding, so a file that cannot become more than 4 MiB, or four
 * times its rows, is taken for whole. */
enum png_contents {
    PNG_WHOLE,
    PNG_NO_MEMORY,  /* to find out */
    PNG_TOO_LITTLE, /* the file is too short for the rows */
    PNG_DAMAGED,    /* it does not inflate, or inflates to more: stb_image would allocate memory for
                       all of it */
};
enum png_contents png_look(const unsigned char *data, size_t size, int width, int height);
