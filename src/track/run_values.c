/* SPDX-License-Identifier: Apache-2.0 */
/* See run_values.h. */
#include "track/run_values.h"
#include "base/json_values.h"
#include "base/options.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- By key ---- */

/* The member of an object, borrowed, or NULL. */
static json_t *find_member(const json_t *object, const char *key)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (options_same_name(name, key))
            return value;
    }
    return NULL;
}

/* Whole seconds, because a real number would be written with too few digits; null for 0, which
 * means never. */
static json_t *time_or_null(double seconds)
{
    return seconds > 0 ? json_integer((json_int_t)seconds) : json_null();
}

/* A new reference, or NULL if the key is none of these. */
static json_t *own_value(const run_record *run, const char *key)
{
    const struct {
        const char *key, *text;
    } texts[] = {{"name", run->name},       {"state", run_state_name(run->state)},
                 {"version", run->version}, {"device", run->device},
                 {"driver", run->driver},   {"host", run->host},
                 {"message", run->message}, {"directory", run->directory}};
    const struct {
        const char *key;
        double value;
    } times[] = {{"started", run->started}, {"ended", run->ended}, {"updated", run->updated}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (options_same_name(texts[i].key, key))
            return text_to_json(texts[i].text);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (options_same_name(times[i].key, key))
            return time_or_null(times[i].value);
    if (options_same_name("seconds", key)) /* the clock may have been set back */
        return number_to_json(
            run->started > 0 && run->updated >= run->started ? run->updated - run->started : NAN);
    return options_same_name("step", key) ? json_integer((json_int_t)run->step) : NULL;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

bool run_metric_rises(const char *name)
{
    return strstr(name, "_top") || ends_with(name, "agreement");
}

/* The last value of a test counts: taking the best would be a choice made by the test. */
static double best_of(const run_series *series)
{
    bool tested = strncmp(series->name, "test", strlen("test")) == 0;
    bool rises = run_metric_rises(series->name), falls = ends_with(series->name, "loss");
    double best = NAN;
    for (size_t i = 0; i < series->count; i++) {
        double value = series->values[i];
        if (isnan(best) || tested || (!rises && !falls) || (rises && value > best) ||
            (falls && value < best))
            best = value;
    }
    return best;
}

/* '-' is read as '_', because names of metrics have no '-'. */
static status best_value(run_store *store, const run_record *run, const char *key, json_t **value,
                         bool *known, error *err)
{
    run_series series;
    char *name = strdup(key);
    TRY(got_memory(name, err, key));
    for (char *at = name; *at; at++)
        *at = *at == '-' ? '_' : *at;
    status result = run_store_series(store, run->id, name, &series, err);
    free(name);
    TRY(result);
    if (known)
        *known = series.count > 0;
    *value = number_to_json(best_of(&series));
    run_series_free(&series);
    return STATUS_OK;
}

status run_value(run_store *store, const run_record *run, const char *key, json_t **value,
                 bool *known, error *err)
{
    if (known)
        *known = true;
    *value = own_value(run, key);
    json_t *member = *value ? NULL : find_member(run->config, key);
    if (!*value && !member)
        member = find_member(run->summary, key);
    if (member)
        *value = json_incref(member);
    if (!*value)
        TRY(best_value(store, run, key, value, known, err));
    if (*value && !json_lost_memory())
        return STATUS_OK;
    json_decref(*value);
    *value = NULL;
    return error_memory(err, key);
}

/* ---- Comparing ---- */

/* Whether it is a number or the text of one. */
static bool read_number(const json_t *value, double *number)
{
    char *end;
    const char *text = json_string_value(value);
    *number = json_number_value(value);
    if (text)
        *number = strtod(text, &end);
    return text ? *text && *end == '\0' : json_is_number(value);
}

static const char *text_of(const json_t *value)
{
    return json_is_true(value) ? "true" : json_is_false(value) ? "false" : json_string_value(value);
}

int run_value_compare(const json_t *a, const json_t *b)
{
    double x, y;
    bool first = read_number(a, &x), second = read_number(b, &y);
    if (first && second)
        return (x > y) - (x < y);
    if (first || second)
        return first ? -1 : 1;
    const char *s = text_of(a), *t = text_of(b);
    if (s && t)
        return strcmp(s, t);
    return s ? -1 : t != NULL;
}

static const struct {
    const char *text;
    int holds;
} operators[] = {{"!=", CONDITION_BELOW | CONDITION_ABOVE},
                 {"<=", CONDITION_BELOW | CONDITION_EQUAL},
                 {">=", CONDITION_EQUAL | CONDITION_ABOVE},
                 {"=", CONDITION_EQUAL},
                 {"<", CONDITION_BELOW},
                 {">", CONDITION_ABOVE}};

status run_condition_parse(const char *text, run_condition *c, error *err)
{
    const size_t key = strcspn(text, "=!<>");
    const char *fault = key == 0 && text[key] ? "has no key" : "is not a condition";
    *c = (run_condition){0};
    for (size_t i = 0; key > 0 && i < sizeof operators / sizeof operators[0]; i++) {
        const char *value = text_after(text + key, operators[i].text);
        if (!value)
            continue;
        fault = *value ? "has two operators" : "has no value";
        if (!*value || *value == '=')
            break;
        *c = (run_condition){strndup(text, key), strdup(value), operators[i].holds};
        return got_memory(c->key && c->value, err, text);
    }
    return error_set(err, STATUS_USAGE,
                     "'%s': %s; expected KEY=VALUE, or one of != < <= > >= in place of =", text,
                     fault);
}

void run_condition_free(run_condition *c)
{
    free(c->key);
    free(c->value);
    *c = (run_condition){0};
}

bool run_condition_holds(const run_condition *c, const json_t *value)
{
    json_t *wanted = text_to_json(c->value);
    if (!wanted || json_is_null(value)) {
        json_decref(wanted);
        return false;
    }
    int order = run_value_compare(value, wanted);
    json_decref(wanted);
    return c->holds & (order < 0    ? CONDITION_BELOW
                       : order == 0 ? CONDITION_EQUAL
                                    : CONDITION_ABOVE);
}

bool run_condition_suits(const run_condition *c, const json_t *value)
{
    double number;
    json_t *wanted = text_to_json(c->value);
    bool suits = !json_is_number(value) || (wanted && read_number(wanted, &number));
    json_decref(wanted);
    return suits;
}
