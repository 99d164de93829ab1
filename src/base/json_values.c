/* SPDX-License-Identifier: Apache-2.0 */
/* See json_values.h. */
#include "base/json_values.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Failed allocations ---- */

static _Thread_local bool lost, parsing;
static _Thread_local void *reserve; /* RESERVE bytes while parsing, until they are used */
static json_malloc_t allocate;      /* what Jansson called before */
static json_free_t release;

/* Jansson's parser leaves out a character of a token if the token's memory cannot grow. It may then
 * read beyond the end of a string, unless its next allocation fails too, or find a number like
 * "1.5e", which ends the process. So after a failure all allocations of the parser fail, and the
 * one that failed first gets the reserve, in which every number that this program writes fits. */
enum { RESERVE = 32 };

static void *watched_allocate(size_t size)
{
    if (parsing && lost)
        return NULL;
    void *made = allocate(size);
    if (made)
        return made;
    lost = true;
    if (size > RESERVE)
        return NULL;
    made = reserve;
    reserve = NULL;
    return made;
}

/* A constructor, because Jansson's pointers to functions may be changed only while no other thread
 * uses Jansson. */
__attribute__((constructor)) static void install(void)
{
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(watched_allocate, release);
}

/* For dlclose, after which Jansson may still be in use. */
__attribute__((destructor)) static void uninstall(void)
{
    json_malloc_t current;
    json_free_t frees;
    json_get_alloc_funcs(&current, &frees);
    if (current == watched_allocate)
        json_set_alloc_funcs(allocate, frees);
}

void json_watch(void)
{
    lost = false;
}

bool json_lost_memory(void)
{
    bool answer = lost;
    lost = false;
    return answer;
}

/* Ends a piece of work within a value's construction, of which `before` is the state: STATUS_FAILED
 * if an allocation of the piece itself failed. */
static status end_piece(bool before, const char *what, error *err)
{
    bool failed = lost;
    lost = before;
    return got_memory(!failed, err, what);
}

/* ---- Values ---- */

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

json_t *object_put(json_t *object, const char *key, json_t *value)
{
    return kept_if(json_object_set_new(object, key, value) == 0, object);
}

json_t *object_with(json_t *object, json_t *members)
{
    return kept_if(json_object_update_new(object, members) == 0, object);
}

json_t *text_to_json(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    if (value)
        return value;
    error ignored;
    text_writer to;
    char *valid = NULL;
    size_t length;
    if (text_writer_open(&to, text, &ignored) == STATUS_OK) {
        for (const char *at = text; *at; at += length)
            if (text_character(at, &length))
                fwrite(at, 1, length, to.stream);
            else
                fputs("\xef\xbf\xbd", to.stream);
        text_writer_end(&to, STATUS_OK, text, &valid, &ignored);
    }
    lost |= !valid;
    value = valid ? json_string(valid) : NULL;
    free(valid);
    return value;
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

/* ---- Texts ---- */

status json_check_text(const char *text, bool *utf8, error *err)
{
    bool before = json_lost_memory();
    json_t *value = json_string(text);
    json_decref(value);
    *utf8 = value != NULL;
    return end_piece(before, text, err);
}

status json_from_text(const char *text, size_t size, size_t form, const char *what, json_t **value,
                      json_error_t *fault, error *err)
{
    *value = NULL;
    reserve = allocate(RESERVE);
    TRY(got_memory(reserve, err, what));
    bool before = json_lost_memory();
    parsing = true;
    *value = json_loadb(text, size, form, fault);
    parsing = false;
    if (reserve)
        release(reserve);
    reserve = NULL;
    status result = end_piece(before, what, err);
    if (result != STATUS_OK) {
        json_decref(*value);
        *value = NULL;
    }
    return result;
}

/* A copy of what Jansson allocated, for free(), which need not be Jansson's. */
static char *own_copy(char *text)
{
    json_free_t frees;
    if (!text)
        return NULL;
    char *copy = strdup(text);
    lost |= !copy;
    json_get_alloc_funcs(NULL, &frees);
    frees(text);
    return copy;
}

status json_to_text(json_t *value, size_t form, const char *what, char **text, error *err)
{
    *text = value ? own_copy(json_dumps(value, form)) : NULL;
    json_decref(value);
    bool whole = !json_lost_memory();
    if (whole && *text)
        return STATUS_OK;
    free(*text);
    *text = NULL;
    return whole ? error_set(err, STATUS_FAILED,
                             "%s: cannot be written as JSON: a text is not UTF-8 or a number is "
                             "not finite",
                             what)
                 : error_memory(err, what);
}

status json_write(const char *path, json_t *value, size_t form, error *err)
{
    char *text;
    TRY(json_to_text(value, form, path, &text, err));
    status result = file_write(path, text, strlen(text), err);
    free(text);
    return result;
}

/* ---- The checksum ---- */

size_t json_find_checksum(const char *text, size_t length)
{
    /* Inside a string the quotes would be escaped, so this is a key whose value is a string. */
    static const char before[] = "\"" JSON_CHECKSUM_KEY "\":\"";
    const char *found = memmem(text, length, before, sizeof before - 1);
    size_t at = found ? (size_t)(found - text) + sizeof before - 1 : 0;
    return found && length - at > JSON_CHECKSUM_DIGITS && text[at + JSON_CHECKSUM_DIGITS] == '"'
               ? at
               : 0;
}

static void put_checksum(char *to, const char *text, size_t length)
{
    char digits[JSON_CHECKSUM_DIGITS + 1];
    snprintf(digits, sizeof digits, "%08x", (unsigned)crc32c(text, length));
    memcpy(to, digits, JSON_CHECKSUM_DIGITS);
}

status json_write_checked(const char *path, json_t *object, size_t form, error *err)
{
    char *text;
    object = object_put(object, JSON_CHECKSUM_KEY, json_string(JSON_CHECKSUM_ZEROS));
    TRY(json_to_text(object, form | JSON_COMPACT, path, &text, err));
    size_t length = strlen(text);
    put_checksum(text + json_find_checksum(text, length), text, length);
    status result = file_write(path, text, length, err);
    free(text);
    return result;
}

bool json_checksum_matches(char *text, size_t length)
{
    char kept[JSON_CHECKSUM_DIGITS], right[JSON_CHECKSUM_DIGITS];
    size_t at = json_find_checksum(text, length);
    memcpy(kept, text + at, at ? sizeof kept : 0);
    memcpy(text + at, JSON_CHECKSUM_ZEROS, at ? sizeof kept : 0);
    put_checksum(right, text, length);
    return at && memcmp(kept, right, sizeof kept) == 0;
}
