/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs `hcnn-cl runs` shows, and in which order; see runs.h. */
#include "base/json_values.h"
#include "base/text.h"
#include "commands/runs.h"
#include "track/metric_lines.h"
#include "track/run_store.h"
#include "track/run_values.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* Adds the named run. If the operand is a directory, it has to be beside the store. */
static status choose_named(runs_choice *l, const char *store_path, const char *operand, error *err)
{
    char *store, *name;
    size_t i = 0;
    status result = STATUS_OK;
    TRY(run_path_split(operand, &store, &name, err));
    while (i < l->all.count && strcmp(l->all.runs[i].name, name) != 0)
        i++;
    if (strchr(operand, '/') && !is_same_file(store, store_path))
        result = error_set(err, STATUS_USAGE,
                           "%s: its store is %s, but this command reads %s; name only runs of "
                           "one store",
                           operand, store, store_path);
    else if (i == l->all.count)
        result =
            error_set(err, STATUS_FAILED,
                      "%s: the store does not have a run %s; `hcnn-cl runs` lists its runs, and "
                      "`hcnn-cl runs --add DIRECTORY` records one from its directory",
                      store_path, operand);
    else
        l->runs[l->count++] = &l->all.runs[i];
    free(name);
    free(store);
    return result;
}

status runs_choice_make(run_store *store, const char *store_path, const operands *names,
                        runs_choice *made, error *err)
{
    *made = (runs_choice){.store = store};
    TRY(run_store_list(store, &made->all, err));
    size_t most = made->all.count + (size_t)names->count;
    made->runs = calloc(most ? most : 1, sizeof(run_record *));
    TRY(got_memory(made->runs, err, "the list of runs"));
    for (size_t i = 0; names->count == 0 && i < made->all.count; i++)
        made->runs[made->count++] = &made->all.runs[i];
    for (int i = 0; i < names->count; i++)
        TRY(choose_named(made, store_path, names->values[i], err));
    return STATUS_OK;
}

void runs_choice_free(runs_choice *c)
{
    free(c->runs);
    run_list_free(&c->all);
    *c = (runs_choice){0};
}

/* Whether a run can log this metric, even if no run of the store has logged it. */
static bool is_metric(const char *key)
{
    for (size_t i = 0; metric_names[i]; i++)
        if (options_same_name(metric_names[i], key))
            return true;
    return false;
}

status runs_choice_check_key(const runs_choice *c, const char *option, const char *key, error *err)
{
    bool known = is_metric(key) || c->all.count == 0;
    for (size_t i = 0; !known && i < c->all.count; i++) {
        json_t *value;
        TRY(run_value(c->store, &c->all.runs[i], key, &value, &known, err));
        json_decref(value);
    }
    return known
               ? STATUS_OK
               : error_set(err, STATUS_USAGE,
                           "%s: no run has the key '%s'; expected an option, a metric or a fact of "
                           "these runs, which --json shows",
                           option, key);
}

/* Refuses a key that no run has, and a state that does not exist. */
static status check_condition(const runs_choice *l, const run_condition *c, error *err)
{
    int known;
    TRY(runs_choice_check_key(l, "--where", c->key, err));
    if (options_same_name("state", c->key) &&
        word_list_expect(&run_states, "state", c->value, &known, err) != STATUS_OK)
        return error_prefix(err, STATUS_USAGE, "--where");
    return STATUS_OK;
}

/* Whether a run meets the condition. STATUS_USAGE if that compares the run's number with a word. */
static status meets(run_store *store, const run_record *run, const run_condition *c, bool *answer,
                    error *err)
{
    json_t *value;
    TRY(run_value(store, run, c->key, &value, NULL, err));
    bool suits = run_condition_suits(c, value);
    *answer = run_condition_holds(c, value);
    json_decref(value);
    TRY(got_memory(!json_lost_memory(), err, c->key));
    return suits ? STATUS_OK
                 : error_set(err, STATUS_USAGE,
                             "--where: %s is a number, but its condition has '%s'; expected a "
                             "number there",
                             c->key, c->value);
}

/* Keeps the runs that meet one condition. */
static status keep(runs_choice *l, const char *text, error *err)
{
    run_condition condition;
    size_t kept = 0;
    status result = run_condition_parse(text, &condition, err);
    if (result != STATUS_OK)
        TRY_OR_DONE(error_prefix(err, result, "--where"));
    TRY_OR_DONE(check_condition(l, &condition, err));
    for (size_t i = 0; i < l->count; i++) {
        bool met;
        TRY_OR_DONE(meets(l->store, l->runs[i], &condition, &met, err));
        if (met)
            l->runs[kept++] = l->runs[i];
    }
    l->count = kept;
done:
    run_condition_free(&condition);
    return result;
}

status runs_choice_filter(runs_choice *l, const char *text, error *err)
{
    words conditions = {0};
    status result = words_split(text, &conditions, err);
    for (size_t i = 0; result == STATUS_OK && i < conditions.count; i++)
        result = keep(l, conditions.texts[i], err);
    words_free(&conditions);
    return result;
}

/* A run and the value to sort it by. */
typedef struct ranked {
    run_record *run;
    json_t *value;
    int sign;
    size_t place; /* so that runs with equal values keep their order */
} ranked;

/* Runs without a value come last in either direction. */
static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    bool none = json_is_null(x->value) || json_is_null(y->value);
    int order = run_value_compare(x->value, y->value) * (none ? 1 : x->sign);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

status runs_choice_sort(runs_choice *l, const char *key, error *err)
{
    int sign = *key == '-' ? -1 : 1;
    key += *key == '-';
    TRY(runs_choice_check_key(l, "--sort", key, err));
    ranked *order = calloc(l->count ? l->count : 1, sizeof *order);
    status result;
    TRY_OR_DONE(got_memory(order, err, "the order of runs"));
    for (size_t i = 0; i < l->count; i++) {
        order[i] = (ranked){l->runs[i], NULL, sign, i};
        TRY_OR_DONE(run_value(l->store, l->runs[i], key, &order[i].value, NULL, err));
    }
    qsort(order, l->count, sizeof *order, compare_ranked);
    for (size_t i = 0; i < l->count; i++)
        l->runs[i] = order[i].run;
done:
    for (size_t i = 0; order && i < l->count; i++)
        json_decref(order[i].value);
    free(order);
    return result;
}
