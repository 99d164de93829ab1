/* SPDX-License-Identifier: Apache-2.0 */
/* What of a JPEG file is looked at before stb_image is handed it: that one, of some versions,
 * writes beyond its tables for a file whose tables of codes are too long. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether it begins as JPEG files do: with 0xff, and more of them before the first marker's byte.
 */
bool jpeg_begins(const unsigned char *data, size_t size);
/* Whether every table of codes, up to the end of the image, has no more codes than there may be and
 * lies in the file. */
bool jpeg_is_sound(const unsigned char *data, size_t size);
/* Width and height of a file that begins so, from its frame's header; false: there is none. */
bool jpeg_read_size(FILE *stream, int *width, int *height);
