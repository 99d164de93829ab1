/* SPDX-License-Identifier: Apache-2.0 */
/* Reads recipes; see recipe.h. */
#include "train/recipe.h"
#include "base/file.h"
#include "base/text.h"
#include "base/yaml_tree.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- The built-in recipes ---- */

static const struct builtin {
    const char *name, *text;
} builtins[] = {
    /* Options whose default depends on other options are left out: a fusion would forbid
     * --only-fine, and a schedule would forbid --milestones. */
    {"original", "# The PyTorch project's options, except --image-size 224 and --weights.\n"
                 "optimizer: sgd\n"
                 "lr: 0.008\n"
                 "momentum: 0\n"
                 "weight_decay: 0\n"
                 "batch_size: 32\n"
                 "epochs: 15\n"
                 "coarse: 1\n"
                 "fine: 2\n"
                 "augment: [rotate=20, flip]\n"},
    {"modern", "# From scratch on small images. With --weights, use a tenth of this lr and the\n"
               "# stem of the weights.\n"
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
    yaml_tree tree;
    train_options *options;
    bool seen[TRAIN_ROWS];
    words *kept;
} reading;

static status set_value(reading *from, const yaml_node_t *value, const option_row *row, error *err)
{
    char *text;
    if (value->type == YAML_SCALAR_NODE && yaml_tree_is_null(value) &&
        options_unset(row, from->options))
        return STATUS_OK;
    if (value->type == YAML_MAPPING_NODE)
        return yaml_tree_fail(&from->tree, value, err,
                              "expected lines of 'option: value'; a value is a single word, a "
                              "number or a list of them");
    status result = yaml_tree_join(&from->tree, value, &text, err);
    if (result == STATUS_OK)
        result = words_add(from->kept, text, strlen(text), err);
    free(text);
    TRY(result);
    if (options_set(row, from->options, from->kept->texts[from->kept->count - 1], err) != STATUS_OK)
        return error_prefix(err, STATUS_FAILED, "%s: line %zu", from->tree.path,
                            yaml_tree_line(value));
    return STATUS_OK;
}

static status unknown_option(const reading *from, const yaml_node_t *key, error *err)
{
    options_guess guess = {0};
    for (const option_row *row = train_rows; row->name; row++)
        if (!row->transient)
            options_guess_among(&guess, yaml_tree_text(key), row->name);
    return yaml_tree_fail(&from->tree, key, err, "'%s' is not an option of a run%s%s%s",
                          yaml_tree_text(key), guess.best ? "; did you mean " : "",
                          guess.best ? guess.best : "", guess.best ? "?" : "");
}

static status read_all(reading *from, error *err)
{
    const yaml_node_t *root = yaml_tree_root(&from->tree);
    for (size_t i = 0; i < yaml_tree_count(root); i++) {
        yaml_node_t *key, *value;
        const option_row *row =
            options_find(train_rows, yaml_tree_key(&from->tree, root, i, &key, &value));
        if (!row || row->transient)
            return unknown_option(from, key, err);
        bool *seen = &from->seen[row - train_rows];
        if (*seen)
            return yaml_tree_fail(&from->tree, key, err, "'%s' is given twice",
                                  yaml_tree_text(key));
        *seen = true;
        TRY(set_value(from, value, row, err));
        from->options->origin.lines[row - train_rows] = (int)yaml_tree_line(value);
    }
    return STATUS_OK;
}

/* text NULL: read the file `name`. */
static status load(const char *name, const char *text, train_options *options, words *kept,
                   error *err)
{
    reading from = {.options = options, .kept = kept};
    TRY(words_add(kept, name, strlen(name), err));
    options->origin = (train_origin){.recipe = kept->texts[kept->count - 1]};
    status result = text ? yaml_tree_read(name, text, strlen(text), &from.tree, err)
                         : yaml_tree_load(name, &from.tree, err);
    if (result == STATUS_OK)
        result = read_all(&from, err);
    yaml_tree_free(&from.tree);
    return result;
}

status recipe_load(const char *name, train_options *options, words *kept, error *err)
{
    const char *text = find_builtin(name);
    if (!text && file_is_directory(name))
        return error_set(err, STATUS_FAILED,
                         "--recipe %s: is a directory; expected original, modern or a file, such "
                         "as the config.json of a run",
                         name);
    if (text || file_may_exist(name))
        return load(name, text, options, kept, err);
    return error_set(err, STATUS_FAILED,
                     "--recipe %s: this file does not exist; expected original, modern or a file",
                     name);
}

/* A user may have named a checkpoint in place of its run. */
static status not_a_run(const char *run, const char *config, error *err)
{
    char *parent = file_parent(run);
    TRY(got_memory(parent, err, run));
    bool inside = !file_is_directory(run) && file_exists_in(parent, "config.json");
    error_set(err, STATUS_FAILED,
              "%s: is not the directory of a run, because %s does not exist%s%s%s", run, config,
              inside ? "; did you mean " : "", inside ? parent : "", inside ? "?" : "");
    free(parent);
    return STATUS_FAILED;
}

status recipe_load_run(const char *run, train_options *options, words *kept, error *err)
{
    char *path = text_format("%s/config.json", run);
    TRY(got_memory(path, err, run));
    status result =
        file_may_exist(path) ? load(path, NULL, options, kept, err) : not_a_run(run, path, err);
    options->max_steps = 0;
    free(path);
    return result;
}

/* ---- Errors that are found later ---- */

/* Whether a message is about the option: it has the option's name before the remedy, which begins
 * at the first semicolon, or begins with the option's value, which is then a file. */
static bool is_about(const char *message, const option_row *row, const train_options *o)
{
    const char *remedy = message + strcspn(message, ";");
    const char *value =
        row->kind == OPTION_STRING ? *(const char *const *)((const char *)o + row->at) : NULL;
    for (const char *at = message; (at = strstr(at, "--")) && at < remedy; at += 2) {
        const char *end = text_after(at + 2, row->name);
        if (end && *end != '-' && !isalnum((unsigned char)*end))
            return true;
    }
    const char *end = value ? text_after(message, value) : NULL;
    return end && *end == ':';
}

status recipe_place_error(const train_options *o, status result, error *err)
{
    char lines[128] = "";
    size_t used = 0;
    bool given = false;
    if (!o->origin.recipe || (result != STATUS_USAGE && result != STATUS_FAILED))
        return result;
    for (int i = 0; train_rows[i].name; i++) {
        int line = o->origin.lines[i];
        if (line == 0 || !is_about(err->message, &train_rows[i], o))
            continue;
        given |= line == TRAIN_GIVEN;
        if (line > 0 && used < sizeof lines)
            used += (size_t)snprintf(lines + used, sizeof lines - used, "%sline %d",
                                     used ? ", " : "", line);
    }
    if (!used)
        return result;
    if (given)
        return error_suffix(err, result, " (%s: %s)", o->origin.recipe, lines);
    return error_prefix(err, STATUS_FAILED, "%s: %s", o->origin.recipe, lines);
}
