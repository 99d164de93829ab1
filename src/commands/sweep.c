/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl sweep`: starts an agent that works on a sweep, and prints what the sweep found.
 * sweep/agent.h trains the runs. */
#include "base/file.h"
#include "base/json_values.h"
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

/* Everything that the command works with. */
typedef struct session {
    const sweep_options *options;
    option_row rows[TRAIN_ROWS];
    sweep_file file;
    words extra;
    run_store *runs;
    sweep_store store;
    progress bar;
} session;

/* ---- Output for people ---- */

static void show_began(void *context, const sweep_trial *t, const char *parameters, bool resumed,
                       const sampler_advice *advice)
{
    session *s = context;
    progress_clear(&s->bar);
    terminal_put(stdout, t->run);
    printf(" %s  ", resumed ? "resumes" : "begins");
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
    snprintf(text, sizeof text, "%zu running", begun - over);
    progress_draw(&s->bar, "runs", over, most ? most : begun + 1, text);
}

/* ---- Starting ---- */

/* The first of the words that is an option of train, but not one of a sweep's runs: --run or
 * --resume. NULL if none is. */
static const char *set_by_sweep(const session *s)
{
    for (size_t i = 0; i < s->extra.count; i++) {
        const char *name = text_after(s->extra.texts[i], "--");
        if (name && options_find(train_rows, name) && !options_find(s->rows, name))
            return s->extra.texts[i];
    }
    return NULL;
}

/* Checks the options of the runs and fails as train would. It cannot find the errors that train
 * finds only with the device and the data. */
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
        result =
            error_set(err, STATUS_USAGE, "--help: a run cannot start with this option; remove it");
    const char *own = set_by_sweep(s);
    if (result == STATUS_USAGE && own)
        error_set(err, result, "%s: sweep sets this option for each run by itself; remove it", own);
    if (result == STATUS_OK)
        options_free(&rest);
    else
        error_prefix(err, result, "options for every run (after -- and in the key command)");
    free(arguments);
    return result;
}

/* Collects the options for every run: the words of the file's `command`, then those after FILE. */
static status take_words(session *s, const operands *line, error *err)
{
    for (size_t i = 0; i < s->file.fixed.count; i++)
        TRY(words_add(&s->extra, s->file.fixed.texts[i], strlen(s->file.fixed.texts[i]), err));
    for (int i = 1; i < line->count; i++)
        TRY(words_add(&s->extra, line->values[i], strlen(line->values[i]), err));
    return check_words(s, err);
}

/* The name becomes a part of names of directories, and of JSON. */
static status check_name(const char *name, error *err)
{
    bool utf8;
    TRY(json_check_text(name, &utf8, err));
    if (!utf8)
        return error_set(err, STATUS_USAGE,
                         "the sweep's name '%s' is not UTF-8; give another --name", name);
    bool plain = *name && !strchr(".-", *name) && !strchr(name, '/');
    for (const char *at = name; *at; at++)
        plain &= (unsigned char)*at >= ' ' && *at != '\177';
    if (!plain)
        return error_set(
            err, STATUS_USAGE,
            "the sweep's name '%s' cannot begin the names of its run directories; give "
            "another --name",
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
    result = run_store_open(path, create, &command_wait_note, &s->runs, err);
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
    terminal_print(stdout, "%s in %s\n", joined ? ", continued," : "", s->options->store);
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
                              "sweep starts this program again for each run, but cannot find it: "
                              "/proc/self/exe does not exist; mount /proc"));
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

/* If no trial of a sweep succeeded, the command has failed. */
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
    return error_set(err, STATUS_FAILED,
                     "no run of the sweep succeeded. The last one, %s, failed: %s",
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
    status result;
    if (s->options->json)
        result = command_print_summary_json(summary, err);
    else
        result = command_print_summary(summary, err);
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
                         "sweep needs a sweep file, or the name of a sweep with --summary");
    if (s.options->summary && line->count > 1)
        return error_set(err, STATUS_USAGE,
                         "'%s': unexpected argument; --summary accepts the name of one sweep",
                         line->values[1]);
    command_sweep_rows(s.rows);
    status result = search(&s, line, err);
    sweep_file_free(&s.file);
    words_free(&s.extra);
    run_store_close(s.runs);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_INT("count", sweep_options, count, 1, INT_MAX,
                   "end after N runs of the sweep in all, including those of earlier commands",
                   .fallback = "the file's run_cap, else no limit", .excludes = "summary"),
    OPTION_ROW_INT("jobs", sweep_options, jobs, 1, 256, "runs that train at the same time",
                   .fallback = "one for each of --devices, else 1", .excludes = "summary"),
    OPTION_ROW_STRING("devices", sweep_options, devices, "LIST",
                      "values of HCNN_DEVICE, separated by commas; runs that train at the same "
                      "time get them in turn",
                      .fallback = "HCNN_DEVICE for all", .excludes = "summary"),
    OPTION_ROW_STRING("name", sweep_options, name, "NAME",
                      "name of the sweep; its runs are NAME-001, NAME-002, ...",
                      .fallback = "the key name in the file, else the file's name without its "
                                  "extension",
                      .excludes = "summary"),
    OPTION_ROW_STRING("store", sweep_options, store, "FILE",
                      "store of runs, beside which the run directories are created"),
    OPTION_ROW_U64("seed", sweep_options, seed,
                   "seed for choosing points; continue a sweep with the same one",
                   .excludes = "summary"),
    OPTION_ROW_FLAG("summary", sweep_options, summary,
                    "only print what a sweep has found so far; give its name in place of FILE"),
    OPTION_ROW_FLAG("json", sweep_options, json, "print the summary as lines of JSON"),
    {0},
};

static const command_line line = {
    .usage = "sweep FILE.yaml [OPTION]... [-- TRAIN_OPTION...]",
    .summary = "Searches for the best options of train as a sweep file says, with one run for each "
               "point that it tries. The file has wandb's form. If a sweep is stopped or killed, "
               "the same command continues it. Several commands may work on one sweep at the same "
               "time. Options after -- go to every run.",
    .example = "hcnn-cl sweep docs/sweep-original.yaml --count 20 -- --data cifar-100-binary",
    .rows = rows,
    .operand = "FILE",
};

COMMAND(sweep, sweep_options, .store = COMMAND_STORE)
