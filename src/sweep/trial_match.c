/* SPDX-License-Identifier: Apache-2.0 */
/* See trial_match.h. */
#include "sweep/trial_match.h"
#include "base/json_values.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { DIGITS = 9 }; /* enough for any float32 */

static bool is_number(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0';
}

/* A seed may be larger than any whole number that a double can hold. */
static bool is_seed(const char *text, unsigned long long *seed)
{
    char *end;
    *seed = strtoull(text, &end, 10);
    return end != text && *end == '\0';
}

/* train stores what these came to on the device and the data, not what was given. */
static bool is_resolved(const char *option)
{
    static const char *const options[] = {"precision", "image-size", "freeze"};
    bool is = false;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        is |= strcmp(option, options[i]) == 0;
    return is;
}

/* train keeps paths in their absolute form, seeds as texts, and real numbers as float32. */
static bool agrees(const json_t *value, const char *text)
{
    double number;
    unsigned long long mine, other;
    const char *word = json_string_value(value);
    if (json_is_boolean(value))
        return strcmp(text, json_is_true(value) ? "true" : "false") == 0;
    if (json_is_integer(value))
        return is_number(text, &number) && number == json_number_value(value);
    if (json_is_real(value))
        return is_number(text, &number) && (float)number == (float)json_number_value(value);
    if (!word || *word == '/' || strcmp(word, text) == 0)
        return true;
    return is_seed(text, &mine) && is_seed(word, &other) && mine == other;
}

/* Takes over the text. */
static status compare(const sweep_parameter *p, const json_t *config, char *text, char **why,
                      error *err)
{
    char *there = NULL, key[OPTION_KEY_BYTES];
    status result;
    TRY_OR_DONE(got_memory(text, err, "a trial"));
    options_key(p->option, key);
    json_t *value = json_object_get(config, key);
    if (!value || is_resolved(p->option) || agrees(value, text))
        goto done;
    if (!json_is_string(value))
        TRY_OR_DONE(json_to_text(json_incref(value), JSON_ENCODE_ANY | JSON_REAL_PRECISION(DIGITS),
                                 "a trial", &there, err));
    *why = text_format("a run with other options has this name: its %s is %s, not %s", p->name,
                       there ? there : json_string_value(value), text);
    result = got_memory(*why, err, "a trial");
done:
    free(there);
    free(text);
    return result;
}

status trial_match(const sweep_file *file, const double *places, const json_t *config, char **why,
                   error *err)
{
    *why = NULL;
    for (size_t i = 0; i < file->parameter_count && !*why; i++) {
        const sweep_parameter *p = &file->parameters[i];
        TRY(compare(p, config, sweep_parameter_text(p, places[i]), why, err));
    }
    return STATUS_OK;
}
