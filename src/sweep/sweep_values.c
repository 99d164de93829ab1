/* SPDX-License-Identifier: Apache-2.0 */
/* The values that a parameter lists, as texts that its option takes. */
#include "base/text.h"
#include "sweep/sweep_reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

status sweep_try_value(const option_spec *row, const char *text, error *err)
{
    union {
        bool flag;
        int whole;
        uint64_t seed;
        double number;
        const char *text;
    } scratch;
    option_spec copy = *row;
    copy.target = &scratch;
    copy.given = NULL;
    return options_set(&copy, text, err);
}

/* ---- Texts ---- */

/* The text of a value as its option takes it. */
static status read_text(const sweep_form *r, const yaml_node_t *node, char **text, error *err)
{
    bool flag;
    *text = NULL;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): items exist. */
    if (node->type == YAML_SEQUENCE_NODE && yaml_tree_count(node) == 0)
        return sweep_form_fail(r, node, err, "an empty list is no value");
    if (node->type == YAML_MAPPING_NODE)
        return sweep_form_fail(
            r, node, err,
            "a value has to be a word, a number or a list; write 'parameters:' above "
            "options that are grouped");
    if (node->type == YAML_SCALAR_NODE && yaml_tree_is_null(node))
        return sweep_form_fail(
            r, node, err,
            "null is no value; write the word for what it means, as none or default, or "
            "leave the parameter out");
    bool is_flag = r->row->kind == OPTION_FLAG && yaml_tree_is_flag(node, &flag);
    if (!is_flag)
        return yaml_tree_join(&r->from->tree, node, text, err);
    *text = strdup(flag ? "true" : "false");
    return *text ? STATUS_OK : error_memory(err, r->from->file->path);
}

/* Whether two texts mean the same to the option. */
static bool same_value(const option_spec *row, const char *a, const char *b)
{
    bool number = row->kind == OPTION_DOUBLE || row->kind == OPTION_INT;
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): they were read. */
    return strcmp(a, b) == 0 || (number && strtod(a, NULL) == strtod(b, NULL));
}

static status read_value(const sweep_form *r, const yaml_node_t *node, error *err)
{
    sweep_parameter *p = r->p;
    char **text = &p->values[p->form.count++];
    TRY(read_text(r, node, text, err));
    if (sweep_try_value(r->row, *text, err) != STATUS_OK)
        return error_prefix(err, STATUS_FAILED, "%s: line %zu: '%s'", r->from->file->path,
                            yaml_tree_line(node), p->name);
    for (size_t i = 0; i + 1 < p->form.count; i++)
        if (same_value(r->row, p->values[i], *text))
            return yaml_tree_fail(&r->from->tree, node, err,
                                  "'%s': the value %s is listed twice; give probabilities to "
                                  "try one more often",
                                  p->name, *text);
    return STATUS_OK;
}

/* form.count rises with the values, so that what there is can be freed. */
status sweep_read_values(sweep_form *r, error *err)
{
    yaml_tree *tree = &r->from->tree;
    const yaml_node_t *value = yaml_tree_find(tree, r->body, "value");
    const yaml_node_t *list = value ? NULL : yaml_tree_find(tree, r->body, "values");
    if (list)
        TRY(yaml_tree_expect(tree, list, YAML_SEQUENCE_NODE, "values", err));
    size_t count = list ? yaml_tree_count(list) : 1;
    if (count == 0)
        return sweep_form_fail(r, list, err, "values is empty; list what to try");
    r->p->values = calloc(count, sizeof *r->p->values);
    if (!r->p->values)
        return error_memory(err, r->from->file->path);
    for (size_t i = 0; i < count; i++)
        TRY(read_value(r, list ? yaml_tree_item(tree, list, i) : value, err));
    return STATUS_OK;
}

status sweep_read_probabilities(sweep_form *r, error *err)
{
    const double slack = 1e-6; /* thirds have to be rounded */
    yaml_tree *tree = &r->from->tree;
    sweep_parameter *p = r->p;
    const yaml_node_t *list = yaml_tree_find(tree, r->body, "probabilities");
    double sum = 0;
    TRY(yaml_tree_expect(tree, list, YAML_SEQUENCE_NODE, "probabilities", err));
    if (yaml_tree_count(list) != p->form.count)
        return yaml_tree_fail(tree, list, err, "'%s': %zu probabilities for %zu values", p->name,
                              yaml_tree_count(list), p->form.count);
    p->probabilities = calloc(p->form.count, sizeof *p->probabilities);
    if (!p->probabilities)
        return error_memory(err, r->from->file->path);
    for (size_t i = 0; i < p->form.count; i++) {
        const yaml_node_t *item = yaml_tree_item(tree, list, i);
        if (!yaml_tree_is_number(item, &p->probabilities[i], NULL) || p->probabilities[i] < 0 ||
            p->probabilities[i] > 1)
            return sweep_form_fail(r, item, err, "a probability has to be a number from 0 to 1");
        sum += p->probabilities[i];
    }
    if (fabs(sum - 1) > slack)
        return yaml_tree_fail(tree, list, err, "'%s': the probabilities sum to %g, not to 1",
                              p->name, sum);
    p->form.probabilities = p->probabilities;
    return STATUS_OK;
}
