/* SPDX-License-Identifier: Apache-2.0 */
/* See metric_lines.h. */
#include "track/metric_lines.h"
#include "base/json_values.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define OF_TRAIN(member, name, ...)      "train/" name,
#define OF_VALIDATION(member, name, ...) "validation/" name,
#define OF_TEST_HALF(member, name, ...)  "test_half/" name,
#define OF_TEST(member, name, ...)       "test/" name,

const char *const metric_names[] = {
    "loss",
    "coarse_loss",
    "fine_loss",
    "lr",
    "epoch",
    "seconds",
    "images_per_second",
    "coarse_weight",
    "fine_weight",
    "train/loss",
    "validation/loss",
    "test_half/loss",
    "test/loss",
    METRICS(OF_TRAIN) METRICS(OF_VALIDATION) METRICS(OF_TEST_HALF) METRICS(OF_TEST) NULL,
};

/* The prefix of the names of each part's metrics; only that of test_whole differs from its key. */
static const struct part {
    const char *key, *prefix;
} parts[] = {{"train", "train/"},
             {"validation", "validation/"},
             {"test_half", "test_half/"},
             {"test_whole", "test/"}};
enum { PARTS = sizeof parts / sizeof parts[0] };

/* The entry of metric_names that is "PREFIX" "KEY"; NULL if that is not a metric. */
static const char *find_name(const char *prefix, const char *key)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; metric_names[i]; i++)
        if (strncmp(metric_names[i], prefix, length) == 0 &&
            strcmp(metric_names[i] + length, key) == 0)
            return metric_names[i];
    return NULL;
}

void metric_line_add(metric_line *line, const char *part, const char *key, enum metric_form form,
                     double value)
{
    assert(line->count < METRICS_OF_LINE);
    line->values[line->count++] = (metric_value){part, key, form, value};
}

static json_t *value_to_json(const metric_value *v)
{
    switch (v->form) {
    case METRIC_WHOLE:
        return json_integer((json_int_t)v->value);
    case METRIC_FLAG:
        return json_boolean(v->value != 0);
    default:
        return number_to_json(v->value);
    }
}

json_t *metric_line_to_json(const metric_line *line)
{
    json_t *root = json_object();
    bool whole = root;
    for (size_t i = 0; whole && i < line->count; i++) {
        const metric_value *v = &line->values[i];
        if (v->part && !json_object_get(root, v->part))
            json_object_set_new(root, v->part, json_object());
        json_t *to = v->part ? json_object_get(root, v->part) : root;
        whole = json_object_set_new(to, v->key, value_to_json(v)) == 0;
    }
    if (whole)
        return root;
    json_decref(root);
    return NULL;
}

static const char *prefix_of(const char *part)
{
    for (size_t i = 0; part && i < PARTS; i++)
        if (strcmp(parts[i].key, part) == 0)
            return parts[i].prefix;
    return "";
}

size_t metric_line_metrics(const metric_line *line, run_metric metrics[METRICS_OF_LINE])
{
    size_t count = 0;
    for (size_t i = 0; i < line->count; i++) {
        const metric_value *v = &line->values[i];
        const char *name = find_name(prefix_of(v->part), v->key);
        if (name)
            metrics[count++] = (run_metric){name, line->step, v->value};
    }
    return count;
}

/* ---- Reading ---- */

/* Appends the metrics of an object to the first `count` ones; returns the new count. */
static size_t add_metrics(const json_t *object, const char *prefix, uint64_t step,
                          run_metric metrics[METRICS_OF_LINE], size_t count)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const char *name = find_name(prefix, key);
        bool fits =
            name && count < METRICS_OF_LINE && (json_is_number(value) || json_is_null(value));
        if (fits)
            metrics[count++] =
                (run_metric){name, step, json_is_null(value) ? NAN : json_number_value(value)};
    }
    return count;
}

size_t metric_line_parse(const json_t *line, uint64_t *step, run_metric metrics[METRICS_OF_LINE])
{
    const json_t *own = json_object_get(line, "step");
    own = own ? own : json_object_get(line, "steps");
    if (json_is_integer(own) && json_integer_value(own) >= 0)
        *step = (uint64_t)json_integer_value(own);
    size_t count = add_metrics(line, "", *step, metrics, 0);
    for (size_t i = 0; i < PARTS; i++)
        count = add_metrics(json_object_get(line, parts[i].key), parts[i].prefix, *step, metrics,
                            count);
    return count;
}

bool metric_line_follows(const json_t *line, uint64_t *step)
{
    const json_t *own = json_object_get(line, "step"), *so_far = json_object_get(line, "steps");
    uint64_t before = *step;
    if (json_is_integer(own) && json_object_get(line, "fine_loss")) {
        *step = (uint64_t)json_integer_value(own);
        return json_integer_value(own) > 0 && *step > before;
    }
    if (json_is_integer(so_far) && json_is_object(json_object_get(line, "train"))) {
        *step = (uint64_t)json_integer_value(so_far);
        return json_integer_value(so_far) > 0 && *step >= before;
    }
    return json_is_integer(json_object_get(line, "best_epoch"));
}

bool metric_line_begins(const char *text)
{
    static const char *const starts[] = {"{\"step\":", "{\"epoch\":", "{\"best_epoch\":"};
    size_t length = strlen(text);
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t most = strlen(starts[i]);
        if (strncmp(text, starts[i], length < most ? length : most) == 0)
            return true;
    }
    return false;
}
