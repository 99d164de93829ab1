/* SPDX-License-Identifier: Apache-2.0 */
/* Converts C values to JSON, with null for what JSON cannot express, and JSON to text and back.
 *
 * Jansson does not always say that memory ran out: json_copy and its parser leave out what they
 * could not allocate, json_pack leaves out a member that is optional, and json_string returns NULL
 * for a text that is not UTF-8 too. So this file watches every allocation of Jansson through its
 * hooks, and code that serialises a value checks once whether one of them failed in this thread.
 * The hooks call the functions that were there before (malloc and free, or those of a program that
 * set its own before it loaded this library), so other users of Jansson in the process notice
 * nothing. If a program sets its own functions later, failed allocations are no longer seen here,
 * unless those call the ones that they replace. */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether one of Jansson's allocations failed in this thread since the last call or json_watch. */
bool json_lost_memory(void);
/* Forgets failures that were reported in another way. Call it before building a value in a process
 * that continues after an error; otherwise json_to_text reports them again. */
void json_watch(void);

/* A real, or null for NaN and infinity. NULL if there is no memory. */
static inline json_t *number_to_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* A string, with U+FFFD in place of each byte that is not UTF-8, or null for NULL. Names of files
 * and devices may have any bytes. NULL if there is no memory. */
json_t *text_to_json(const char *text);

/* Append a value to an array, a member to an object, and the members of an object to another. They
 * take over the values and return the first. They return NULL if one of the two is NULL or there is
 * no memory. */
json_t *array_with(json_t *array, json_t *value);
json_t *object_put(json_t *object, const char *key, json_t *value);
json_t *object_with(json_t *object, json_t *members);

/* Arrays. NULL if a text is not UTF-8 or there is no memory. */
json_t *texts_to_json(char *const *texts, int count);
json_t *ints_to_json(const int *values, int count);
/* An array of rows from values[side][side], or null if values is NULL. NULL if there is no memory.
 */
json_t *matrix_to_json(const uint32_t *values, int side);

/* STATUS_FAILED only if memory is out. */
status json_check_text(const char *text, bool *utf8, error *err);

/* json_loadb. If the text is not JSON, *value is NULL and *fault says why; STATUS_FAILED if memory
 * is out, with a message about `what`. */
status json_from_text(const char *text, size_t size, size_t form, const char *what, json_t **value,
                      json_error_t *fault, error *err);

/* A new text, which the caller frees; `form` is jansson's flags. The value is taken over. Fails if
 * an allocation failed while the value was built, or if it is NULL; the message is about `what`. */
status json_to_text(json_t *value, size_t form, const char *what, char **text, error *err);
/* Writes such a text to a file, like file_write. */
status json_write(const char *path, json_t *value, size_t form, error *err);

/* A JSON text without spaces can contain a checksum: under the key "crc32c", eight hexadecimal
 * digits, the CRC-32C of the whole file with '0' in place of these digits. */
#define JSON_CHECKSUM_KEY   "crc32c"
#define JSON_CHECKSUM_ZEROS "00000000"
enum { JSON_CHECKSUM_DIGITS = sizeof JSON_CHECKSUM_ZEROS - 1 };

/* The offset of the digits in the text; 0 if there are none. */
size_t json_find_checksum(const char *text, size_t length);
/* json_write, with a checksum as the last member of the object; `form` is compact. */
status json_write_checked(const char *path, json_t *object, size_t form, error *err);
/* Whether the checksum of a text is right; false without one. The digits become '0'. */
bool json_checksum_matches(char *text, size_t length);
