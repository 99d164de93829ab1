/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl sweep`: an agent that works on a sweep, and what the sweep found. */
#include "base/file.h"
#include "base/progress.h"
#include "base/terminal.h"
#include "base/text.h"
#include "commands/commands.h"
#include "sweep/agent.h"
#include "sweep/summary.h"
#include "track/metric_lines.h"
#include "train/train_options.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sweep_options {
    const char *store, *devices, *name;
    int count, jobs; /* jobs 0: one for each of the devices */
    uint64_t seed;
    bool summary, json;
} sweep_options;

/* All that the command works with. */
typedef struct session {
    const sweep_options *options;
    option_row rows[TRAIN_ROWS];
    sweep_file file;
    words extra;
    run_store *runs;
    sweep_store store;
    progress bar;
} session;

/* ---- What a person sees ---- */

static void show_began(void *context, const sweep_trial *t, const char *parameters, bool resumed,
                       const sampler_advice *advice)
{
    session *s = context;
    progress_clear(&s->bar);
    terminal_put(stdout, t->run);
    printf(" %s  ", resumed ? "goes on" : "begins");
    terminal_put(stdout, parameters);
    if (advice && isfinite(advice->predicted))
        printf("  (expected %.4g +- %.2g)",
               s->file.maximize ? -advice->predicted : advice->predicted, advice->deviation);
    putchar('\n');
    fflush(stdout);
}

static void show_ended(void *context, const sweep_trial *t)
{
    session *s = context;
    progress_clear(&s->bar);
    terminal_put(stdout, t->run);
    printf(" %s", sweep_trial_state_name(t->state));
    if (t->has_objective)
        terminal_print(stdout, "  %s %g", s->file.metric,
                       s->file.maximize ? -t->objective : t->objective);
    if (t->message) {
        printf("  ");
        terminal_put(stdout, t->message);
    }
    putchar('\n');
    fflush(stdout);
}

static void show_waiting(void *context, size_t over, size_t begun, size_t most)
{
    session *s = context;
    char text[64];
    snprintf(text, sizeof text, "%zu going on", begun - over);
    progress_draw(&s->bar, "runs", over, most ? most : begun + 1, text);
}

/* ---- Beginning ---- */

/* What train would say of its command line, but for what it finds out with the device and the
 * data. */
static status check_words(session *s, error *err)
{
    operands rest;
    train_options unused;
    const command_line line = {.rows = s->rows};
    char **arguments = calloc(s->extra.count + 1, sizeof *arguments);
    TRY(got_memory(arguments, err, "the words for the runs"));
    arguments[0] = "train";
    for (size_t i = 0; i < s->extra.count; i++)
        arguments[i + 1] = s->extra.texts[i];
    status result = options_parse(&line, &unused, (int)s->extra.count + 1, arguments, &rest, err);
    if (result == STATUS_OK && rest.help)
        result = error_set(err, STATUS_USAGE, "--help: no run could begin with it; remove it");
    if (result == STATUS_OK)
        options_free(&rest);
    else
        error_prefix(err, result, "the words behind -- and of command, which every run gets");
    free(arguments);
    return result;
}

/* Words of the file's `command` and behind FILE go to every run. */
static status take_words(session *s, const operands *line, error *err)
{
    for (size_t i = 0; i < s->file.fixed.count; i++)
        TRY(words_add(&s->extra, s->file.fixed.texts[i], strlen(s->file.fixed.texts[i]), err));
    for (int i = 1; i < line->count; i++)
        TRY(words_add(&s->extra, line->values[i], strlen(line->values[i]), err));
    return check_words(s, err);
}

/* It becomes a part of directories' names, and of JSON. */
static status check_name(const char *name, error *err)
{
    json_t *text = json_string(name);
    json_decref(text);
    if (!text)
        return error_set(err, STATUS_USAGE,
                         "the sweep's name '%s' is not UTF-8; give another --name", name);
    bool plain = *name && !strchr(".-", *name) && !strchr(name, '/');
    for (const char *at = name; *at; at++)
        plain &= (unsigned char)*at >= ' ' && *at != '\177';
    if (!plain)
        return error_set(err, STATUS_USAGE,
                         "the sweep's name '%s' cannot be the beginning of its runs' directories; "
                         "give another --name",
                         name);
    return STATUS_OK;
}

static status open_store(session *s, bool create, error *err)
{
    const char *path = s->options->store;
    char *parent = file_parent(path);
    status result;
    TRY_OR_DONE(got_memory(parent, err, path));
    if (create)
        TRY_OR_DONE(file_make_directory(parent, err));
    result = run_store_open(path, create, &s->runs, err);
done:
    free(parent);
    return result;
}

static status begin(session *s, const operands *line, error *err)
{
    bool joined;
    TRY(sweep_file_read(line->values[0], NULL, s->rows, metric_names, &s->file, err));
    if (s->options->name) {
        free(s->file.name);
        s->file.name = strdup(s->options->name);
        TRY(got_memory(s->file.name, err, s->options->name));
    }
    TRY(check_name(s->file.name, err));
    TRY(take_words(s, line, err));
    TRY(open_store(s, true, err));
    const sweep_terms terms = {s->file.name, s->file.text, &s->extra, s->options->seed};
    TRY(sweep_store_open(s->runs, &terms, &s->store, &joined, err));
    for (size_t i = 0; i < s->file.notes.count; i++)
        command_warn("%s", s->file.notes.texts[i]);
    if (s->options->json)
        return STATUS_OK;
    printf("sweep ");
    terminal_put(stdout, s->file.name);
    terminal_print(stdout, "%s in %s\n", joined ? ", which goes on," : "", s->options->store);
    return STATUS_OK;
}

/* ---- Working ---- */

static status work(session *s, error *err)
{
    words devices = {0};
    const sweep_options *o = s->options;
    const agent_observer observer = {.context = s,
                                     .began = o->json ? NULL : show_began,
                                     .ended = o->json ? NULL : show_ended,
                                     .waiting = show_waiting,
                                     .stop = command_catch_stop()};
    status result;
    progress_begin(&s->bar, o->json ? stderr : stdout);
    if (o->devices)
        TRY_OR_DONE(words_split(o->devices, &devices, err));
    const agent_options options = {.program = command_program(),
                                   .devices = (const char *const *)devices.texts,
                                   .device_count = (int)devices.count,
                                   .jobs = o->jobs             ? o->jobs
                                           : devices.count > 0 ? (int)devices.count
                                                               : 1,
                                   .most = o->count,
                                   .extra = &s->extra};
    if (!options.program)
        TRY_OR_DONE(error_set(err, STATUS_FAILED,
                              "sweep starts this program anew for each run, and cannot find it: "
                              "/proc/self/exe is not there"));
    result = agent_run(&s->store, &s->file, &options, &observer, err);
done:
    progress_clear(&s->bar);
    command_release_stop();
    words_free(&devices);
    return result;
}

static bool has_state(const json_t *trial, enum sweep_trial_state state)
{
    const char *name = json_string_value(json_object_get(trial, "state"));
    return name && strcmp(name, sweep_trial_state_name(state)) == 0;
}

/* A sweep of which nothing succeeded is a failure of the command. */
static status check_success(const json_t *summary, error *err)
{
    size_t i;
    const json_t *trial, *last = NULL;
    json_array_foreach(json_object_get(summary, "trials"), i, trial)
    {
        if (has_state(trial, SWEEP_TRIAL_FINISHED) || has_state(trial, SWEEP_TRIAL_EARLY))
            return STATUS_OK;
        if (has_state(trial, SWEEP_TRIAL_FAILED))
            last = trial;
    }
    if (!last)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "no run of the sweep succeeded. The last, %s: %s",
                     json_string_value(json_object_get(last, "run")),
                     json_string_value(json_object_get(last, "message")));
}

static status search(session *s, const operands *line, error *err)
{
    json_t *summary;
    if (s->options->summary) {
        TRY(open_store(s, false, err));
        TRY(summary_of_name(s->runs, line->values[0], s->rows, metric_names, &summary, err));
    } else {
        TRY(begin(s, line, err));
        TRY(work(s, err));
        TRY(summary_create(&s->store, &s->file, &s->extra, &summary, err));
    }
    status result = STATUS_OK;
    if (s->options->json)
        result = command_print_summary_json(summary, err);
    else
        command_print_summary(summary);
    if (result == STATUS_OK && !s->options->summary)
        result = check_success(summary, err);
    json_decref(summary);
    return result;
}

static status run(void *values, const operands *line, error *err)
{
    session s = {.options = values};
    if (line->count == 0)
        return error_set(err, STATUS_USAGE,
                         "sweep needs a sweep file, or with --summary the name "
                         "of a sweep");
    command_sweep_rows(s.rows);
    status result = search(&s, line, err);
    sweep_file_free(&s.file);
    words_free(&s.extra);
    run_store_close(s.runs);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_INT("count", sweep_options, count, 1, INT_MAX,
                   "runs of the sweep in all, those that are done among them",
                   .fallback = "run_cap of the file, else until Ctrl-C"),
    OPTION_ROW_INT("jobs", sweep_options, jobs, 1, 256, "runs at a time",
                   .fallback = "one for each of --devices"),
    OPTION_ROW_STRING("devices", sweep_options, devices, "LIST",
                      "values of HCNN_DEVICE, with commas between, that runs at a time get in "
                      "turn",
                      .fallback = "HCNN_DEVICE for all"),
    OPTION_ROW_STRING("name", sweep_options, name, "NAME",
                      "what the sweep is called: its runs are NAME-001 "
                      "and so on",
                      .fallback = "`name` in the file, else the file's name"),
    OPTION_ROW_STRING("store", sweep_options, store, "FILE",
                      "the store, beside which the runs stand"),
    OPTION_ROW_U64("seed", sweep_options, seed, "of the points that are chosen"),
    OPTION_ROW_FLAG("summary", sweep_options, summary,
                    "only print what the sweep of that name has found so far"),
    OPTION_ROW_FLAG("json", sweep_options, json, "print the summary as lines of JSON"),
    {0},
};

static const command_line line = {
    .usage = "sweep FILE.yaml [OPTION]... [-- TRAIN_OPTION...]",
    .summary = "Searches the options of training as a sweep file of wandb's form says, with a "
               "run of `hcnn-cl train` for each point. Stopped or killed, the same command goes "
               "on; several may work on one sweep. Options behind -- go to every run.",
    .example = "hcnn-cl sweep docs/sweep-original.yaml --count 20 -- --data cifar-100-binary",
    .rows = rows,
    .operand = "FILE",
};

COMMAND(sweep, sweep_options, .store = COMMAND_STORE)
