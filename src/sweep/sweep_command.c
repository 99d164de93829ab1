/* SPDX-License-Identifier: Apache-2.0 */
/* The key `command`: wandb's words for starting a program. Only its options are used, because every
 * trial runs hcnn-cl train. */
#include "base/text.h"
#include "sweep/sweep_reading.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Words that say what to run. */
static const char *const program_words[] = {
    "${env}",   "${interpreter}", "${program}", "env",     "*/env", "python",    "python[0-9]*",
    "*/python", "*/python[0-9]*", "*.py",       "hcnn-cl", "train", "*/hcnn-cl", NULL,
};

/* Words that stand for the parameters, in all of wandb's spellings. */
static const char *const parameter_words[] = {
    "${args}",      "${args_no_boolean_flags}", "${args_no_hyphens}",
    "${args_json}", "${args_json_file}",        NULL,
};

static bool is_among(const char *const *patterns, const char *word)
{
    for (size_t i = 0; patterns[i]; i++)
        if (fnmatch(patterns[i], word, 0) == 0)
            return true;
    return false;
}

/* ---- ${envvar:NAME} ---- */

static const char variable_macro[] = "${envvar:";

static status check_macros(sweep_reading *from, const yaml_node_t *node, error *err)
{
    const char *text = yaml_tree_text(node);
    for (const char *at = strstr(text, "${"); at; at = strstr(at + 2, "${"))
        if (strncmp(at, variable_macro, strlen(variable_macro)) != 0 || !strchr(at, '}'))
            return sweep_fail(from, node, err,
                              "'%s' has a macro that cannot be used there; write ${args} and its "
                              "variants as words of their own, ${envvar:NAME} anywhere",
                              text);
    return STATUS_OK;
}

/* Replaces each ${envvar:NAME} in the word by the value of that variable. The caller frees
 * *expanded, also after a failure. */
static status expand(sweep_reading *from, const yaml_node_t *node, char **expanded, error *err)
{
    const char *rest = yaml_tree_text(node), *found;
    TRY(check_macros(from, node, err));
    *expanded = strdup("");
    while ((found = strstr(rest, variable_macro)) != NULL) {
        const char *name = found + strlen(variable_macro), *end = strchr(name, '}');
        char *variable = strndup(name, (size_t)(end - name));
        TRY(got_memory(variable, err, from->file->path));
        const char *value = getenv(variable);
        free(variable);
        if (!value)
            return sweep_fail(
                from, node, err,
                "the environment variable %.*s is not set; set it before the sweep starts",
                (int)(end - name), name);
        text_append(expanded, "%.*s%s", (int)(found - rest), rest, value);
        rest = end + 1;
    }
    text_append(expanded, "%s", rest);
    return got_memory(*expanded, err, from->file->path);
}

/* ---- Words ---- */

static status check_unset(sweep_reading *from, const yaml_node_t *node, const option_row *row,
                          error *err)
{
    for (size_t i = 0; i < from->file->parameter_count; i++)
        if (strcmp(from->file->parameters[i].option, row->name) == 0)
            return sweep_fail(
                from, node, err,
                "--%s is also a parameter of the sweep, in line %d; remove one of the two",
                row->name, from->file->parameters[i].line);
    return STATUS_OK;
}

static status unknown_word(sweep_reading *from, const yaml_node_t *node, const char *word,
                           error *err)
{
    options_guess guess = {0};
    for (const option_row *row = from->rows; row->name; row++)
        options_guess_among(&guess, word + strspn(word, "-"), row->name);
    return sweep_fail(from, node, err,
                      "'%s' is not an option of train, which every trial runs; %s%s%s", word,
                      guess.best ? "did you mean --" : "remove it", guess.best ? guess.best : "",
                      guess.best ? "?" : "");
}

/* Checks a word that is passed on to train. *waiting is the option whose value this word has to be,
 * or NULL; afterwards, the same for the next word. */
static status check_word(sweep_reading *from, const yaml_node_t *node, const char *word,
                         const option_row **waiting, error *err)
{
    const option_row *row = *waiting;
    const char *value = word;
    *waiting = NULL;
    if (!row) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a word is a text. */
        row = strncmp(word, "--", 2) == 0 ? options_find(from->rows, word + 2) : NULL;
        if (!row)
            return unknown_word(from, node, word, err);
        TRY(check_unset(from, node, row, err));
        const char *equals = strchr(word, '=');
        if (!equals && row->kind != OPTION_FLAG) {
            *waiting = row;
            return STATUS_OK;
        }
        value = equals ? equals + 1 : "true";
    }
    if (sweep_try_value(row, value, err) != STATUS_OK)
        return error_prefix(err, STATUS_FAILED, "%s: line %zu", from->file->path,
                            yaml_tree_line(node));
    return STATUS_OK;
}

/* Words that say what to run are appended to *dropped, for the note. */
static status read_word(sweep_reading *from, const yaml_node_t *node, const option_row **waiting,
                        char **dropped, error *err)
{
    TRY(yaml_tree_expect(&from->tree, node, YAML_SCALAR_NODE, "a word of command", err));
    const char *text = yaml_tree_text(node);
    if (!*waiting && is_among(parameter_words, text))
        return STATUS_OK;
    if (!*waiting && is_among(program_words, text)) {
        text_append(dropped, "%s%s", **dropped ? " " : "", text);
        return got_memory(*dropped, err, from->file->path);
    }
    char *word = NULL;
    status result;
    TRY_OR_DONE(expand(from, node, &word, err));
    TRY_OR_DONE(check_word(from, node, word, waiting, err));
    return words_take(&from->file->fixed, word, err);
done:
    free(word);
    return result;
}

status sweep_read_command(sweep_reading *from, error *err)
{
    const yaml_node_t *list = yaml_tree_find(&from->tree, yaml_tree_root(&from->tree), "command");
    const option_row *waiting = NULL;
    char *dropped;
    status result = STATUS_OK;
    if (!list)
        return STATUS_OK;
    TRY(yaml_tree_expect(&from->tree, list, YAML_SEQUENCE_NODE, "command", err));
    dropped = strdup("");
    TRY(got_memory(dropped, err, from->file->path));
    for (size_t i = 0; i < yaml_tree_count(list); i++)
        TRY_OR_DONE(read_word(from, yaml_tree_item(&from->tree, list, i), &waiting, &dropped, err));
    if (waiting)
        TRY_OR_DONE(
            sweep_fail(from, list, err, "the last word, --%s, needs a value", waiting->name));
    if (*dropped)
        result = sweep_note(from, list, err,
                            "'%s' in command is left out: each trial runs hcnn-cl train", dropped);
done:
    free(dropped);
    return result;
}
