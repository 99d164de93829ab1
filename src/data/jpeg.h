/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a JPEG file before stb_image reads it: some versions of stb_image write beyond their
 * tables if the file's code tables are too long. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether the data begins like a JPEG file: with 0xff. More 0xff may follow before the rest of the
 * first marker. */
bool jpeg_begins(const unsigned char *data, size_t size);
/* Whether every code table, up to the end of the image, is inside the file and has no more codes
 * than the standard allows. */
bool jpeg_is_sound(const unsigned char *data, size_t size);
/* Reads width and height of such a file from the header of its frame; false if there is none. */
bool jpeg_read_size(FILE *stream, int *width, int *height);
