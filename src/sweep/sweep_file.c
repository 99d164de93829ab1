/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a sweep file; see sweep_file.h. */
#include "sweep/sweep_file.h"
#include "base/text.h"
#include "sweep/sweep_reading.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const root_keys[] = {
    "method",     "metric",  "parameters", "early_terminate", "run_cap",   "name",
    "command",    "program", "project",    "entity",          "job",       "image_uri",
    "controller", "kind",    "apiVersion", "description",     "scheduler", "metrics",
    NULL,
};

/* Keys that wandb uses and that change nothing here, and why. */
static const struct idle_key {
    const char *name, *reason;
} idle_keys[] = {
    {"program", "each trial runs hcnn-cl train"},   {"project", "runs are kept in a directory"},
    {"entity", "runs are kept in a directory"},     {"job", "each trial runs hcnn-cl train"},
    {"image_uri", "each trial runs hcnn-cl train"}, {"apiVersion", "the file has only one form"},
    {"kind", "the file always describes a sweep"},
};

status sweep_note(sweep_reading *from, const yaml_node_t *node, error *err, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return words_take(&from->file->notes,
                      text_format("%s: line %zu: %s", from->file->path, yaml_tree_line(node), text),
                      err);
}

/* The mapping under a key of the file, which may have only these keys; NULL if the key is
 * missing. */
static status find_section(sweep_reading *from, const char *name, const char *const *keys,
                           const yaml_node_t **section, error *err)
{
    *section = yaml_tree_find(&from->tree, yaml_tree_root(&from->tree), name);
    if (!*section)
        return STATUS_OK;
    TRY(yaml_tree_expect(&from->tree, *section, YAML_MAPPING_NODE, name, err));
    return yaml_tree_check_keys(&from->tree, *section, keys, name, err);
}

/* ---- Keys without meaning here ---- */

static status read_controller(sweep_reading *from, error *err)
{
    static const char *const keys[] = {"type", NULL}, *const types[] = {"local", "cloud", NULL};
    const yaml_node_t *node;
    int type;
    TRY(find_section(from, "controller", keys, &node, err));
    if (!node)
        return STATUS_OK;
    TRY(yaml_tree_read_choice(&from->tree, node, "type", types, &type, err));
    return sweep_note(
        from, node, err,
        "controller has no meaning here: agents share the store in the sweep's directory instead");
}

static status read_idle_keys(sweep_reading *from, const yaml_node_t *root, error *err)
{
    for (size_t i = 0; i < sizeof idle_keys / sizeof idle_keys[0]; i++) {
        const char *key = idle_keys[i].name, *text;
        const yaml_node_t *node = yaml_tree_find(&from->tree, root, key);
        if (!node)
            continue;
        TRY(yaml_tree_read_text(&from->tree, root, key, &text, err));
        TRY(sweep_note(from, node, err, "%s has no meaning here: %s", key, idle_keys[i].reason));
    }
    const char *description;
    TRY(yaml_tree_read_text(&from->tree, root, "description", &description, err));
    return read_controller(from, err);
}

static status refuse_keys(sweep_reading *from, const yaml_node_t *root, error *err)
{
    static const char *const refused[][2] = {
        {"metrics", " (several objectives) is not supported, because no method here weighs them; "
                    "name one under metric"},
        {"scheduler", " (an optimizer of your own) is not supported; remove it and choose a "
                      "method: grid, random or bayes"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const yaml_node_t *node = yaml_tree_find(&from->tree, root, refused[i][0]);
        if (node)
            return sweep_fail(from, node, err, "%s%s", refused[i][0], refused[i][1]);
    }
    return STATUS_OK;
}

/* ---- The metric ---- */

/* Compares two names; '/' and '_' are the same. */
static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '/' ? '_' : *a) != (*b == '/' ? '_' : *b))
            return false;
    return *a == *b;
}

/* Translates the PyTorch project's names: valid_fine_acc becomes validation_fine_top1. */
static char *translate(const char *name)
{
    bool valid = strncmp(name, "valid_", 6) == 0 || strncmp(name, "valid/", 6) == 0;
    const char *rest = valid ? name + 5 : name;
    size_t length = strlen(rest);
    bool accuracy = length >= 4 && strcmp(rest + length - 4, "_acc") == 0;
    return text_format("%s%.*s%s", valid ? "validation" : "", (int)(accuracy ? length - 4 : length),
                       rest, accuracy ? "_top1" : "");
}

static status unknown_metric(sweep_reading *from, const yaml_node_t *node, error *err)
{
    options_guess guess = {0};
    char *all = strdup("");
    for (size_t i = 0; from->metrics[i]; i++) {
        options_guess_among(&guess, yaml_tree_text(node), from->metrics[i]);
        text_append(&all, "%s%s", i ? ", " : "", from->metrics[i]);
    }
    sweep_fail(from, node, err,
               "'%s' is never logged, so runs cannot be compared by it%s%s%s; a run logs %s",
               yaml_tree_text(node), guess.best ? "; did you mean " : "",
               guess.best ? guess.best : "", guess.best ? "?" : "", all ? all : "other metrics");
    free(all);
    return STATUS_FAILED;
}

static status read_name(sweep_reading *from, const yaml_node_t *metric, error *err)
{
    sweep_file *file = from->file;
    const yaml_node_t *node = yaml_tree_find(&from->tree, metric, "name");
    const char *name = NULL, *known = NULL;
    TRY(yaml_tree_read_text(&from->tree, metric, "name", &name, err));
    if (!name)
        return sweep_fail(from, metric, err, "metric needs a name; add 'name: %s'",
                          from->metrics[0] ? from->metrics[0] : "NAME");
    char *translated = translate(name);
    TRY(got_memory(translated, err, file->path));
    for (size_t i = 0; from->metrics[i] && !known; i++)
        if (same_name(from->metrics[i], name) || same_name(from->metrics[i], translated))
            known = from->metrics[i];
    free(translated);
    if (!known)
        return unknown_metric(from, node, err);
    file->metric_line = (int)yaml_tree_line(node);
    file->metric = strdup(known);
    return got_memory(file->metric, err, file->path);
}

static status read_impute(sweep_reading *from, const yaml_node_t *metric, error *err)
{
    static const char *const ended[] = {
        [IMPUTE_WORST] = "worst", [IMPUTE_BEST] = "best", [IMPUTE_LATEST] = "latest", NULL};
    static const char *const running[] = {[IMPUTE_WORST] = "worst",
                                          [IMPUTE_BEST] = "best",
                                          [IMPUTE_LATEST] = "latest",
                                          [IMPUTE_NONE] = "false",
                                          NULL};
    int impute = IMPUTE_WORST, while_running = IMPUTE_NONE;
    TRY(yaml_tree_read_choice(&from->tree, metric, "impute", ended, &impute, err));
    TRY(yaml_tree_read_choice(&from->tree, metric, "impute_while_running", running, &while_running,
                              err));
    from->file->impute = (enum sweep_impute)impute;
    from->file->impute_while_running = (enum sweep_impute)while_running;
    return STATUS_OK;
}

static status read_metric(sweep_reading *from, error *err)
{
    static const char *const keys[] = {"name", "goal", "target", "impute", "impute_while_running",
                                       NULL};
    static const char *const goals[] = {"minimize", "maximize", NULL};
    sweep_file *file = from->file;
    const yaml_node_t *metric;
    int goal = 0;
    TRY(find_section(from, "metric", keys, &metric, err));
    if (!metric)
        return STATUS_OK;
    TRY(read_name(from, metric, err));
    TRY(yaml_tree_read_choice(&from->tree, metric, "goal", goals, &goal, err));
    file->maximize = goal == 1;
    file->has_target = yaml_tree_find(&from->tree, metric, "target") != NULL;
    TRY(yaml_tree_read_number(&from->tree, metric, "target", &file->target, err));
    return read_impute(from, metric, err);
}

/* ---- The other keys ---- */

static status read_method(sweep_reading *from, const yaml_node_t *root, error *err)
{
    static const char *const words[] = {"grid", "random", "bayes", NULL};
    const yaml_node_t *node = yaml_tree_find(&from->tree, root, "method");
    int method = 0;
    if (!node)
        return sweep_fail(from, root, err,
                          "method is missing; add 'method: grid', or random or bayes");
    if (node->type == YAML_SCALAR_NODE && strcmp(yaml_tree_text(node), "custom") == 0)
        return sweep_fail(from, node, err,
                          "method custom (a controller of your own) is not supported; choose grid, "
                          "random or bayes");
    TRY(yaml_tree_read_choice(&from->tree, root, "method", words, &method, err));
    from->file->method = (enum sweep_method)method;
    return STATUS_OK;
}

/* Bands start from min_iter or are divided from max_iter. */
static status check_hyperband(sweep_reading *from, const yaml_node_t *node, sweep_hyperband *h,
                              error *err)
{
    if (h->eta <= 1)
        return sweep_fail(from, node, err, "eta has to be above 1");
    if (h->min_iter && h->max_iter)
        return sweep_fail(
            from, node, err,
            "min_iter and max_iter exclude each other; keep min_iter alone, or max_iter with s");
    if (!h->min_iter && (!h->max_iter || !h->s))
        return sweep_fail(from, node, err,
                          "early_terminate needs min_iter (the first epoch at which runs are "
                          "compared), or max_iter with s");
    if (h->min_iter && h->s) {
        h->s = 0;
        return sweep_note(from, node, err, "s has no meaning together with min_iter");
    }
    return STATUS_OK;
}

static status read_hyperband(sweep_reading *from, error *err)
{
    static const char *const keys[] = {"type", "min_iter", "max_iter", "s", "eta", "strict", NULL};
    static const char *const types[] = {"hyperband", NULL};
    yaml_tree *tree = &from->tree;
    const yaml_node_t *node;
    sweep_hyperband *h = &from->file->hyperband;
    int type = -1;
    h->eta = 3;
    TRY(find_section(from, "early_terminate", keys, &node, err));
    if (!node)
        return STATUS_OK;
    TRY(yaml_tree_read_choice(tree, node, "type", types, &type, err));
    if (type < 0)
        return yaml_tree_fail(tree, node, err, "type is missing; add 'type: hyperband'");
    TRY(yaml_tree_read_count(tree, node, "min_iter", &h->min_iter, err));
    TRY(yaml_tree_read_count(tree, node, "max_iter", &h->max_iter, err));
    TRY(yaml_tree_read_count(tree, node, "s", &h->s, err));
    TRY(yaml_tree_read_number(tree, node, "eta", &h->eta, err));
    TRY(yaml_tree_read_flag(tree, node, "strict", &h->strict, err));
    h->given = true;
    return check_hyperband(from, node, h, err);
}

/* Bayes and hyperband need a metric. */
static status check_metric(sweep_reading *from, const yaml_node_t *root, error *err)
{
    const sweep_file *file = from->file;
    if (file->metric || (file->method != SWEEP_BAYES && !file->hyperband.given))
        return STATUS_OK;
    return sweep_fail(from, root, err,
                      "metric is missing, which %s; add 'metric: {name: %s, goal: minimize}'",
                      file->method == SWEEP_BAYES ? "bayes needs to choose points"
                                                  : "hyperband needs to compare runs",
                      from->metrics[0] ? from->metrics[0] : "NAME");
}

/* The file's name without its directories and extension. */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    size_t length = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    return strndup(base, length);
}

static status keep_texts(sweep_reading *from, const yaml_node_t *root, error *err)
{
    sweep_file *file = from->file;
    const char *name = NULL;
    TRY(yaml_tree_read_text(&from->tree, root, "name", &name, err));
    file->name = name ? strdup(name) : name_of(file->path);
    file->text = strdup(from->tree.text);
    return got_memory(file->name && file->text, err, file->path);
}

static status read_root(sweep_reading *from, error *err)
{
    const yaml_node_t *root = yaml_tree_root(&from->tree);
    TRY(yaml_tree_check_keys(&from->tree, root, root_keys, "a sweep", err));
    TRY(refuse_keys(from, root, err));
    TRY(keep_texts(from, root, err));
    TRY(read_method(from, root, err));
    TRY(read_metric(from, err));
    TRY(sweep_read_parameters(from, err));
    TRY(read_hyperband(from, err));
    TRY(check_metric(from, root, err));
    TRY(yaml_tree_read_count(&from->tree, root, "run_cap", &from->file->run_cap, err));
    if (!from->again)
        TRY(sweep_read_command(from, err));
    return read_idle_keys(from, root, err);
}

status sweep_file_read(const char *path, const char *text, const option_row *rows,
                       const char *const *metrics, sweep_file *file, error *err)
{
    sweep_reading from = {.rows = rows, .metrics = metrics, .file = file, .again = text != NULL};
    *file = (sweep_file){
        .path = strdup(path), .impute = IMPUTE_WORST, .impute_while_running = IMPUTE_NONE};
    TRY(got_memory(file->path, err, path));
    status result;
    TRY_OR_DONE(text ? yaml_tree_read(path, text, strlen(text), &from.tree, err)
                     : yaml_tree_load(path, &from.tree, err));
    TRY_OR_DONE(read_root(&from, err));
done:
    yaml_tree_free(&from.tree);
    if (result != STATUS_OK)
        sweep_file_free(file);
    return result;
}

void sweep_file_free(sweep_file *file)
{
    for (size_t i = 0; i < file->parameter_count; i++) {
        sweep_parameter *p = &file->parameters[i];
        free(p->name);
        free(p->option);
        for (size_t k = 0; p->values && k < p->form.count; k++)
            free(p->values[k]);
        free(p->values);
        free(p->probabilities);
    }
    free(file->parameters);
    words_free(&file->fixed);
    words_free(&file->notes);
    free(file->path);
    free(file->name);
    free(file->text);
    free(file->metric);
    *file = (sweep_file){0};
}
