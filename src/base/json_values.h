/* SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON where it has a word for them. */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>

/* A real, or null for NaN and infinity. NULL when memory is out. */
static inline json_t *number_to_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* A string, or null for NULL and for bytes that are not UTF-8. NULL when memory is out. */
static inline json_t *text_to_json(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    return value ? value : json_null();
}

/* Arrays. NULL when a text is not UTF-8 or memory is out. */
json_t *texts_to_json(char *const *texts, int count);
json_t *ints_to_json(const int *values, int count);
/* Rows of counts: values[side][side]; null for NULL. */
json_t *matrix_to_json(const uint32_t *values, int side);

/* Writes a file, as file_write, in that form (jansson's flags), and takes the value over; NULL is
 * out of memory, or a text that is not UTF-8. */
status json_write(const char *path, json_t *value, size_t form, error *err);
