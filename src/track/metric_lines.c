/* SPDX-License-Identifier: Apache-2.0 */
/* See metric_lines.h. */
#include "track/metric_lines.h"
#include "track/metric_table.h"

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

/* The name that stays for "PREFIX" "KEY", or NULL. */
static const char *find_name(const char *prefix, const char *key)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; metric_names[i]; i++)
        if (strncmp(metric_names[i], prefix, length) == 0 &&
            strcmp(metric_names[i] + length, key) == 0)
            return metric_names[i];
    return NULL;
}

/* The values of an object, behind the `count` that there are. */
static size_t add_values(const json_t *object, const char *prefix, uint64_t step,
                         run_metric values[METRICS_OF_LINE], size_t count)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const char *name = find_name(prefix, key);
        bool fits =
            name && count < METRICS_OF_LINE && (json_is_number(value) || json_is_null(value));
        if (fits)
            values[count++] =
                (run_metric){name, step, json_is_null(value) ? NAN : json_number_value(value)};
    }
    return count;
}

size_t metric_line_values(const json_t *line, uint64_t *step, run_metric values[METRICS_OF_LINE])
{
    static const struct part {
        const char *key, *prefix;
    } parts[] = {{"train", "train/"},
                 {"validation", "validation/"},
                 {"test_half", "test_half/"},
                 {"test_whole", "test/"}};
    const json_t *own = json_object_get(line, "step");
    own = own ? own : json_object_get(line, "steps");
    if (json_is_integer(own) && json_integer_value(own) >= 0)
        *step = (uint64_t)json_integer_value(own);
    size_t count = add_values(line, "", *step, values, 0);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        count =
            add_values(json_object_get(line, parts[i].key), parts[i].prefix, *step, values, count);
    return count;
}
