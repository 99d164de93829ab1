/* SPDX-License-Identifier: Apache-2.0 */
/* What of a PNG file is looked at before stb_image is handed it: that one takes memory by lengths
 * that the file names, and spells a chunk's type that it does not know into a string that all
 * threads share. */
#ifndef HCNN_DATA_PNG_H
#define HCNN_DATA_PNG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

bool png_begins(const unsigned char *data, size_t size);
/* Refuses a PNG in a stream of `size` bytes whose chunks, up to the first of the type `last`, do
 * not lie in it or are such as no decoder may pass over. Anything else but a PNG is fine. Leaves
 * the stream at its start. */
status png_check_chunks(FILE *stream, size_t size, const char *last, const char *path, error *err);
/* Whether the file, whose chunks are in order, can hold the rows that its header announces. */
bool png_can_hold(const unsigned char *data, size_t size, int width, int height);
/* Whether what it holds inflates, and to no more than those rows: stb_image would take memory for
 * all of it. Takes none itself, but a fifth to a half of the time of decoding, so files that cannot
 * hold more than 4 MiB, or four times the rows, are fine without. */
bool png_holds_no_more(const unsigned char *data, size_t size, int width, int height);

#endif
