/* SPDX-License-Identifier: Apache-2.0 */
/* See json_values.h. */
#include "base/json_values.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static json_t *kept_if(bool whole, json_t *value)
{
    if (whole)
        return value;
    json_decref(value);
    return NULL;
}

json_t *array_with(json_t *array, json_t *value)
{
    return kept_if(json_array_append_new(array, value) == 0, array);
}

json_t *object_with(json_t *object, json_t *members)
{
    return kept_if(json_object_update_new(object, members) == 0, object);
}

json_t *texts_to_json(char *const *texts, int count)
{
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++)
        array = array_with(array, json_string(texts[i]));
    return array;
}

json_t *ints_to_json(const int *values, int count)
{
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++)
        array = array_with(array, json_integer(values[i]));
    return array;
}

json_t *matrix_to_json(const uint32_t *values, int side)
{
    json_t *rows = values ? json_array() : json_null();
    for (int i = 0; values && rows && i < side; i++) {
        json_t *row = json_array();
        for (int j = 0; row && j < side; j++)
            row = array_with(row, json_integer(values[(size_t)i * (size_t)side + (size_t)j]));
        rows = array_with(rows, row);
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
