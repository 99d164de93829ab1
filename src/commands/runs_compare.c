/* SPDX-License-Identifier: Apache-2.0 */
/* How runs differ; see runs.h. */
#include "base/json_values.h"
#include "base/text.h"
#include "commands/commands.h"
#include "commands/runs.h"
#include "track/run_values.h"

#include <stdlib.h>
#include <string.h>

/* Adds a row for each option of the first run whose values differ. */
static status add_differing(const runs_choice *l, words *keys, error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(l->runs[0]->config, key, value)
    {
        bool differs = false;
        for (size_t i = 1; i < l->count; i++)
            differs |= !json_equal(value, json_object_get(l->runs[i]->config, key));
        if (differs)
            TRY(words_add(keys, key, strlen(key), err));
    }
    return STATUS_OK;
}

/* Adds a row for each metric that one of the runs logged once per epoch: its name has a '/'. */
static status add_metrics(const runs_choice *l, words *keys, error *err)
{
    status result = STATUS_OK;
    json_t *seen = json_object(); /* the names so far */
    for (size_t i = 0; result == STATUS_OK && i < l->count; i++) {
        words names;
        result = run_store_names(l->store, l->runs[i]->id, &names, err);
        for (size_t n = 0; result == STATUS_OK && n < names.count; n++) {
            const char *name = names.texts[n];
            if (!strchr(name, '/') || json_object_get(seen, name))
                continue;
            json_object_set_new_nocheck(seen, name, json_true());
            result = words_add(keys, name, strlen(name), err);
        }
        words_free(&names);
    }
    json_decref(seen);
    return result;
}

static status print_lines(const runs_table *t, error *err)
{
    for (size_t k = 0; k < t->rows; k++) {
        json_t *values = json_object();
        for (size_t c = 0; c < t->columns; c++) {
            json_t *name = text_to_json(t->headings[c]);
            json_t *cell = json_incref(t->cells[k * t->columns + c]);
            values = object_put(values, json_string_value(name), cell);
            json_decref(name);
        }
        json_t *line = json_pack("{s:o, s:o}", "key", text_to_json(t->keys[k]), "values", values);
        TRY(command_print_json(line, JSON_LINE(RUNS_DIGITS), err));
    }
    return STATUS_OK;
}

static status print_comparison(const runs_choice *l, bool json, const words *keys, error *err)
{
    const char **names = calloc(l->count, sizeof *names);
    runs_table t = {names, (const char *const *)keys->texts,
                    calloc(keys->count * l->count, sizeof *t.cells), l->count, keys->count};
    status result;
    TRY_OR_DONE(got_memory(t.cells && names, err, "the comparison of runs"));
    for (size_t r = 0; r < l->count; r++)
        names[r] = l->runs[r]->name;
    for (size_t i = 0; i < t.rows * t.columns; i++)
        TRY_OR_DONE(run_value(l->store, l->runs[i % t.columns], t.keys[i / t.columns], &t.cells[i],
                              NULL, err));
    result = json ? print_lines(&t, err) : runs_print_table(&t, err);
done:
    runs_free_cells(t.cells, t.rows * t.columns);
    free(names);
    return result;
}

status runs_compare(const runs_choice *l, bool json, error *err)
{
    static const char own[] = "state,step,seconds,device,version";
    words keys;
    status result;
    if (l->count < 2)
        return error_set(err, STATUS_USAGE, "--compare needs two runs or more; there %s %zu",
                         l->count == 1 ? "is" : "are", l->count);
    TRY_OR_DONE(words_split(own, &keys, err));
    TRY_OR_DONE(add_differing(l, &keys, err));
    TRY_OR_DONE(add_metrics(l, &keys, err));
    TRY_OR_DONE(print_comparison(l, json, &keys, err));
done:
    words_free(&keys);
    return result;
}
