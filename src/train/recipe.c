/* SPDX-License-Identifier: Apache-2.0 */
/* Reads recipes with libyaml, event by event; see recipe.h. */
#include "train/recipe.h"
#include "base/file.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_RECIPE_BYTES = 1 << 20 };

/* ---- The recipes that every program has ---- */

static const struct builtin {
    const char *name, *text;
} builtins[] = {
    /* Where a default decides by other options, it is left to: a fusion would forbid --only-fine,
     * a schedule --milestones. */
    {"original", "# What the PyTorch project trains with, but for --image-size 224 and --weights.\n"
                 "optimizer: sgd\n"
                 "lr: 0.008\n"
                 "momentum: 0\n"
                 "weight_decay: 0\n"
                 "batch_size: 32\n"
                 "epochs: 15\n"
                 "coarse: 1\n"
                 "fine: 2\n"
                 "augment: [rotate=20, flip]\n"},
    {"modern", "# From scratch on small images; with --weights a tenth of this lr and the stem\n"
               "# that the weights are for.\n"
               "stem: cifar\n"
               "optimizer: sgd\n"
               "lr: 0.1\n"
               "momentum: 0.9\n"
               "nesterov: true\n"
               "weight_decay: 5e-4\n"
               "no_norm_decay: true\n"
               "schedule: cosine\n"
               "warmup: 5\n"
               "batch_size: 128\n"
               "epochs: 200\n"
               "label_smoothing: 0.1\n"
               "augment: [crop=4, flip, mixup=0.2, cutmix=1]\n"
               "ema: 0.9995\n"},
};

static const char *find_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++)
        if (strcmp(builtins[i].name, name) == 0)
            return builtins[i].text;
    return NULL;
}

/* ---- Reading ---- */

typedef struct reading {
    const char *name; /* for messages */
    yaml_parser_t parser;
    yaml_event_t event; /* the last one; deleted before the next */
    option_spec rows[CONFIG_ROWS];
    bool seen[CONFIG_ROWS];
    recipe *r;
} reading;

static size_t line_of(const reading *from)
{
    return from->event.start_mark.line + 1;
}

static status next(reading *from, error *err)
{
    yaml_event_delete(&from->event);
    if (yaml_parser_parse(&from->parser, &from->event))
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "%s: line %zu: is no YAML: %s", from->name,
                     from->parser.problem_mark.line + 1,
                     from->parser.problem ? from->parser.problem : "memory ran out");
}

/* Keeps a text for as long as the recipe lives. */
static char *keep(recipe *r, char *text)
{
    char **grown = text ? realloc(r->texts, (r->count + 1) * sizeof *grown) : NULL;
    if (!grown) {
        free(text);
        return NULL;
    }
    r->texts = grown;
    return r->texts[r->count++] = text;
}

/* Whether the value is none and the option can do without one: a choice with a first word of its
 * own cannot. */
static bool is_null(const yaml_event_t *event, const option_spec *row)
{
    const char *text = (const char *)event->data.scalar.value;
    bool may = row->kind == OPTION_STRING || (row->kind == OPTION_CHOICE && row->fallback);
    return may && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* A text with a zero byte inside would be cut there. */
static status check_scalar(const reading *from, error *err)
{
    const yaml_event_t *event = &from->event;
    if (event->type == YAML_SCALAR_EVENT &&
        strlen((const char *)event->data.scalar.value) == event->data.scalar.length)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s: line %zu: expected lines of 'option: value', the values single words, "
                     "numbers or lists of them",
                     from->name, line_of(from));
}

/* A list's values with commas between. */
static status read_list(reading *from, char **text, error *err)
{
    *text = NULL;
    for (;;) {
        TRY(next(from, err));
        if (from->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        TRY(check_scalar(from, err));
        const char *value = (const char *)from->event.data.scalar.value;
        char *longer = *text ? text_format("%s,%s", *text, value) : text_format("%s", value);
        *text = longer ? keep(from->r, longer) : NULL;
        if (!*text)
            return error_memory(err, from->name);
    }
    *text = *text ? *text : keep(from->r, text_format("%s", ""));
    return *text ? STATUS_OK : error_memory(err, from->name);
}

static status set_value(reading *from, const option_spec *row, error *err)
{
    char *text;
    TRY(next(from, err));
    size_t line = line_of(from);
    if (from->event.type == YAML_SEQUENCE_START_EVENT) {
        TRY(read_list(from, &text, err));
    } else {
        TRY(check_scalar(from, err));
        if (is_null(&from->event, row)) {
            *(const char **)row->target = NULL;
            return STATUS_OK;
        }
        text = keep(from->r, text_format("%s", (const char *)from->event.data.scalar.value));
        if (!text)
            return error_memory(err, from->name);
    }
    if (options_set(row, text, err) != STATUS_OK)
        return error_prefix(err, STATUS_FAILED, "%s: line %zu", from->name, line);
    return STATUS_OK;
}

static status unknown_option(const reading *from, const char *key, error *err)
{
    options_guess guess = {0};
    for (const option_spec *row = from->rows; row->name; row++)
        options_guess_among(&guess, key, row->name);
    return error_set(err, STATUS_FAILED, "%s: line %zu: '%s' is no option of a run%s%s%s",
                     from->name, line_of(from), key, guess.best ? "; did you mean " : "",
                     guess.best ? guess.best : "", guess.best ? "?" : "");
}

/* One pair: its key is the event at hand. */
static status read_pair(reading *from, error *err)
{
    TRY(check_scalar(from, err));
    const char *key = (const char *)from->event.data.scalar.value;
    const option_spec *row = options_find(from->rows, key);
    if (!row)
        return unknown_option(from, key, err);
    bool *seen = &from->seen[row - from->rows];
    if (*seen)
        return error_set(err, STATUS_FAILED, "%s: line %zu: '%s' is given twice", from->name,
                         line_of(from), key);
    *seen = true;
    return set_value(from, row, err);
}

static status read_all(reading *from, error *err)
{
    do {
        TRY(next(from, err));
    } while (from->event.type == YAML_STREAM_START_EVENT ||
             from->event.type == YAML_DOCUMENT_START_EVENT);
    if (from->event.type != YAML_MAPPING_START_EVENT)
        return error_set(err, STATUS_FAILED,
                         "%s: line %zu: holds no options; expected lines of 'option: value', as "
                         "'lr: 0.1'",
                         from->name, line_of(from));
    for (;;) {
        TRY(next(from, err));
        if (from->event.type == YAML_MAPPING_END_EVENT)
            break;
        TRY(read_pair(from, err));
    }
    /* What follows the mapping: its document's end and the stream's, nothing else. */
    do {
        TRY(next(from, err));
    } while (from->event.type == YAML_DOCUMENT_END_EVENT);
    if (from->event.type != YAML_STREAM_END_EVENT)
        return error_set(err, STATUS_FAILED, "%s: line %zu: holds more than one document",
                         from->name, line_of(from));
    return STATUS_OK;
}

static status read_text(const char *name, const unsigned char *text, size_t size,
                        train_options *options, recipe *r, error *err)
{
    reading from = {.name = name, .r = r};
    config_rows(options, from.rows);
    if (!yaml_parser_initialize(&from.parser))
        return error_memory(err, name);
    yaml_parser_set_input_string(&from.parser, text, size);
    status result = read_all(&from, err);
    yaml_event_delete(&from.event);
    yaml_parser_delete(&from.parser);
    return result;
}

status recipe_load_file(const char *path, train_options *options, recipe *r, error *err)
{
    unsigned char *text;
    size_t size;
    *r = (recipe){0};
    TRY(file_read(path, MAX_RECIPE_BYTES, &text, &size, err));
    status result = read_text(path, text, size, options, r, err);
    free(text);
    return result;
}

status recipe_load(const char *name, train_options *options, recipe *r, error *err)
{
    *r = (recipe){0};
    const char *text = find_builtin(name);
    if (text)
        return read_text(name, (const unsigned char *)text, strlen(text), options, r, err);
    if (!file_exists(name))
        return error_set(err, STATUS_USAGE,
                         "--recipe %s: is neither original nor modern nor a file that exists",
                         name);
    return recipe_load_file(name, options, r, err);
}

void recipe_free(recipe *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->texts[i]);
    free(r->texts);
    *r = (recipe){0};
}
