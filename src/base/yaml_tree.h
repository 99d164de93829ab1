/* SPDX-License-Identifier: Apache-2.0 */
/* YAML files whose content is more than lines of options: a tree of libyaml's nodes, each with its
 * line, and reading them by key. JSON is a part of YAML. Anchors, aliases and tags are refused, so
 * that a small file cannot be a large tree. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

enum {
    YAML_TREE_BYTES = 1 << 20, /* the largest file */
    YAML_TREE_DEPTH = 16,
    YAML_TREE_ITEMS = 4096, /* the most items of a list and keys of a mapping */
};

typedef struct yaml_tree {
    const char *path; /* the caller's */
    char *text;       /* the file as it was read */
    size_t size;
    bool parsed;
    yaml_document_t document;
} yaml_tree;

/* Reads a file that holds one document, a mapping. Keys are single words, each once. STATUS_FAILED
 * names file, line and what is wrong. path has to live as long as the tree; yaml_tree_free is due
 * whatever came of it. */
status yaml_tree_load(const char *path, yaml_tree *tree, error *err);
/* The same from text[0..size), of which a copy is kept; path is what messages call it. */
status yaml_tree_read(const char *path, const char *text, size_t size, yaml_tree *tree, error *err);
void yaml_tree_free(yaml_tree *tree);

yaml_node_t *yaml_tree_root(yaml_tree *tree);
size_t yaml_tree_line(const yaml_node_t *node); /* from 1 */
/* Sets "FILE: line N: message" and returns STATUS_FAILED. */
status yaml_tree_fail(const yaml_tree *tree, const yaml_node_t *node, error *err,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- Nodes ---- */

/* How many pairs a mapping has, and items a list. */
size_t yaml_tree_count(const yaml_node_t *node);
/* Pair number `index` of a mapping; its key's text. */
const char *yaml_tree_key(yaml_tree *tree, const yaml_node_t *mapping, size_t index,
                          yaml_node_t **key, yaml_node_t **value);
yaml_node_t *yaml_tree_item(yaml_tree *tree, const yaml_node_t *list, size_t index);
/* The value of a key; NULL when it is not there. */
yaml_node_t *yaml_tree_find(yaml_tree *tree, const yaml_node_t *mapping, const char *key);

/* A scalar's text. */
const char *yaml_tree_text(const yaml_node_t *scalar);
/* The text of a scalar, or a list's with commas between, in new memory. The caller frees it, also
 * after a failure. */
status yaml_tree_join(yaml_tree *tree, const yaml_node_t *value, char **text, error *err);
/* Whether a scalar is none: null, ~ or nothing, without quotes. */
bool yaml_tree_is_null(const yaml_node_t *node);
/* A number without quotes that is finite; *whole, where not NULL: it is written as an integer. */
bool yaml_tree_is_number(const yaml_node_t *node, double *value, bool *whole);
/* true or false without quotes, also with capitals. */
bool yaml_tree_is_flag(const yaml_node_t *node, bool *value);

/* STATUS_FAILED unless the node is of this type; `name` is what to call it. */
status yaml_tree_expect(const yaml_tree *tree, const yaml_node_t *node, yaml_node_type_t type,
                        const char *name, error *err);
/* STATUS_FAILED for a key of the mapping that is none of known, which ends with NULL; `of` is what
 * the keys are of: "a sweep". */
status yaml_tree_check_keys(yaml_tree *tree, const yaml_node_t *mapping, const char *const *known,
                            const char *of, error *err);

/* ---- Values by key: where the key is not there, the value stays as it was ---- */

status yaml_tree_read_text(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                           const char **value, error *err);
status yaml_tree_read_number(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                             double *value, error *err);
/* An integer from 1 up. */
status yaml_tree_read_count(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                            int *value, error *err);
status yaml_tree_read_flag(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                           bool *value, error *err);
/* One of words, which ends with NULL: *index is which. */
status yaml_tree_read_choice(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                             const char *const *words, int *index, error *err);
