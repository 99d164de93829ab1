/* SPDX-License-Identifier: Apache-2.0 */
/* See runs_compare.h. */
#include "commands/runs_compare.h"
#include "base/text.h"
#include "commands/commands.h"
#include "commands/runs_table.h"
#include "track/run_values.h"

#include <stdlib.h>
#include <string.h>

/* Options whose values differ are worth a row; "data" of two machines may, too. */
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

/* Each metric that one of them logged, once an epoch. */
static status add_metrics(const runs_choice *l, words *keys, error *err)
{
    for (size_t i = 0; i < l->count; i++) {
        words names;
        status result = run_store_names(l->store, l->runs[i]->id, &names, err);
        for (size_t n = 0; result == STATUS_OK && n < names.count; n++)
            if (strchr(names.texts[n], '/') && !words_hold(keys, names.texts[n]))
                result = words_add(keys, names.texts[n], strlen(names.texts[n]), err);
        words_free(&names);
        TRY(result);
    }
    return STATUS_OK;
}

static status print_comparison(const runs_choice *l, bool json, const words *keys,
                               json_t *const *cells, const char **names, error *err)
{
    if (!json) {
        runs_print_comparison(names, l->count, (const char *const *)keys->texts, cells,
                              keys->count);
        return STATUS_OK;
    }
    for (size_t k = 0; k < keys->count; k++) {
        json_t *values = json_object();
        for (size_t r = 0; r < l->count; r++)
            json_object_set(values, names[r], cells[k * l->count + r]);
        json_t *line = json_pack("{s:s, s:o}", "key", keys->texts[k], "values", values);
        TRY(command_print_json(line, RUNS_DIGITS, err));
    }
    return STATUS_OK;
}

static status fill_comparison(const runs_choice *l, bool json, const words *keys, error *err)
{
    size_t total = keys->count * l->count;
    json_t **cells = calloc(total ? total : 1, sizeof *cells);
    bool known;
    const char **names = calloc(l->count, sizeof *names);
    status result;
    TRY_OR_DONE(got_memory(cells && names, err, "the comparison of runs"));
    for (size_t i = 0; i < total; i++)
        TRY_OR_DONE(run_value(l->store, l->runs[i % l->count], keys->texts[i / l->count], &cells[i],
                              &known, err));
    for (size_t r = 0; r < l->count; r++)
        names[r] = l->runs[r]->name;
    result = print_comparison(l, json, keys, cells, names, err);
done:
    runs_free_cells(cells, total);
    free(names);
    return result;
}

status runs_compare(const runs_choice *l, bool json, error *err)
{
    static const char own[] = "state,step,seconds,device,version";
    words keys;
    if (l->count < 2)
        return error_set(err, STATUS_USAGE, "--compare needs two runs or more; there %s %zu",
                         l->count == 1 ? "is" : "are", l->count);
    status result;
    TRY_OR_DONE(words_split(own, &keys, err));
    TRY_OR_DONE(add_differing(l, &keys, err));
    TRY_OR_DONE(add_metrics(l, &keys, err));
    TRY_OR_DONE(fill_comparison(l, json, &keys, err));
done:
    words_free(&keys);
    return result;
}
