/* SPDX-License-Identifier: Apache-2.0 */
/* See summary.h. */
#include "sweep/summary.h"
#include "base/json_values.h"
#include "base/text.h"
#include "sweep/importance.h"
#include "sweep/trial_arguments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Functions that create a part return NULL if they fail; json_pack then returns NULL too. */

/* ---- Parameters ---- */

static json_t *parameters_of(const sweep_file *file)
{
    json_t *array = json_array();
    for (size_t i = 0; i < file->parameter_count; i++) {
        const sweep_parameter *p = &file->parameters[i];
        array = array_with(
            array,
            json_pack("{s:s, s:b, s:o}", "name", p->name, "log",
                      distribution_forms[p->form.kind].traits & EXPONENTIAL, "values",
                      p->values ? texts_to_json(p->values, (int)p->form.count) : json_null()));
    }
    return array;
}

/* ---- Trials ---- */

/* The objective with the sign with which it was logged. */
static double objective_of(const sweep_file *file, const sweep_trial *t)
{
    double sign = file->maximize ? -1 : 1;
    return t->has_objective ? sign * t->objective : NAN;
}

static json_t *places_of(const sweep_file *file, const sweep_trial *t)
{
    json_t *object = json_object();
    for (size_t i = 0; i < file->parameter_count; i++) {
        char *text = sweep_parameter_text(&file->parameters[i], t->places[i]);
        object = object_put(object, file->parameters[i].name, json_string(text));
        free(text);
    }
    return object;
}

static json_t *trials_of(const sweep_file *file, const sweep_trials *trials)
{
    json_t *array = json_array();
    for (size_t i = 0; i < trials->count; i++) {
        const sweep_trial *t = &trials->trials[i];
        array = array_with(
            array,
            json_pack("{s:i, s:o, s:s, s:o, s:o, s:o, s:o*}", "number", t->number, "run",
                      text_to_json(t->run), "state", sweep_trial_state_name(t->state), "message",
                      text_to_json(t->message), "objective", number_to_json(objective_of(file, t)),
                      "parameters", places_of(file, t), "taken", t->taken ? json_true() : NULL));
    }
    return array;
}

/* ---- What mattered ---- */

static status importance_to_json(const sweep_file *file, const sweep_trials *trials, json_t **array,
                                 error *err)
{
    importance *found = calloc(file->parameter_count + 1, sizeof *found);
    *array = json_array();
    status result;
    TRY_OR_DONE(got_memory(found && *array, err, "the summary"));
    TRY_OR_DONE(importance_of(file, trials, found, err));
    for (size_t i = 0; i < file->parameter_count; i++)
        *array = array_with(*array, json_pack("{s:s, s:o, s:o}", "name", file->parameters[i].name,
                                              "correlation", number_to_json(found[i].correlation),
                                              "share", number_to_json(found[i].share)));
    result = got_memory(*array, err, "the summary");
done:
    free(found);
    return result;
}

/* ---- The best ---- */

static const sweep_trial *find_best(const sweep_trials *trials)
{
    const sweep_trial *best = NULL;
    for (size_t i = 0; i < trials->count; i++) {
        const sweep_trial *t = &trials->trials[i];
        bool counts = t->has_objective && t->state != SWEEP_TRIAL_FAILED;
        best = counts && (!best || t->objective < best->objective) ? t : best;
    }
    return best;
}

/* Writes a word as a shell accepts it: in quotes, unless all its characters are plain there. */
static void put_word(FILE *to, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=./:,+@%";
    if (*word && word[strspn(word, plain)] == '\0') {
        fprintf(to, " %s", word);
        return;
    }
    fputs(" '", to);
    for (const char *at = word; *at; at++)
        if (*at == '\'')
            fputs("'\\''", to);
        else
            putc(*at, to);
    putc('\'', to);
}

static status command_of(const words *arguments, char **command, error *err)
{
    static const char what[] = "the command of the best run";
    text_writer to;
    TRY(text_writer_open(&to, what, err));
    fputs("hcnn-cl", to.stream);
    for (size_t i = 0; i < arguments->count; i++)
        put_word(to.stream, arguments->texts[i]);
    return text_writer_end(&to, STATUS_OK, what, command, err);
}

static status best_to_json(const sweep_file *file, const words *extra, const sweep_trials *trials,
                           json_t **best, error *err)
{
    const sweep_trial *t = find_best(trials);
    words arguments = {0};
    *best = json_null();
    if (!t)
        return STATUS_OK;
    status result;
    TRY_OR_DONE(trial_arguments(file, extra, t->places, NULL, &arguments, err));
    char *command;
    TRY_OR_DONE(command_of(&arguments, &command, err));
    *best = json_pack("{s:o, s:o, s:o}", "run", text_to_json(t->run), "objective",
                      number_to_json(objective_of(file, t)), "command", json_string(command));
    free(command);
    TRY_OR_DONE(got_memory(!json_lost_memory(), err, "the summary"));
    if (!*best)
        TRY_OR_DONE(error_set(err, STATUS_FAILED,
                              "the command of the best run cannot be shown: one of its words is "
                              "not UTF-8"));
done:
    words_free(&arguments);
    return result;
}

/* ---- All of it ---- */

status summary_create(sweep_store *store, const sweep_file *file, const words *extra,
                      json_t **created, error *err)
{
    static const char *const methods[] = {"grid", "random", "bayes"};
    sweep_trials trials = {0};
    json_t *found = NULL, *best = NULL;
    int damaged;
    *created = NULL;
    status result;
    TRY(sweep_store_read(store, file, &trials, &damaged, err));
    json_watch();
    TRY_OR_DONE(importance_to_json(file, &trials, &found, err));
    TRY_OR_DONE(best_to_json(file, extra, &trials, &best, err));
    *created = json_pack(
        "{s:o, s:s, s:o, s:s, s:o, s:o, s:i, s:O, s:O}", "name", text_to_json(file->name), "method",
        methods[file->method], "metric", text_to_json(file->metric), "goal",
        file->maximize ? "maximize" : "minimize", "parameters", parameters_of(file), "trials",
        trials_of(file, &trials), "damaged", damaged, "importance", found, "best", best);
    result = got_memory(*created && !json_lost_memory(), err, "the summary");
done:
    json_decref(found);
    json_decref(best);
    if (result != STATUS_OK) {
        json_decref(*created);
        *created = NULL;
    }
    sweep_trials_free(&trials);
    return result;
}

/* Reads the sweep file as it was when the sweep was started, and gives it the name of the sweep. */
static status reread(const char *name, const char *text, const option_row *rows,
                     const char *const *metrics, sweep_file *file, error *err)
{
    TRY(sweep_file_read(name, text, rows, metrics, file, err));
    free(file->name);
    file->name = text_format("%s", name);
    return got_memory(file->name, err, name);
}

status summary_of_name(run_store *runs, const char *name, const option_row *rows,
                       const char *const *metrics, json_t **created, error *err)
{
    sweep_store store;
    sweep_file file = {0};
    words extra;
    char *text;
    *created = NULL;
    status result;
    TRY_OR_DONE(sweep_store_find(runs, name, &store, &text, &extra, err));
    TRY_OR_DONE(reread(name, text, rows, metrics, &file, err));
    TRY_OR_DONE(summary_create(&store, &file, &extra, created, err));
done:
    sweep_file_free(&file);
    words_free(&extra);
    free(text);
    return result;
}
