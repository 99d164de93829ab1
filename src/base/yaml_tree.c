/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a file event by event, then lets libyaml build its tree; see yaml_tree.h. */
#include "base/yaml_tree.h"
#include "base/file.h"
#include "base/file_kind.h"
#include "base/options.h"
#include "base/text.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WORDS = 1024 }; /* bytes for a list of words in a message */

/* ---- Errors ---- */

size_t yaml_tree_line(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

status yaml_tree_fail(const yaml_tree *tree, const yaml_node_t *node, error *err,
                      const char *format, ...)
{
    char message[ERROR_CAPACITY];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_set(err, STATUS_FAILED, "%s: line %zu: %s", tree->path, yaml_tree_line(node),
                     message);
}

static status fail_parser(const yaml_tree *tree, const yaml_parser_t *parser, error *err)
{
    return error_set(err, STATUS_FAILED, "%s: line %zu: is not YAML: %s", tree->path,
                     parser->problem_mark.line + 1,
                     parser->problem ? parser->problem : "out of memory");
}

/* ---- Loading ---- */

static status fail_event(const yaml_tree *tree, const yaml_event_t *event, const char *message,
                         error *err)
{
    return error_set(err, STATUS_FAILED, "%s: line %zu: %s", tree->path, event->start_mark.line + 1,
                     message);
}

/* The anchor or tag of a node that an event begins; NULL if it has none. */
static const yaml_char_t *mark_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor ? event->data.scalar.anchor : event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor ? event->data.sequence_start.anchor
                                                 : event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor ? event->data.mapping_start.anchor
                                                : event->data.mapping_start.tag;
    default:
        return NULL;
    }
}

typedef struct event_counts {
    int documents, depth;
} event_counts;

static status check_event(const yaml_tree *tree, const yaml_event_t *event, event_counts *counts,
                          error *err)
{
    if (event->type == YAML_ALIAS_EVENT || mark_of(event))
        return fail_event(tree, event,
                          "anchors (&), aliases (*) and tags (!) are not supported; write the "
                          "value itself, in quotes if it begins with one of these characters",
                          err);
    if (event->type == YAML_DOCUMENT_START_EVENT && counts->documents++ == 1)
        return fail_event(tree, event,
                          "contains more than one document; put each into its own file", err);
    if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT)
        counts->depth++;
    if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
        counts->depth--;
    if (counts->depth > YAML_TREE_DEPTH)
        return fail_event(tree, event, "is nested too deeply", err);
    if (event->type == YAML_SCALAR_EVENT &&
        strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
        return fail_event(tree, event, "contains a zero byte", err);
    return STATUS_OK;
}

static status check_events(const yaml_tree *tree, yaml_parser_t *parser, error *err)
{
    event_counts counts = {0};
    for (bool ended = false; !ended;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return fail_parser(tree, parser, err);
        status result = check_event(tree, &event, &counts, err);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        TRY(result);
    }
    return STATUS_OK;
}

/* Runs one of the two passes, each with its own parser: the checks, or the tree if `make` is true.
 */
static status parse(yaml_tree *tree, bool make, error *err)
{
    yaml_parser_t parser;
    TRY(got_memory(yaml_parser_initialize(&parser), err, tree->path));
    yaml_parser_set_input_string(&parser, (const unsigned char *)tree->text, tree->size);
    status result = STATUS_OK;
    if (!make)
        result = check_events(tree, &parser, err);
    else if (!(tree->parsed = yaml_parser_load(&parser, &tree->document)))
        result = fail_parser(tree, &parser, err);
    yaml_parser_delete(&parser);
    return result;
}

/* Adds the key to `lines`, which has the line of each earlier one. */
static status check_key(const yaml_tree *tree, const yaml_node_t *key, const char *text,
                        json_t *lines, error *err)
{
    if (!text)
        return yaml_tree_fail(tree, key, err, "a key has to be a single word");
    const json_t *first = json_object_get(lines, text);
    if (first)
        return yaml_tree_fail(tree, key, err, "'%s' is given twice, first in line %lld", text,
                              json_integer_value(first));
    json_t *line = json_integer((json_int_t)yaml_tree_line(key));
    return got_memory(json_object_set_new(lines, text, line) == 0, err, tree->path);
}

static status check_mapping(yaml_tree *tree, const yaml_node_t *mapping, error *err)
{
    json_t *lines = json_object();
    status result = got_memory(lines, err, tree->path);
    for (size_t i = 0; result == STATUS_OK && i < yaml_tree_count(mapping); i++) {
        yaml_node_t *key, *value;
        const char *text = yaml_tree_key(tree, mapping, i, &key, &value);
        result = check_key(tree, key, text, lines, err);
    }
    json_decref(lines);
    return result;
}

static status check_nodes(yaml_tree *tree, error *err)
{
    yaml_node_t *node;
    for (int i = 1; (node = yaml_document_get_node(&tree->document, i)) != NULL; i++) {
        if (node->type == YAML_SCALAR_NODE)
            continue;
        if (yaml_tree_count(node) > YAML_TREE_ITEMS)
            return yaml_tree_fail(tree, node, err, "has %zu entries, more than the %d allowed",
                                  yaml_tree_count(node), YAML_TREE_ITEMS);
        if (node->type == YAML_MAPPING_NODE)
            TRY(check_mapping(tree, node, err));
    }
    return STATUS_OK;
}

/* Checks tree->text and builds the tree from it. */
static status build(yaml_tree *tree, error *err)
{
    if (strlen(tree->text) != tree->size)
        return error_set(err, STATUS_FAILED, "%s: contains zero bytes; save it as UTF-8",
                         tree->path);
    TRY(parse(tree, false, err));
    TRY(parse(tree, true, err));
    const yaml_node_t *root = yaml_tree_root(tree);
    if (!root)
        return error_set(err, STATUS_FAILED, "%s: line 1: is empty; expected lines of 'key: value'",
                         tree->path);
    if (root->type != YAML_MAPPING_NODE)
        return yaml_tree_fail(tree, root, err, "expected lines of 'key: value'");
    return check_nodes(tree, err);
}

status yaml_tree_load(const char *path, yaml_tree *tree, error *err)
{
    *tree = (yaml_tree){.path = path};
    unsigned char *text;
    const file_kind *kind = file_kind_at(path);
    if (kind && kind->use != FILE_TEXT)
        return error_set(err, STATUS_FAILED, "%s: appears to be %s; expected a text file with YAML",
                         path, kind->name);
    TRY(file_read(path, YAML_TREE_BYTES, &text, &tree->size, err));
    tree->text = (char *)text;
    return build(tree, err);
}

status yaml_tree_read(const char *path, const char *text, size_t size, yaml_tree *tree, error *err)
{
    *tree = (yaml_tree){.path = path, .text = malloc(size + 1), .size = size};
    TRY(got_memory(tree->text, err, path));
    memcpy(tree->text, text, size);
    tree->text[size] = '\0';
    return build(tree, err);
}

void yaml_tree_free(yaml_tree *tree)
{
    if (tree->parsed)
        yaml_document_delete(&tree->document);
    free(tree->text);
    *tree = (yaml_tree){0};
}

/* ---- Nodes ---- */

yaml_node_t *yaml_tree_root(yaml_tree *tree)
{
    return yaml_document_get_root_node(&tree->document);
}

size_t yaml_tree_count(const yaml_node_t *node)
{
    if (node->type == YAML_MAPPING_NODE)
        return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    if (node->type == YAML_SEQUENCE_NODE)
        return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    return 0;
}

const char *yaml_tree_key(yaml_tree *tree, const yaml_node_t *mapping, size_t index,
                          yaml_node_t **key, yaml_node_t **value)
{
    const yaml_node_pair_t *pair = &mapping->data.mapping.pairs.start[index];
    *key = yaml_document_get_node(&tree->document, pair->key);
    *value = yaml_document_get_node(&tree->document, pair->value);
    return (*key)->type == YAML_SCALAR_NODE ? yaml_tree_text(*key) : NULL;
}

yaml_node_t *yaml_tree_item(yaml_tree *tree, const yaml_node_t *list, size_t index)
{
    return yaml_document_get_node(&tree->document, list->data.sequence.items.start[index]);
}

yaml_node_t *yaml_tree_find(yaml_tree *tree, const yaml_node_t *mapping, const char *key)
{
    yaml_node_t *at, *value;
    for (size_t i = 0; i < yaml_tree_count(mapping); i++)
        if (strcmp(yaml_tree_key(tree, mapping, i, &at, &value), key) == 0)
            return value;
    return NULL;
}

const char *yaml_tree_text(const yaml_node_t *scalar)
{
    return (const char *)scalar->data.scalar.value;
}

status yaml_tree_join(yaml_tree *tree, const yaml_node_t *value, char **text, error *err)
{
    bool is_list = value->type == YAML_SEQUENCE_NODE;
    size_t count = is_list ? yaml_tree_count(value) : 1;
    text_writer to;
    *text = NULL;
    TRY(text_writer_open(&to, tree->path, err));
    status result = STATUS_OK;
    for (size_t i = 0; result == STATUS_OK && i < count; i++) {
        const yaml_node_t *item = is_list ? yaml_tree_item(tree, value, i) : value;
        result = yaml_tree_expect(tree, item, YAML_SCALAR_NODE, "each entry of a list", err);
        if (result == STATUS_OK)
            fprintf(to.stream, "%s%s", i ? "," : "", yaml_tree_text(item));
    }
    return text_writer_end(&to, result, tree->path, text, err);
}

static bool is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool yaml_tree_is_null(const yaml_node_t *node)
{
    const char *text = yaml_tree_text(node);
    return is_plain(node) && (!*text || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

bool yaml_tree_is_number(const yaml_node_t *node, double *value, bool *whole)
{
    if (!is_plain(node))
        return false;
    const char *text = yaml_tree_text(node);
    char *end;
    *value = strtod(text, &end);
    if (whole)
        *whole = strspn(text, "+-0123456789") == strlen(text);
    /* Digits, signs, point and exponent only: strtod also accepts words and hexadecimal numbers. */
    return end != text && !*end && strspn(text, "+-.0123456789eE") == strlen(text) &&
           isfinite(*value);
}

bool yaml_tree_is_flag(const yaml_node_t *node, bool *value)
{
    if (!is_plain(node))
        return false;
    *value = strcasecmp(yaml_tree_text(node), "true") == 0;
    return *value || strcasecmp(yaml_tree_text(node), "false") == 0;
}

status yaml_tree_expect(const yaml_tree *tree, const yaml_node_t *node, yaml_node_type_t type,
                        const char *name, error *err)
{
    if (node->type == type)
        return STATUS_OK;
    return yaml_tree_fail(tree, node, err, "%s has to be %s", name,
                          type == YAML_MAPPING_NODE    ? "a mapping: lines of 'key: value'"
                          : type == YAML_SEQUENCE_NODE ? "a list such as [a, b]"
                                                       : "a single value");
}

/* "a, b or c". */
static void join_words(const char *const *words, char text[WORDS])
{
    text[0] = '\0';
    for (size_t i = 0; words[i]; i++) {
        size_t used = strlen(text);
        snprintf(text + used, WORDS - used, "%s%s",
                 i == 0         ? ""
                 : words[i + 1] ? ", "
                                : " or ",
                 words[i]);
    }
}

/* "'word' is WHAT; did you mean X?", or the known words if none is near. */
static status fail_word(const yaml_tree *tree, const yaml_node_t *node, const char *what,
                        const char *const *known, error *err)
{
    options_guess guess = {0};
    char all[WORDS];
    for (size_t i = 0; known[i]; i++)
        options_guess_among(&guess, yaml_tree_text(node), known[i]);
    if (guess.best)
        return yaml_tree_fail(tree, node, err, "'%s' is %s; did you mean %s?", yaml_tree_text(node),
                              what, guess.best);
    join_words(known, all);
    return yaml_tree_fail(tree, node, err, "'%s' is %s; expected %s", yaml_tree_text(node), what,
                          all);
}

static int find_word(const char *const *words, const char *word)
{
    return word_list_find(&(const word_list){words, sizeof *words}, word);
}

status yaml_tree_check_keys(yaml_tree *tree, const yaml_node_t *mapping, const char *const *known,
                            const char *of, error *err)
{
    for (size_t i = 0; i < yaml_tree_count(mapping); i++) {
        char what[128];
        yaml_node_t *key, *value;
        if (find_word(known, yaml_tree_key(tree, mapping, i, &key, &value)) >= 0)
            continue;
        snprintf(what, sizeof what, "not a key of %s", of);
        return fail_word(tree, key, what, known, err);
    }
    return STATUS_OK;
}

/* ---- Values by key ---- */

status yaml_tree_read_text(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                           const char **value, error *err)
{
    const yaml_node_t *node = yaml_tree_find(tree, mapping, key);
    if (!node)
        return STATUS_OK;
    TRY(yaml_tree_expect(tree, node, YAML_SCALAR_NODE, key, err));
    if (!*yaml_tree_text(node) || yaml_tree_is_null(node))
        return yaml_tree_fail(tree, node, err, "%s is empty", key);
    *value = yaml_tree_text(node);
    return STATUS_OK;
}

status yaml_tree_read_number(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                             double *value, error *err)
{
    const yaml_node_t *node = yaml_tree_find(tree, mapping, key);
    double number;
    if (!node)
        return STATUS_OK;
    if (!yaml_tree_is_number(node, &number, NULL))
        return yaml_tree_fail(tree, node, err, "%s has to be a number", key);
    *value = number;
    return STATUS_OK;
}

status yaml_tree_read_count(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                            int *value, error *err)
{
    const yaml_node_t *node = yaml_tree_find(tree, mapping, key);
    double number;
    bool whole;
    if (!node)
        return STATUS_OK;
    if (!yaml_tree_is_number(node, &number, &whole) || !whole || number < 1 || number > INT_MAX)
        return yaml_tree_fail(tree, node, err, "%s has to be a whole number from 1 up", key);
    *value = (int)number;
    return STATUS_OK;
}

status yaml_tree_read_flag(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                           bool *value, error *err)
{
    const yaml_node_t *node = yaml_tree_find(tree, mapping, key);
    if (node && !yaml_tree_is_flag(node, value))
        return yaml_tree_fail(tree, node, err, "%s has to be true or false", key);
    return STATUS_OK;
}

status yaml_tree_read_choice(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                             const char *const *words, int *index, error *err)
{
    const yaml_node_t *node = yaml_tree_find(tree, mapping, key);
    char what[128];
    if (!node)
        return STATUS_OK;
    TRY(yaml_tree_expect(tree, node, YAML_SCALAR_NODE, key, err));
    int found = find_word(words, yaml_tree_text(node));
    if (found >= 0) {
        *index = found;
        return STATUS_OK;
    }
    snprintf(what, sizeof what, "not a value of %s", key);
    return fail_word(tree, node, what, words, err);
}
