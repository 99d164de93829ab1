/* SPDX-License-Identifier: Apache-2.0 */
/* See json_values.h. */
#include "base/json_values.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* Appends a value, which it takes over. Returns NULL and frees the array if the value is NULL or
 * there is no memory. */
static json_t *append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) == 0)
        return array;
    json_decref(array);
    return NULL;
}

json_t *texts_to_json(char *const *texts, int count)
{
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++)
        array = append(array, json_string(texts[i]));
    return array;
}

json_t *ints_to_json(const int *values, int count)
{
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++)
        array = append(array, json_integer(values[i]));
    return array;
}

json_t *matrix_to_json(const uint32_t *values, int side)
{
    json_t *rows = values ? json_array() : json_null();
    for (int i = 0; values && rows && i < side; i++) {
        json_t *row = json_array();
        for (int j = 0; row && j < side; j++)
            row = append(row, json_integer(values[(size_t)i * (size_t)side + (size_t)j]));
        rows = append(rows, row);
    }
    return rows;
}

status json_write(const char *path, json_t *value, size_t form, error *err)
{
    char *text = value ? json_dumps(value, form) : NULL;
    status result = text ? file_write(path, text, strlen(text), err) : error_memory(err, path);
    free(text);
    json_decref(value);
    return result;
}
