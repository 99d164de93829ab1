/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes images as PNG files. */
#pragma once

#include "base/error.h"

#include <stddef.h>

/* Encodes RGB pixels, [height][width][3], which both sides of a PNG limit to 2^31 - 1. The caller
 * frees *bytes. */
status png_encode(const unsigned char *pixels, int width, int height, unsigned char **bytes,
                  size_t *size, error *err);
