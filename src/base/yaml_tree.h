/* SPDX-License-Identifier: Apache-2.0 */
/* Reads YAML files as a tree of libyaml's nodes, each with its line, and finds values by key. JSON
 * is a part of YAML and is read too. Anchors, aliases and tags are refused, so that a small file
 * cannot become a large tree. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

enum {
    YAML_TREE_BYTES = 1 << 20, /* bytes of the largest file */
    YAML_TREE_DEPTH = 16,
    YAML_TREE_ITEMS = 4096, /* maximum number of items in a list and of keys in a mapping */
};

typedef struct yaml_tree {
    const char *path; /* borrowed from the caller */
    char *text;       /* the file as it was read */
    size_t size;
    bool parsed;
    yaml_document_t document;
} yaml_tree;

/* Reads a file with one document, a mapping. Keys are single words, and none is repeated. On
 * STATUS_FAILED the message names the file, the line and what is wrong. path must outlive the tree.
 * yaml_tree_free has to be called even after a failure. */
status yaml_tree_load(const char *path, yaml_tree *tree, error *err);
/* The same from text[0..size), which is copied; messages use `path` as its name. */
status yaml_tree_read(const char *path, const char *text, size_t size, yaml_tree *tree, error *err);
void yaml_tree_free(yaml_tree *tree);

/* The mapping that is the document; all nodes belong to the tree. */
yaml_node_t *yaml_tree_root(yaml_tree *tree);
size_t yaml_tree_line(const yaml_node_t *node); /* from 1 */
/* Sets "FILE: line N: message" and returns STATUS_FAILED. */
status yaml_tree_fail(const yaml_tree *tree, const yaml_node_t *node, error *err,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- Nodes ---- */

/* The number of pairs in a mapping or of items in a list; 0 for a scalar. */
size_t yaml_tree_count(const yaml_node_t *node);
/* Sets key and value to pair `index` of a mapping and returns the text of the key; NULL if the key
 * is not a scalar. */
const char *yaml_tree_key(yaml_tree *tree, const yaml_node_t *mapping, size_t index,
                          yaml_node_t **key, yaml_node_t **value);
/* Item `index` of a list, counted from 0. */
yaml_node_t *yaml_tree_item(yaml_tree *tree, const yaml_node_t *list, size_t index);
/* The value of a key; NULL if the mapping does not have it. */
yaml_node_t *yaml_tree_find(yaml_tree *tree, const yaml_node_t *mapping, const char *key);

/* The text of a scalar, which belongs to the tree. */
const char *yaml_tree_text(const yaml_node_t *scalar);
/* The text of a scalar, or the texts of a list joined by commas, in new memory. The caller frees
 * it, also after a failure. */
status yaml_tree_join(yaml_tree *tree, const yaml_node_t *value, char **text, error *err);
/* Whether a scalar means no value: null, ~ or nothing, without quotes. */
bool yaml_tree_is_null(const yaml_node_t *node);
/* Whether a node is a finite number without quotes; sets *value. If `whole` is not NULL, *whole
 * tells whether it is written as an integer. */
bool yaml_tree_is_number(const yaml_node_t *node, double *value, bool *whole);
/* Whether a node is true or false without quotes, in small or capital letters; sets *value. */
bool yaml_tree_is_flag(const yaml_node_t *node, bool *value);

/* STATUS_FAILED unless the node has this type; messages call it `name`. */
status yaml_tree_expect(const yaml_tree *tree, const yaml_node_t *node, yaml_node_type_t type,
                        const char *name, error *err);
/* STATUS_FAILED for a key of the mapping that is not in `known`, which ends with NULL. `of`
 * completes the message "'x' is not a key of": "a sweep". */
status yaml_tree_check_keys(yaml_tree *tree, const yaml_node_t *mapping, const char *const *known,
                            const char *of, error *err);

/* ---- Values by key: if the key is missing, the value stays as it was ---- */

/* A text that is neither empty nor null; it belongs to the tree. */
status yaml_tree_read_text(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                           const char **value, error *err);
/* A finite number. */
status yaml_tree_read_number(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                             double *value, error *err);
/* An integer from 1 up. */
status yaml_tree_read_count(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                            int *value, error *err);
/* true or false. */
status yaml_tree_read_flag(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                           bool *value, error *err);
/* One of `words`, which ends with NULL; sets *index to its index. */
status yaml_tree_read_choice(yaml_tree *tree, const yaml_node_t *mapping, const char *key,
                             const char *const *words, int *index, error *err);
