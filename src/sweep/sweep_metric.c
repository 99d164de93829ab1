/* SPDX-License-Identifier: Apache-2.0 */
/* The key `metric`: what a sweep compares runs by. */
#include "base/text.h"
#include "sweep/sweep_reading.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES = 2048 }; /* bytes of all names in a message */

/* '/' and '_' are the same. */
static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '/' ? '_' : *a) != (*b == '/' ? '_' : *b))
            return false;
    return *a == *b;
}

/* The PyTorch project's names in our words: valid_fine_acc is validation_fine_top1. */
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
    char all[NAMES] = "";
    for (size_t i = 0; from->metrics[i]; i++) {
        options_guess_among(&guess, yaml_tree_text(node), from->metrics[i]);
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", from->metrics[i]);
    }
    return yaml_tree_fail(&from->tree, node, err,
                          "'%s' is never logged, so no run could be compared%s%s%s; a run logs %s",
                          yaml_tree_text(node), guess.best ? "; did you mean " : "",
                          guess.best ? guess.best : "", guess.best ? "?" : "", all);
}

static status read_name(sweep_reading *from, const yaml_node_t *metric, error *err)
{
    sweep_file *file = from->file;
    const yaml_node_t *node = yaml_tree_find(&from->tree, metric, "name");
    const char *name = NULL, *known = NULL;
    TRY(yaml_tree_read_text(&from->tree, metric, "name", &name, err));
    if (!name)
        return yaml_tree_fail(&from->tree, metric, err, "metric needs a name; add 'name: %s'",
                              from->metrics[0] ? from->metrics[0] : "NAME");
    char *translated = translate(name);
    if (!translated)
        return error_memory(err, file->path);
    for (size_t i = 0; from->metrics[i] && !known; i++)
        if (same_name(from->metrics[i], name) || same_name(from->metrics[i], translated))
            known = from->metrics[i];
    free(translated);
    if (!known)
        return unknown_metric(from, node, err);
    file->metric_line = (int)yaml_tree_line(node);
    file->metric = strdup(known);
    return file->metric ? STATUS_OK : error_memory(err, file->path);
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

status sweep_read_metric(sweep_reading *from, error *err)
{
    static const char *const keys[] = {"name", "goal", "target", "impute", "impute_while_running",
                                       NULL};
    static const char *const goals[] = {"minimize", "maximize", NULL};
    sweep_file *file = from->file;
    const yaml_node_t *metric = yaml_tree_find(&from->tree, yaml_tree_root(&from->tree), "metric");
    int goal = 0;
    if (!metric)
        return STATUS_OK;
    TRY(yaml_tree_expect(&from->tree, metric, YAML_MAPPING_NODE, "metric", err));
    TRY(yaml_tree_check_keys(&from->tree, metric, keys, "metric", err));
    TRY(read_name(from, metric, err));
    TRY(yaml_tree_read_choice(&from->tree, metric, "goal", goals, &goal, err));
    file->maximize = goal == 1;
    file->has_target = yaml_tree_find(&from->tree, metric, "target") != NULL;
    TRY(yaml_tree_read_number(&from->tree, metric, "target", &file->target, err));
    return read_impute(from, metric, err);
}
