/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and checks test.json and validation.json; see report.h. */
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"
#include "track/report.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { MAX_EVALUATION_BYTES = 1 << 25 }; /* enough for EVALUATION_CLASSES classes */

static bool is_list_of_texts(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return false;
    return json_array_size(list) > 0;
}

/* A whole number from 0 to below `end`. */
static bool is_below(const json_t *value, size_t end)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           (uint64_t)json_integer_value(value) < end;
}

/* A list of `count` whole numbers from 0 to below `end`. */
static bool are_below(const json_t *list, size_t count, size_t end)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!is_below(json_array_get(list, i), end))
            return false;
    return json_array_size(list) == count;
}

static bool is_square(const json_t *matrix, size_t size)
{
    for (size_t i = 0; i < json_array_size(matrix); i++)
        if (!are_below(json_array_get(matrix, i), size, UINT32_MAX))
            return false;
    return json_array_size(matrix) == size;
}

/* Whether the counts of a square matrix add up to the images whose loss was finite. */
static bool adds_up(const json_t *matrix, const json_t *e)
{
    json_int_t sum = json_integer_value(json_object_get(e, "undecided"));
    for (size_t i = 0; i < json_array_size(matrix); i++)
        for (size_t j = 0; j < json_array_size(matrix); j++)
            sum += json_integer_value(json_array_get(json_array_get(matrix, i), j));
    return sum == json_integer_value(json_object_get(e, "images"));
}

static bool are_mistakes(const json_t *list, size_t fine)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i), *picture = json_object_get(one, "picture");
        if (!json_is_string(json_object_get(one, "image")) ||
            !is_below(json_object_get(one, "label"), fine) ||
            !is_below(json_object_get(one, "answer"), fine) ||
            !(json_is_null(picture) || json_is_string(picture)))
            return false;
    }
    return json_is_array(list);
}

/* What is wrong with an evaluation, or NULL. */
static const char *find_fault(const json_t *e)
{
    const json_t *coarse_classes = json_object_get(e, "coarse_classes");
    const json_t *fine_classes = json_object_get(e, "fine_classes");
    const json_t *coarse = json_object_get(e, "coarse"), *fine = json_object_get(e, "fine");
    size_t coarse_count = json_array_size(coarse_classes);
    size_t fine_count = json_array_size(fine_classes);
    if (!json_is_string(json_object_get(e, "set")))
        return "set is not valid";
    if (!is_list_of_texts(coarse_classes))
        return "coarse_classes is not valid";
    if (!is_list_of_texts(fine_classes))
        return "fine_classes is not valid";
    if (!are_below(json_object_get(e, "parents"), fine_count, coarse_count))
        return "parents is not valid";
    if (!json_is_null(coarse) && !is_square(coarse, coarse_count))
        return "coarse is not valid";
    if (!is_square(fine, fine_count))
        return "fine is not valid";
    if (!are_mistakes(json_object_get(e, "worst"), fine_count))
        return "worst is not valid";
    if (!is_below(json_object_get(e, "images"), UINT32_MAX))
        return "images is not valid";
    if (!is_below(json_object_get(e, "undecided"), UINT32_MAX))
        return "undecided is not valid";
    if ((!json_is_null(coarse) && !adds_up(coarse, e)) || !adds_up(fine, e))
        return "the counts of a matrix do not add up to images - undecided";
    return NULL;
}

/* Earlier versions wrote no checksum. */
static const char *find_damage(const json_t *e, char *text, size_t size)
{
    if (!json_is_object(e))
        return "expected a JSON object";
    if (json_object_get(e, JSON_CHECKSUM_KEY) && !json_checksum_matches(text, size))
        return "its checksum does not match";
    return find_fault(e);
}

static status read_file(const char *path, json_t **evaluation, error *err)
{
    unsigned char *text;
    size_t size;
    json_error_t where = {0};
    char place[JSON_ERROR_TEXT_LENGTH + 32];
    const char *damage = place;
    TRY(file_read(path, MAX_EVALUATION_BYTES, &text, &size, err));
    status result =
        json_from_text((char *)text, size, JSON_REJECT_DUPLICATES, path, evaluation, &where, err);
    if (*evaluation)
        damage = find_damage(*evaluation, (char *)text, size);
    else
        snprintf(place, sizeof place, "line %d: %s", where.line, where.text);
    free(text);
    TRY(result);
    json_object_del(*evaluation, JSON_CHECKSUM_KEY); /* nothing that comes after has to match it */
    if (!damage)
        return STATUS_OK;
    json_decref(*evaluation);
    return error_set(err, STATUS_FAILED, "%s: is damaged: %s", path, damage);
}

/* *evaluation stays as it is if there is no file. */
static status read_if_there(const char *path, json_t **evaluation, error *err)
{
    bool dangling = file_is_dangling(path);
    if (!dangling && !file_may_exist(path))
        return STATUS_OK;
    status result = dangling ? error_set(err, STATUS_FAILED,
                                         "%s: is a symbolic link whose target does not exist", path)
                             : read_file(path, evaluation, err);
    return result == STATUS_OK
               ? STATUS_OK
               : error_suffix(
                     err, STATUS_FAILED,
                     "; the report shows the run without it; remove the file, or test again");
}

status report_evaluation_read(const char *directory, json_t **evaluation, error *err)
{
    static const char *const names[] = {"test.json", "validation.json"};
    *evaluation = json_null();
    for (size_t i = 0; json_is_null(*evaluation) && i < sizeof names / sizeof names[0]; i++) {
        char *path = text_format("%s/%s", directory, names[i]);
        status result = path ? read_if_there(path, evaluation, err) : error_memory(err, directory);
        free(path);
        TRY(result);
    }
    return STATUS_OK;
}
