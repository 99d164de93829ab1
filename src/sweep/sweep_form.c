/* SPDX-License-Identifier: Apache-2.0 */
/* How a parameter is distributed, and whether its option takes what comes of it. */
#include "base/text.h"
#include "sweep/sweep_reading.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Above these, a place in [0, 1] no longer tells neighbouring integers apart, and the incomplete
 * beta function loses digits. */
static const double largest_whole = 1e15, largest_beta = 1e6;

/* ---- The keys of each distribution ---- */

static const char *const form_keys[] = {
    "value", "values", "probabilities", "distribution", "min", "max", "mu", "sigma", "a", "b",
    "q",     NULL};

enum form_key {
    KEY_VALUE = 1 << 0,
    KEY_VALUES = 1 << 1,
    KEY_PROBABILITIES = 1 << 2,
    KEY_DISTRIBUTION = 1 << 3,
    KEY_MIN = 1 << 4,
    KEY_MAX = 1 << 5,
    KEY_MU = 1 << 6,
    KEY_SIGMA = 1 << 7,
    KEY_A = 1 << 8,
    KEY_B = 1 << 9,
    KEY_Q = 1 << 10,
    KEY_BOUNDS = KEY_MIN | KEY_MAX,
    KEY_NORMAL = KEY_MU | KEY_SIGMA,
    KEY_BETA = KEY_A | KEY_B,
};

static const struct form_rule {
    unsigned needed, optional;
} rules[DISTRIBUTION_COUNT] = {
    [DISTRIBUTION_CONSTANT] = {KEY_VALUE, 0},
    [DISTRIBUTION_CATEGORICAL] = {KEY_VALUES, 0},
    [DISTRIBUTION_CATEGORICAL_W_PROBABILITIES] = {KEY_VALUES | KEY_PROBABILITIES, 0},
    [DISTRIBUTION_INT_UNIFORM] = {KEY_BOUNDS, 0},
    [DISTRIBUTION_UNIFORM] = {KEY_BOUNDS, 0},
    [DISTRIBUTION_Q_UNIFORM] = {KEY_BOUNDS, KEY_Q},
    [DISTRIBUTION_LOG_UNIFORM] = {KEY_BOUNDS, 0},
    [DISTRIBUTION_Q_LOG_UNIFORM] = {KEY_BOUNDS, KEY_Q},
    [DISTRIBUTION_INV_LOG_UNIFORM] = {KEY_BOUNDS, 0},
    [DISTRIBUTION_LOG_UNIFORM_VALUES] = {KEY_BOUNDS, 0},
    [DISTRIBUTION_Q_LOG_UNIFORM_VALUES] = {KEY_BOUNDS, KEY_Q},
    [DISTRIBUTION_INV_LOG_UNIFORM_VALUES] = {KEY_BOUNDS, 0},
    [DISTRIBUTION_NORMAL] = {0, KEY_NORMAL},
    [DISTRIBUTION_Q_NORMAL] = {0, KEY_NORMAL | KEY_Q},
    [DISTRIBUTION_LOG_NORMAL] = {0, KEY_NORMAL},
    [DISTRIBUTION_Q_LOG_NORMAL] = {0, KEY_NORMAL | KEY_Q},
    [DISTRIBUTION_BETA] = {0, KEY_BETA},
    [DISTRIBUTION_Q_BETA] = {0, KEY_BETA | KEY_Q},
};

status sweep_form_fail(const sweep_form *r, const yaml_node_t *node, error *err,
                       const char *message)
{
    return yaml_tree_fail(&r->from->tree, node, err, "'%s': %s", r->p->name, message);
}

/* ---- Which distribution ---- */

static bool is_whole_bound(const sweep_form *r, const char *key)
{
    double value;
    bool whole = false;
    return yaml_tree_is_number(yaml_tree_find(&r->from->tree, r->body, key), &value, &whole) &&
           whole;
}

/* By the keys that are there, as wandb does. */
static status infer_kind(sweep_form *r, error *err)
{
    distribution *form = &r->p->form;
    if (r->given & KEY_VALUE)
        form->kind = DISTRIBUTION_CONSTANT;
    else if (r->given & KEY_PROBABILITIES)
        form->kind = DISTRIBUTION_CATEGORICAL_W_PROBABILITIES;
    else if (r->given & KEY_VALUES)
        form->kind = DISTRIBUTION_CATEGORICAL;
    else if ((r->given & KEY_BOUNDS) != KEY_BOUNDS)
        return sweep_form_fail(r, r->body, err,
                               "needs a value, a list of values, min and max, or a distribution");
    else if (is_whole_bound(r, "min") && is_whole_bound(r, "max"))
        form->kind = DISTRIBUTION_INT_UNIFORM;
    else
        form->kind = DISTRIBUTION_UNIFORM;
    return STATUS_OK;
}

static status read_kind(sweep_form *r, error *err)
{
    const char *names[DISTRIBUTION_COUNT + 1] = {NULL};
    int kind = 0;
    if (!(r->given & KEY_DISTRIBUTION))
        return infer_kind(r, err);
    for (int i = 0; i < DISTRIBUTION_COUNT; i++)
        names[i] = distribution_name((distribution_kind)i);
    TRY(yaml_tree_read_choice(&r->from->tree, r->body, "distribution", names, &kind, err));
    r->p->form.kind = (distribution_kind)kind;
    return STATUS_OK;
}

/* "min, max" of a set of keys. */
static void list_keys(unsigned keys, char *text, size_t capacity)
{
    text[0] = '\0';
    for (size_t i = 0; form_keys[i]; i++) {
        size_t used = strlen(text);
        if (keys & 1u << i)
            snprintf(text + used, capacity - used, "%s%s", used ? ", " : "", form_keys[i]);
    }
}

/* Each key that is needed is there, and no other. */
static status check_form_keys(const sweep_form *r, error *err)
{
    const distribution_kind kind = r->p->form.kind;
    unsigned allowed = rules[kind].needed | rules[kind].optional;
    char keys[128];
    list_keys(allowed, keys, sizeof keys);
    if ((r->given & rules[kind].needed) != rules[kind].needed)
        return yaml_tree_fail(&r->from->tree, r->body, err, "'%s': %s needs %s", r->p->name,
                              distribution_name(kind), keys);
    for (size_t i = 0; form_keys[i]; i++)
        if (r->given & ~allowed & ~KEY_DISTRIBUTION & 1u << i)
            return yaml_tree_fail(&r->from->tree,
                                  yaml_tree_find(&r->from->tree, r->body, form_keys[i]), err,
                                  "'%s': %s has no meaning for %s, which takes %s%s", r->p->name,
                                  form_keys[i], distribution_name(kind), keys,
                                  r->given & KEY_DISTRIBUTION ? "" : "; name another distribution");
    return STATUS_OK;
}

/* ---- Numbers ---- */

static status read_numbers(sweep_form *r, error *err)
{
    distribution *form = &r->p->form;
    const struct {
        const char *key;
        double *target;
    } numbers[] = {{"min", &form->min},     {"max", &form->max}, {"mu", &form->mu},
                   {"sigma", &form->sigma}, {"a", &form->a},     {"b", &form->b},
                   {"q", &form->q}};
    form->sigma = form->a = form->b = form->q = 1;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        TRY(yaml_tree_read_number(&r->from->tree, r->body, numbers[i].key, numbers[i].target, err));
    return STATUS_OK;
}

static status check_bounds(const sweep_form *r, error *err)
{
    const distribution *form = &r->p->form;
    if (form->min > form->max)
        return sweep_form_fail(r, yaml_tree_find(&r->from->tree, r->body, "min"), err,
                               "min is above max; swap them");
    bool values = form->kind == DISTRIBUTION_LOG_UNIFORM_VALUES ||
                  form->kind == DISTRIBUTION_Q_LOG_UNIFORM_VALUES ||
                  form->kind == DISTRIBUTION_INV_LOG_UNIFORM_VALUES;
    if (values && form->min <= 0)
        return sweep_form_fail(r, yaml_tree_find(&r->from->tree, r->body, "min"), err,
                               "min has to be above 0, as its logarithm is taken");
    if (form->kind == DISTRIBUTION_INT_UNIFORM) {
        if (!is_whole_bound(r, "min") || !is_whole_bound(r, "max"))
            return sweep_form_fail(r, r->body, err,
                                   "min and max of int_uniform have to be whole numbers");
        if (fabs(form->min) > largest_whole || fabs(form->max) > largest_whole)
            return sweep_form_fail(r, r->body, err, "min and max have to lie within 1e15 of 0");
    }
    return STATUS_OK;
}

static status check_numbers(const sweep_form *r, error *err)
{
    const distribution *form = &r->p->form;
    if (r->given & KEY_BOUNDS)
        TRY(check_bounds(r, err));
    if (form->q <= 0)
        return sweep_form_fail(r, yaml_tree_find(&r->from->tree, r->body, "q"), err,
                               "q has to be above 0");
    if (form->sigma <= 0)
        return sweep_form_fail(r, yaml_tree_find(&r->from->tree, r->body, "sigma"), err,
                               "sigma has to be above 0; without spread, give a value");
    if (form->a <= 0 || form->b <= 0 || form->a > largest_beta || form->b > largest_beta)
        return sweep_form_fail(r, r->body, err, "a and b have to be above 0, and at most 1e6");
    return STATUS_OK;
}

/* ---- Trying them ---- */

static status try_place(const sweep_form *r, double u, error *err)
{
    sweep_parameter *p = r->p;
    char *text = sweep_parameter_text(p, u);
    if (!text)
        return error_memory(err, r->from->file->path);
    status result = sweep_try_value(r->row, text, err);
    free(text);
    if (result == STATUS_OK)
        return STATUS_OK;
    return error_prefix(err, STATUS_FAILED, "%s: line %d: '%s' reaches from %.6g to %.6g",
                        r->from->file->path, p->line, p->name, distribution_value(&p->form, 0),
                        distribution_value(&p->form, 1));
}

/* Whether ends that there may be are hardly ever met. */
static bool has_thin_ends(distribution_kind kind)
{
    return distribution_is_endless(kind) || kind == DISTRIBUTION_BETA ||
           kind == DISTRIBUTION_Q_BETA;
}

/* Both ends; where those are thin, what one draw in 16000 leaves on either side: four sigma. */
static status try_ends(const sweep_form *r, error *err)
{
    const double tail = has_thin_ends(r->p->form.kind) ? 3.167e-5 : 0;
    bool number = r->row->kind == OPTION_INT || r->row->kind == OPTION_U64;
    if (number && !r->p->whole)
        return yaml_tree_fail(&r->from->tree, r->body, err,
                              "'%s': --%s takes whole numbers, and %s gives others; write min and "
                              "max without a point, or use q_uniform with a whole q",
                              r->p->name, r->row->name, distribution_name(r->p->form.kind));
    TRY(try_place(r, tail, err));
    return try_place(r, 1 - tail, err);
}

/* ---- All of it ---- */

status sweep_read_form(sweep_form *r, error *err)
{
    sweep_parameter *p = r->p;
    yaml_tree *tree = &r->from->tree;
    if (r->body->type != YAML_MAPPING_NODE)
        return sweep_form_fail(r, r->body, err,
                               "has to say what it is: 'value: X' for a constant, 'values: [X, "
                               "Y]', or 'min: X' and 'max: Y', below it");
    TRY(yaml_tree_check_keys(tree, r->body, form_keys, "a parameter", err));
    for (size_t i = 0; form_keys[i]; i++)
        if (yaml_tree_find(tree, r->body, form_keys[i]))
            r->given |= 1u << i;
    TRY(read_kind(r, err));
    TRY(check_form_keys(r, err));
    if (distribution_is_listed(p->form.kind)) {
        TRY(sweep_read_values(r, err));
        return r->given & KEY_PROBABILITIES ? sweep_read_probabilities(r, err) : STATUS_OK;
    }
    TRY(read_numbers(r, err));
    TRY(check_numbers(r, err));
    p->whole = p->form.kind == DISTRIBUTION_INT_UNIFORM ||
               (distribution_is_stepped(p->form.kind) && p->form.q == floor(p->form.q));
    return try_ends(r, err);
}

/* Training computes in float32: the shortest text of the same one. Of what is none, all digits. */
static char *number_text(double value)
{
    char text[32];
    int digits = fabs(value) >= FLT_MIN && fabs(value) <= FLT_MAX ? FLT_DIG : DBL_DIG;
    do
        snprintf(text, sizeof text, "%.*g", digits, value);
    while (digits++ < FLT_DECIMAL_DIG && (float)strtod(text, NULL) != (float)value);
    return strdup(text);
}

char *sweep_parameter_text(const sweep_parameter *p, double u)
{
    double value = distribution_value(&p->form, u);
    if (p->values)
        return strdup(p->values[(size_t)value]);
    return p->whole ? text_format("%.0f", value) : number_text(value);
}
