/* SPDX-License-Identifier: Apache-2.0 */
/* The summary that `hcnn-cl sweep` prints, for people and as JSON; see commands.h. */
#include "base/terminal.h"
#include "commands/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_WIDTH = 24 };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static void put_number(const json_t *value)
{
    if (json_is_number(value))
        printf("  %-12.6g", json_number_value(value));
    else
        printf("  %-12s", "-");
}

/* ---- Trials ---- */

/* A trial and the value to sort it by. */
typedef struct ranked {
    const json_t *trial;
    double objective; /* smaller is better */
    int has;
} ranked;

static int compare(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->has != y->has)
        return y->has - x->has;
    return (x->objective > y->objective) - (x->objective < y->objective);
}

static void print_trial(const json_t *trial)
{
    const char *name;
    json_t *value;
    command_put(text_of(trial, "run"), NAME_WIDTH);
    terminal_print(stdout, " %-12s", text_of(trial, "state"));
    put_number(json_object_get(trial, "objective"));
    json_object_foreach(json_object_get(trial, "parameters"), name, value)
    {
        printf("  ");
        terminal_put(stdout, name);
        putchar('=');
        terminal_put(stdout, json_is_string(value) ? json_string_value(value) : "-");
    }
    if (json_is_string(json_object_get(trial, "message"))) {
        printf("  (");
        terminal_put(stdout, text_of(trial, "message"));
        putchar(')');
    }
    putchar('\n');
}

static status print_trials(const json_t *summary, error *err)
{
    const json_t *trials = json_object_get(summary, "trials");
    size_t count = json_array_size(trials);
    int sign = strcmp(text_of(summary, "goal"), "maximize") == 0 ? -1 : 1;
    ranked *order = calloc(count + 1, sizeof *order);
    TRY(got_memory(order, err, "the table of trials"));
    for (size_t i = 0; i < count; i++) {
        const json_t *trial = json_array_get(trials, i);
        const json_t *objective = json_object_get(trial, "objective");
        order[i] = (ranked){trial, sign * json_number_value(objective), json_is_number(objective)};
    }
    qsort(order, count, sizeof *order, compare);
    terminal_print(stdout, "%-*s %-12s  %s\n", NAME_WIDTH, "RUN", "STATE",
                   text_of(summary, "metric"));
    for (size_t i = 0; i < count; i++)
        print_trial(order[i].trial);
    free(order);
    return STATUS_OK;
}

/* ---- Importance, the best run, JSON ---- */

static void print_importance(const json_t *summary)
{
    size_t i;
    json_t *one;
    printf("\n%-*s  %-12s  %s\n", NAME_WIDTH, "PARAMETER", "CORRELATION", "SHARE OF VARIANCE");
    json_array_foreach(json_object_get(summary, "importance"), i, one)
    {
        command_put(text_of(one, "name"), NAME_WIDTH);
        put_number(json_object_get(one, "correlation"));
        put_number(json_object_get(one, "share"));
        putchar('\n');
    }
}

status command_print_summary(const json_t *summary, error *err)
{
    const json_t *best = json_object_get(summary, "best");
    json_int_t damaged = json_integer_value(json_object_get(summary, "damaged"));
    TRY(print_trials(summary, err));
    if (damaged > 0)
        printf("%lld trial%s left out: the record in the store of runs is damaged\n", damaged,
               damaged == 1 ? " is" : "s are");
    print_importance(summary);
    if (!json_is_object(best))
        return STATUS_OK;
    printf("\nbest: ");
    terminal_put(stdout, text_of(best, "run"));
    terminal_print(stdout, ", %s %g\n", text_of(summary, "metric"),
                   json_number_value(json_object_get(best, "objective")));
    terminal_put(stdout, text_of(best, "command"));
    putchar('\n');
    return STATUS_OK;
}

static status print_line(const char *key, const json_t *value, error *err)
{
    return command_print_json(json_pack("{s:O}", key, value), JSON_LINE(9), err);
}

static status print_lines(const json_t *summary, const char *list, const char *key, error *err)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(summary, list), i, one) TRY(print_line(key, one, err));
    return STATUS_OK;
}

status command_print_summary_json(const json_t *summary, error *err)
{
    json_t *head = json_copy((json_t *)summary);
    json_object_del(head, "trials");
    json_object_del(head, "importance");
    json_object_del(head, "best");
    status result = print_line("sweep", head, err);
    json_decref(head);
    TRY(result);
    TRY(print_lines(summary, "trials", "trial", err));
    TRY(print_lines(summary, "importance", "importance", err));
    return print_line("best", json_object_get(summary, "best"), err);
}
