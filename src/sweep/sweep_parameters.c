/* SPDX-License-Identifier: Apache-2.0 */
/* The key `parameters`: which options a sweep sets, and to which values. */
#include "base/array.h"
#include "base/text.h"
#include "sweep/sweep_reading.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names and options ---- */

static bool is_name(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("_.-", *text))
            return false;
    return true;
}

static status unknown_option(sweep_reading *from, const yaml_node_t *key, const char *word,
                             error *err)
{
    options_guess guess = {0};
    for (const option_row *row = from->rows; row->name; row++) {
        options_guess_among(&guess, word, row->name);
        if (row->alias)
            options_guess_among(&guess, word, row->alias);
    }
    if (guess.best)
        return sweep_fail(from, key, err, "'%s' is not an option of train; did you mean %s?", word,
                          guess.best);
    return sweep_fail(from, key, err,
                      "'%s' is not an option of train; `hcnn-cl train --help` lists them", word);
}

/* Finds the option that a name sets: the last part of the name is the name of the option. No two
 * parameters may set the same option. */
static status find_option(sweep_reading *from, const yaml_node_t *key, const char *name,
                          const option_row **row, error *err)
{
    const sweep_file *file = from->file;
    const char *dot = strrchr(name, '.'), *word = dot ? dot + 1 : name;
    if (!is_name(name) || !*word)
        return sweep_fail(from, key, err,
                          "'%s' is not a parameter's name; use letters, digits, '_', '-' and '.', "
                          "and begin with a letter or '_'",
                          name);
    *row = options_find(from->rows, word);
    if (!*row)
        return unknown_option(from, key, word, err);
    for (size_t i = 0; i < file->parameter_count; i++)
        if (strcmp(file->parameters[i].option, (*row)->name) == 0)
            return sweep_fail(
                from, key, err,
                "'%s' sets --%s, which '%s' in line %d also sets; remove one of the two", name,
                (*row)->name, file->parameters[i].name, file->parameters[i].line);
    return STATUS_OK;
}

/* ---- Parameters ---- */

static status check_grid(sweep_reading *from, const yaml_node_t *key, const sweep_parameter *p,
                         error *err)
{
    if (from->file->method != SWEEP_GRID)
        return STATUS_OK;
    if (p->form.kind == DISTRIBUTION_CATEGORICAL_W_PROBABILITIES)
        return sweep_fail(from, key, err,
                          "'%s': a grid tries each value once, whatever its probability; remove "
                          "probabilities or choose method random or bayes",
                          p->name);
    if (distribution_size(&p->form) == 0)
        return sweep_fail(from, key, err,
                          "'%s': a grid cannot try all values of %s; give values, int_uniform, "
                          "q_uniform or q_log_uniform, or choose method random or bayes",
                          p->name, distribution_forms[p->form.kind].name);
    return STATUS_OK;
}

static status add_parameter(sweep_reading *from, const yaml_node_t *key, const yaml_node_t *body,
                            const char *name, error *err)
{
    sweep_file *file = from->file;
    const option_row *row = NULL;
    TRY(find_option(from, key, name, &row, err));
    TRY(array_grow(&file->parameters, file->parameter_count, sizeof *file->parameters, file->path,
                   err));
    sweep_parameter *p = &file->parameters[file->parameter_count++];
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it was found. */
    *p = (sweep_parameter){
        .name = strdup(name), .option = strdup(row->name), .line = (int)yaml_tree_line(key)};
    TRY(got_memory(p->name && p->option, err, file->path));
    TRY(sweep_read_form(from, body, row, p, err));
    return check_grid(from, key, p, err);
}

static status read_group(sweep_reading *from, const yaml_node_t *group, const char *prefix,
                         error *err);

/* Reads one entry of `parameters`: a parameter or a group of parameters. */
static status read_entry(sweep_reading *from, const yaml_node_t *key, const yaml_node_t *body,
                         const char *name, error *err)
{
    static const char *const group_keys[] = {"parameters", NULL};
    yaml_node_t *group =
        body->type == YAML_MAPPING_NODE ? yaml_tree_find(&from->tree, body, "parameters") : NULL;
    if (!group)
        return add_parameter(from, key, body, name, err);
    TRY(yaml_tree_check_keys(&from->tree, body, group_keys, "a group of parameters", err));
    return read_group(from, group, name, err);
}

/* YAML_TREE_DEPTH bounds the recursion. */
static status read_group(sweep_reading *from, const yaml_node_t *group, const char *prefix,
                         error *err)
{
    TRY(yaml_tree_expect(&from->tree, group, YAML_MAPPING_NODE, "parameters", err));
    if (yaml_tree_count(group) == 0)
        return sweep_fail(from, group, err,
                          "parameters is empty; name an option of train and its values, such as "
                          "'lr: {values: [0.1, 0.01]}'");
    for (size_t i = 0; i < yaml_tree_count(group); i++) {
        yaml_node_t *key, *body;
        const char *word = yaml_tree_key(&from->tree, group, i, &key, &body);
        char *name = text_format("%s%s%s", prefix, *prefix ? "." : "", word);
        TRY(got_memory(name, err, from->file->path));
        status result = read_entry(from, key, body, name, err);
        free(name);
        TRY(result);
    }
    return STATUS_OK;
}

status sweep_read_parameters(sweep_reading *from, error *err)
{
    const yaml_node_t *root = yaml_tree_root(&from->tree);
    const yaml_node_t *group = yaml_tree_find(&from->tree, root, "parameters");
    if (!group)
        return sweep_fail(
            from, root, err,
            "parameters is missing; add it, for example 'parameters: {lr: {values: [0.1, 0.01]}}'");
    return read_group(from, group, "", err);
}
