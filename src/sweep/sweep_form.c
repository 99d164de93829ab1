/* SPDX-License-Identifier: Apache-2.0 */
/* How a parameter is distributed, and whether its option accepts the values. */
#include "base/text.h"
#include "sweep/sweep_reading.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Limits: above largest_whole, a place in [0, 1] no longer tells neighbouring integers apart; above
 * largest_beta, the incomplete beta function loses digits. */
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

/* Keys that a family needs, and keys that it also allows; a stepped kind allows q besides. */
static const struct family_keys {
    unsigned needed, optional;
} family_keys[] = {
    [FAMILY_CONSTANT] = {KEY_VALUE, 0},
    [FAMILY_CATEGORICAL] = {KEY_VALUES, 0},
    [FAMILY_WEIGHTED] = {KEY_VALUES | KEY_PROBABILITIES, 0},
    [FAMILY_WHOLE] = {KEY_BOUNDS, 0},
    [FAMILY_UNIFORM] = {KEY_BOUNDS, 0},
    [FAMILY_NORMAL] = {0, KEY_NORMAL},
    [FAMILY_BETA] = {0, KEY_BETA},
};

/* A parameter that is being read. */
typedef struct form_reading {
    sweep_reading *from;
    const yaml_node_t *body;
    const option_row *row;
    sweep_parameter *p; /* its name, option and line are set */
    unsigned given;     /* keys in the file, a bit each by their place in form_keys */
} form_reading;

static yaml_node_t *find(const form_reading *r, const char *key)
{
    return yaml_tree_find(&r->from->tree, r->body, key);
}

/* yaml_tree_fail with the parameter's name before the message. */
__attribute__((format(printf, 4, 5))) static status
fail(const form_reading *r, const yaml_node_t *node, error *err, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return sweep_fail(r->from, node, err, "'%s': %s", r->p->name, text);
}

/* ---- Which distribution ---- */

static bool is_whole_bound(const form_reading *r, const char *key)
{
    double value;
    bool whole = false;
    return yaml_tree_is_number(find(r, key), &value, &whole) && whole;
}

/* Infers the distribution from the keys, as wandb does. */
static status infer_kind(form_reading *r, error *err)
{
    distribution *form = &r->p->form;
    if (r->given & KEY_VALUE)
        form->kind = DISTRIBUTION_CONSTANT;
    else if (r->given & KEY_PROBABILITIES)
        form->kind = DISTRIBUTION_CATEGORICAL_W_PROBABILITIES;
    else if (r->given & KEY_VALUES)
        form->kind = DISTRIBUTION_CATEGORICAL;
    else if ((r->given & KEY_BOUNDS) != KEY_BOUNDS)
        return fail(r, r->body, err,
                    "needs a value, a list of values, min and max, or a distribution");
    else if (is_whole_bound(r, "min") && is_whole_bound(r, "max"))
        form->kind = DISTRIBUTION_INT_UNIFORM;
    else
        form->kind = DISTRIBUTION_UNIFORM;
    return STATUS_OK;
}

static status read_kind(form_reading *r, error *err)
{
    const char *names[DISTRIBUTION_COUNT + 1] = {NULL};
    int kind = 0;
    if (!(r->given & KEY_DISTRIBUTION))
        return infer_kind(r, err);
    for (int i = 0; i < DISTRIBUTION_COUNT; i++)
        names[i] = distribution_forms[i].name;
    TRY(yaml_tree_read_choice(&r->from->tree, r->body, "distribution", names, &kind, err));
    r->p->form.kind = (distribution_kind)kind;
    return STATUS_OK;
}

/* Writes the names of a set of keys: "min, max". */
static void list_keys(unsigned keys, char *text, size_t capacity)
{
    text[0] = '\0';
    for (size_t i = 0; form_keys[i]; i++) {
        size_t used = strlen(text);
        if (keys & 1u << i)
            snprintf(text + used, capacity - used, "%s%s", used ? ", " : "", form_keys[i]);
    }
}

/* Checks that all needed keys are there, and that all keys are allowed. */
static status check_form_keys(const form_reading *r, error *err)
{
    const distribution_form *kind = &distribution_forms[r->p->form.kind];
    const unsigned needed = family_keys[kind->family].needed;
    const unsigned allowed =
        needed | family_keys[kind->family].optional | (kind->traits & STEPPED ? KEY_Q : 0);
    char keys[128];
    list_keys(allowed, keys, sizeof keys);
    if ((r->given & needed) != needed)
        return fail(r, r->body, err, "%s needs %s", kind->name, keys);
    for (size_t i = 0; form_keys[i]; i++)
        if (r->given & ~allowed & ~KEY_DISTRIBUTION & 1u << i)
            return fail(r, find(r, form_keys[i]), err,
                        "%s has no meaning for %s, which accepts %s%s", form_keys[i], kind->name,
                        keys, r->given & KEY_DISTRIBUTION ? "" : "; name another distribution");
    return STATUS_OK;
}

/* ---- Numbers ---- */

static status read_numbers(form_reading *r, error *err)
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

static status check_bounds(const form_reading *r, error *err)
{
    const distribution *form = &r->p->form;
    if (form->min > form->max)
        return fail(r, find(r, "min"), err, "min is above max; swap them");
    if (distribution_forms[form->kind].traits & OF_VALUES && form->min <= 0)
        return fail(r, find(r, "min"), err,
                    "min has to be above 0, because its logarithm is taken");
    if (form->kind == DISTRIBUTION_INT_UNIFORM) {
        if (!is_whole_bound(r, "min") || !is_whole_bound(r, "max"))
            return fail(r, r->body, err, "min and max of int_uniform have to be whole numbers");
        if (fabs(form->min) > largest_whole || fabs(form->max) > largest_whole)
            return fail(r, r->body, err, "min and max have to be between -1e15 and 1e15");
    }
    return STATUS_OK;
}

static status check_numbers(const form_reading *r, error *err)
{
    const distribution *form = &r->p->form;
    if (r->given & KEY_BOUNDS)
        TRY(check_bounds(r, err));
    if (form->q <= 0)
        return fail(r, find(r, "q"), err, "q has to be above 0");
    if (form->sigma <= 0)
        return fail(r, find(r, "sigma"), err,
                    "sigma has to be above 0; for a single value, use the key value");
    if (form->a <= 0 || form->b <= 0 || form->a > largest_beta || form->b > largest_beta)
        return fail(r, r->body, err, "a and b have to be above 0 and at most 1e6");
    return STATUS_OK;
}

/* ---- Trying them ---- */

static status try_place(const form_reading *r, double u, error *err)
{
    sweep_parameter *p = r->p;
    char *text = sweep_parameter_text(p, u);
    TRY(got_memory(text, err, r->from->file->path));
    status result = sweep_try_value(r->row, text, err);
    free(text);
    if (result == STATUS_OK)
        return STATUS_OK;
    return error_prefix(err, STATUS_FAILED, "%s: line %d: '%s' ranges from %.6g to %.6g",
                        r->from->file->path, p->line, p->name, distribution_value(&p->form, 0),
                        distribution_value(&p->form, 1));
}

/* Tries both ends of the range. Distributions with thin tails are tried at four sigma instead,
 * beyond which one draw in 16000 falls. */
static status try_ends(const form_reading *r, error *err)
{
    const double tail = distribution_forms[r->p->form.kind].family >= FAMILY_NORMAL ? 3.167e-5 : 0;
    bool number = r->row->kind == OPTION_INT || r->row->kind == OPTION_U64;
    if (number && !r->p->whole)
        return fail(r, r->body, err,
                    "--%s accepts only whole numbers, and %s gives others; write min and max "
                    "without a point, or use q_uniform with a whole q",
                    r->row->name, distribution_forms[r->p->form.kind].name);
    TRY(try_place(r, tail, err));
    return try_place(r, 1 - tail, err);
}

/* ---- Values ---- */

/* The text of a value as its option accepts it. */
static status read_text(const form_reading *r, const yaml_node_t *node, char **text, error *err)
{
    bool flag;
    *text = NULL;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): items exist. */
    if (node->type == YAML_SEQUENCE_NODE && yaml_tree_count(node) == 0)
        return fail(r, node, err, "an empty list is not a value");
    if (node->type == YAML_MAPPING_NODE)
        return fail(r, node, err,
                    "a value has to be a word, a number or a list; to group options, write "
                    "'parameters:' above them");
    if (node->type == YAML_SCALAR_NODE && yaml_tree_is_null(node))
        return fail(r, node, err,
                    "null is not a value; write the word that you mean, such as none or default, "
                    "or leave the parameter out");
    bool is_flag = r->row->kind == OPTION_FLAG && yaml_tree_is_flag(node, &flag);
    if (!is_flag)
        return yaml_tree_join(&r->from->tree, node, text, err);
    *text = strdup(flag ? "true" : "false");
    return got_memory(*text, err, r->from->file->path);
}

/* Whether two texts mean the same to the option. */
static bool same_value(const option_row *row, const char *a, const char *b)
{
    bool number = row->kind == OPTION_DOUBLE || row->kind == OPTION_INT;
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): they were read. */
    return strcmp(a, b) == 0 || (number && strtod(a, NULL) == strtod(b, NULL));
}

static status read_value(const form_reading *r, const yaml_node_t *node, error *err)
{
    sweep_parameter *p = r->p;
    char **text = &p->values[p->form.count++];
    TRY(read_text(r, node, text, err));
    if (sweep_try_value(r->row, *text, err) != STATUS_OK)
        return error_prefix(err, STATUS_FAILED, "%s: line %zu: '%s'", r->from->file->path,
                            yaml_tree_line(node), p->name);
    for (size_t i = 0; i + 1 < p->form.count; i++)
        if (same_value(r->row, p->values[i], *text))
            return fail(r, node, err,
                        "the value %s is listed twice; give probabilities to try one more often",
                        *text);
    return STATUS_OK;
}

/* form.count rises with each value, so that after an error the values read so far can be freed. */
static status read_values(form_reading *r, error *err)
{
    yaml_tree *tree = &r->from->tree;
    const yaml_node_t *value = find(r, "value");
    const yaml_node_t *list = value ? NULL : find(r, "values");
    if (list)
        TRY(yaml_tree_expect(tree, list, YAML_SEQUENCE_NODE, "values", err));
    size_t count = list ? yaml_tree_count(list) : 1;
    if (count == 0)
        return fail(r, list, err, "values is empty; list the values to try");
    r->p->values = calloc(count, sizeof *r->p->values);
    TRY(got_memory(r->p->values, err, r->from->file->path));
    for (size_t i = 0; i < count; i++)
        TRY(read_value(r, list ? yaml_tree_item(tree, list, i) : value, err));
    return STATUS_OK;
}

static status read_probabilities(form_reading *r, error *err)
{
    const double slack = 1e-6; /* because 1/3 has to be rounded */
    yaml_tree *tree = &r->from->tree;
    sweep_parameter *p = r->p;
    const yaml_node_t *list = find(r, "probabilities");
    double sum = 0;
    TRY(yaml_tree_expect(tree, list, YAML_SEQUENCE_NODE, "probabilities", err));
    if (yaml_tree_count(list) != p->form.count)
        return fail(r, list, err, "there are %zu probabilities for %zu values; give one for each",
                    yaml_tree_count(list), p->form.count);
    p->probabilities = calloc(p->form.count, sizeof *p->probabilities);
    TRY(got_memory(p->probabilities, err, r->from->file->path));
    for (size_t i = 0; i < p->form.count; i++) {
        const yaml_node_t *item = yaml_tree_item(tree, list, i);
        if (!yaml_tree_is_number(item, &p->probabilities[i], NULL) || p->probabilities[i] < 0 ||
            p->probabilities[i] > 1)
            return fail(r, item, err, "a probability has to be a number from 0 to 1");
        sum += p->probabilities[i];
    }
    if (fabs(sum - 1) > slack)
        return fail(r, list, err, "the probabilities sum to %g, not to 1", sum);
    p->form.probabilities = p->probabilities;
    return STATUS_OK;
}

/* ---- All of it ---- */

status sweep_read_form(sweep_reading *from, const yaml_node_t *body, const option_row *row,
                       sweep_parameter *p, error *err)
{
    form_reading r = {.from = from, .body = body, .row = row, .p = p};
    if (body->type != YAML_MAPPING_NODE)
        return fail(&r, body, err,
                    "is not a mapping; write below it 'value: X' for a constant, 'values: [X, Y]', "
                    "or 'min: X' and 'max: Y'");
    TRY(yaml_tree_check_keys(&from->tree, body, form_keys, "a parameter", err));
    for (size_t i = 0; form_keys[i]; i++)
        if (find(&r, form_keys[i]))
            r.given |= 1u << i;
    TRY(read_kind(&r, err));
    TRY(check_form_keys(&r, err));
    const distribution_form *kind = &distribution_forms[p->form.kind];
    if (kind->family <= FAMILY_WEIGHTED) {
        TRY(read_values(&r, err));
        return r.given & KEY_PROBABILITIES ? read_probabilities(&r, err) : STATUS_OK;
    }
    TRY(read_numbers(&r, err));
    TRY(check_numbers(&r, err));
    p->whole =
        kind->family == FAMILY_WHOLE || (kind->traits & STEPPED && p->form.q == floor(p->form.q));
    return try_ends(&r, err);
}

status sweep_try_value(const option_row *row, const char *text, error *err)
{
    union {
        bool flag;
        int whole;
        uint64_t seed;
        double number;
        const char *text;
    } scratch;
    option_row copy = *row;
    copy.at = 0;
    return options_set(&copy, &scratch, text, err);
}

/* The shortest text of the same float32, because training computes in float32. A number outside its
 * range keeps all digits of a double. */
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
