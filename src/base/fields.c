/* SPDX-License-Identifier: Apache-2.0 */
/* Converts structs to JSON objects and back; see fields.h. */
#include "base/fields.h"
#include "base/json_values.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Writing ---- */

static json_t *value_of(const field *f, const void *record)
{
    const void *member = (const char *)record + f->offset;
    switch (f->kind) {
    case FIELD_INT:
        return json_integer(*(const int *)member);
    case FIELD_U32:
        return json_integer(*(const uint32_t *)member);
    case FIELD_COUNT:
        return json_integer((json_int_t) * (const uint64_t *)member);
    case FIELD_SEED:
        return json_sprintf("%llu", (unsigned long long)*(const uint64_t *)member);
    case FIELD_FLAG:
        return json_boolean(*(const bool *)member);
    case FIELD_REAL:
    case FIELD_POSITIVE:
    case FIELD_LIMIT:
        return json_sprintf("%a", *(const double *)member);
    case FIELD_TEXT:
        return json_string(*(const char *const *)member);
    case FIELD_WORD:
        return json_string(word_list_at(f->words, *(const int *)member));
    case FIELD_OBJECT:
        return fields_write(json_object(), f->inner, member);
    case FIELD_INTS:
        return ints_to_json(member, *(const int *)((const char *)record + f->count));
    }
    return NULL;
}

json_t *fields_write(json_t *object, const field *table, const void *record)
{
    for (const field *f = table; f->key; f++) {
        const void *member = (const char *)record + f->offset;
        if (f->kind != FIELD_TEXT || !f->optional || *(const char *const *)member)
            object = object_put(object, f->key, value_of(f, record));
    }
    return object;
}

/* ---- Reading ---- */

static status refuse(const fields_source *from, const char *key, const char *fault, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: %s: '%s' %s; the file is damaged or was not written by hcnn-cl; use "
                     "another checkpoint",
                     from->path, from->piece, key, fault);
}

status fields_refuse(const fields_source *from, const char *key, error *err)
{
    return refuse(from, key, "is not a value that hcnn-cl writes", err);
}

static status find(const fields_source *from, const char *key, const json_t **found, error *err)
{
    *found = json_object_get(from->object, key);
    return *found ? STATUS_OK : refuse(from, key, "is missing", err);
}

status fields_find(const fields_source *from, const char *key, json_type type, const json_t **found,
                   error *err)
{
    TRY(find(from, key, found, err));
    return json_typeof(*found) == type ? STATUS_OK : fields_refuse(from, key, err);
}

static bool read_whole(const json_t *value, json_int_t least, json_int_t most, json_int_t *number)
{
    *number = json_integer_value(value);
    return json_is_integer(value) && *number >= least && *number <= most;
}

status fields_ints(const fields_source *from, const char *key, int least, int **values, int *count,
                   error *err)
{
    const json_t *list;
    json_int_t whole;
    TRY(fields_find(from, key, JSON_ARRAY, &list, err));
    *count = (int)json_array_size(list);
    *values = calloc((size_t)*count + 1, sizeof **values);
    TRY(got_memory(*values, err, from->path));
    for (int i = 0; i < *count; i++) {
        if (!read_whole(json_array_get(list, (size_t)i), least, INT_MAX, &whole))
            return fields_refuse(from, key, err);
        (*values)[i] = (int)whole;
    }
    return STATUS_OK;
}

static bool read_real(const char *text, double *number)
{
    char *end = NULL;
    *number = text ? strtod(text, &end) : 0;
    return text && end > text && *end == '\0' && *number >= 0;
}

static bool read_seed(const char *text, uint64_t *seed)
{
    bool digits = text && *text && strspn(text, "0123456789") == strlen(text);
    errno = 0;
    *seed = digits ? strtoull(text, NULL, 10) : 0;
    return digits && errno == 0;
}

static bool read_word(const char *text, const word_list *words, int *value)
{
    *value = text ? word_list_find(words, text) : -1;
    return *value >= 0;
}

static bool take_whole(const field *f, const json_t *value, json_int_t most, void *member)
{
    json_int_t whole;
    if (!read_whole(value, f->least, f->most ? f->most : most, &whole))
        return false;
    if (f->kind == FIELD_INT)
        *(int *)member = (int)whole;
    else if (f->kind == FIELD_U32)
        *(uint32_t *)member = (uint32_t)whole;
    else
        *(uint64_t *)member = (uint64_t)whole;
    return true;
}

/* Stores the value in the member; false if value_of cannot have written it. */
static bool take(const field *f, const json_t *value, void *member)
{
    const char *text = json_string_value(value);
    switch (f->kind) {
    case FIELD_INT:
        return take_whole(f, value, FIELD_MOST, member);
    case FIELD_U32:
        return take_whole(f, value, FIELD_MOST, member);
    case FIELD_COUNT:
        return take_whole(f, value, FIELD_MOST_COUNT, member);
    case FIELD_SEED:
        return read_seed(text, member);
    case FIELD_FLAG:
        *(bool *)member = json_is_true(value);
        return json_is_boolean(value);
    case FIELD_REAL:
        return read_real(text, member) && isfinite(*(double *)member);
    case FIELD_POSITIVE:
        return read_real(text, member) && isfinite(*(double *)member) && *(double *)member > 0;
    case FIELD_LIMIT:
        return read_real(text, member);
    case FIELD_TEXT:
        *(const char **)member = text;
        return text != NULL;
    case FIELD_WORD:
        return read_word(text, f->words, member);
    case FIELD_OBJECT:
    case FIELD_INTS:
        break; /* read_object and read_ints read these */
    }
    return false;
}

static status read_object(const field *f, const fields_source *from, void *record, error *err)
{
    char piece[128];
    fields_source inner = {from->path, piece, NULL};
    snprintf(piece, sizeof piece, "%s's %s", from->piece, f->key);
    TRY(fields_find(from, f->key, JSON_OBJECT, &inner.object, err));
    return fields_read(f->inner, &inner, (char *)record + f->offset, err);
}

static status read_ints(const field *f, const fields_source *from, void *record, error *err)
{
    int count, *values = NULL;
    status result;
    TRY_OR_DONE(fields_ints(from, f->key, (int)f->least, &values, &count, err));
    if (count > f->most)
        TRY_OR_DONE(fields_refuse(from, f->key, err));
    memcpy((char *)record + f->offset, values, (size_t)count * sizeof *values);
    *(int *)((char *)record + f->count) = count;
done:
    free(values);
    return result;
}

status fields_read(const field *table, const fields_source *from, void *record, error *err)
{
    for (const field *f = table; f->key; f++) {
        const json_t *value;
        if (f->optional && !json_object_get(from->object, f->key))
            continue;
        TRY(find(from, f->key, &value, err));
        if (f->kind == FIELD_OBJECT)
            TRY(read_object(f, from, record, err));
        else if (f->kind == FIELD_INTS)
            TRY(read_ints(f, from, record, err));
        else if (!take(f, value, (char *)record + f->offset))
            return fields_refuse(from, f->key, err);
    }
    return STATUS_OK;
}
