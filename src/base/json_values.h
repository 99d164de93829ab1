/* SPDX-License-Identifier: Apache-2.0 */
/* Converts C values to JSON, with null for what JSON cannot express. */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>

/* A real, or null for NaN and infinity. NULL if there is no memory. */
static inline json_t *number_to_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* A string, or null for NULL and for bytes that are not UTF-8, and also if there is no memory. */
static inline json_t *text_to_json(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    return value ? value : json_null();
}

/* Append a value to an array, and the members of an object to another. They take over both
 * arguments and return the first. They return NULL if one of the two is NULL or there is no memory.
 */
json_t *array_with(json_t *array, json_t *value);
json_t *object_with(json_t *object, json_t *members);

/* Arrays. NULL if a text is not UTF-8 or there is no memory. */
json_t *texts_to_json(char *const *texts, int count);
json_t *ints_to_json(const int *values, int count);
/* An array of rows from values[side][side], or null if values is NULL. NULL if there is no memory.
 */
json_t *matrix_to_json(const uint32_t *values, int side);

/* Writes a value to a file, like file_write; `form` is jansson's flags. The value is taken over. A
 * NULL value is an error: there was no memory for it, or a text was not UTF-8. */
status json_write(const char *path, json_t *value, size_t form, error *err);
