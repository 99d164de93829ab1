/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl report`: writes runs as one HTML page. It collects the runs and decides when to write;
 * track/report.h makes the page. */
#include "track/report.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "config.h"
#include "sweep/summary.h"
#include "track/metric_lines.h"
#include "track/run_store.h"
#include "train/train_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LONGEST_WATCH = 24 * 60 * 60, NAPS_A_SECOND = 10 };

typedef struct report_options {
    const char *out, *title, *store, *sweep;
    int watch; /* seconds between two pages; 0: write one page */
} report_options;

/* The contents of a page. */
typedef struct page {
    json_t *runs;
    json_t *sweep; /* or NULL */
    bool going_on; /* whether one of the runs is training */
    bool again;    /* what is wrong with the runs was said when the page was first written */
} page;

/* A run that cannot be shown does not hide the others. */
static void warn(const page *p, const char *message)
{
    if (message && !p->again)
        command_warn("%s", message);
}

static status add_run(page *p, run_store *store, const run_record *run, error *err)
{
    json_t *record = report_run(store, run, err);
    if (!record)
        return STATUS_FAILED;
    warn(p, json_string_value(json_object_get(record, "fault")));
    p->going_on |= run->state == RUN_RUNNING;
    return got_memory(json_array_append_new(p->runs, record) == 0, err, run->name);
}

static status add_named(page *p, run_store *store, const char *name, error *err)
{
    run_record run;
    TRY(run_store_find(store, name, &run, err));
    status result = add_run(p, store, &run, err);
    run_record_free(&run);
    return result;
}

static status add_store(page *p, const char *path, error *err)
{
    run_store *store = NULL;
    run_list list = {0};
    status result;
    if (!file_may_exist(path))
        return error_set(
            err, STATUS_FAILED,
            "%s: this store of runs does not exist; train creates it, `hcnn-cl runs --add "
            "RUN` records an existing run, and --store names another store",
            path);
    TRY_OR_DONE(run_store_open(path, false, &command_wait_note, &store, err));
    TRY_OR_DONE(run_store_list(store, &list, err));
    for (size_t i = 0; i < list.damaged.count; i++)
        warn(p, list.damaged.texts[i]);
    for (size_t i = 0; i < list.count; i++)
        TRY_OR_DONE(add_run(p, store, &list.runs[i], err));
done:
    run_list_free(&list);
    run_store_close(store);
    return result;
}

static status add_directory(page *p, const char *given, error *err)
{
    char *path, *name;
    run_store *store = NULL;
    status result;
    TRY(run_path_split(given, &path, &name, err));
    if (!file_may_exist(path) && !file_is_directory(given))
        TRY_OR_DONE(error_set(err, STATUS_FAILED, "%s: this run does not exist", given));
    if (!file_may_exist(path))
        TRY_OR_DONE(error_set(err, STATUS_FAILED,
                              "%s: is not in a store of runs; `hcnn-cl runs --add %s` records it",
                              given, given));
    TRY_OR_DONE(run_store_open(path, false, &command_wait_note, &store, err));
    result = add_named(p, store, name, err);
done:
    run_store_close(store);
    free(path);
    free(name);
    return result;
}

/* A trial that did not finish may have no run. */
static void warn_of_lost_run(const page *p, const char *store, const json_t *trial)
{
    error text;
    if (strcmp(json_string_value(json_object_get(trial, "state")), "finished") != 0)
        return;
    error_set(&text, STATUS_FAILED,
              "%s: the store does not have the run %s of a finished trial, which was renamed or "
              "deleted; the report shows the trial without it",
              store, json_string_value(json_object_get(trial, "run")));
    warn(p, text.message);
}

static void warn_of_taken_name(const page *p, const json_t *trial)
{
    error text;
    error_set(&text, STATUS_FAILED, "%s: %s; the report shows the trial without it",
              json_string_value(json_object_get(trial, "run")),
              json_string_value(json_object_get(trial, "message")));
    warn(p, text.message);
}

/* Adds a sweep and the runs of its trials. */
static status add_sweep(page *p, const report_options *o, error *err)
{
    option_row options[TRAIN_ROWS];
    run_store *store;
    size_t i;
    json_t *trial;
    status result;
    command_sweep_rows(options);
    TRY(run_store_open(o->store, false, &command_wait_note, &store, err));
    TRY_OR_DONE(summary_of_name(store, o->sweep, options, metric_names, &p->sweep, err));
    json_array_foreach(json_object_get(p->sweep, "trials"), i, trial)
    {
        int64_t id;
        const char *name = json_string_value(json_object_get(trial, "run"));
        TRY_OR_DONE(run_store_id(store, name, &id, err));
        error why;
        if (json_is_true(json_object_get(trial, "taken")))
            warn_of_taken_name(p, trial);
        else if (id == 0)
            warn_of_lost_run(p, o->store, trial);
        else if (add_named(p, store, name, &why) != STATUS_OK)
            warn(p, why.message);
    }
done:
    run_store_close(store);
    return result;
}

static status collect(page *p, const report_options *o, const operands *runs, error *err)
{
    p->runs = json_array();
    TRY(got_memory(p->runs, err, "the report"));
    if (o->sweep)
        return add_sweep(p, o, err);
    if (runs->count == 0)
        return add_store(p, o->store, err);
    for (int i = 0; i < runs->count; i++)
        TRY(add_directory(p, runs->values[i], err));
    return STATUS_OK;
}

static status write_page(const report_options *o, const page *p, int refresh, error *err)
{
    const char *title = o->title ? o->title : o->sweep ? o->sweep : "Runs";
    json_t *document =
        json_pack("{s:s, s:I, s:s, s:O, s:O?}", "title", title, "generated", (json_int_t)time(NULL),
                  "version", PACKAGE_VERSION, "runs", p->runs, "sweep", p->sweep);
    status result = got_memory(!json_lost_memory(), err, o->out);
    if (result == STATUS_OK)
        result = document
                     ? report_write(o->out, document, refresh, err)
                     : error_set(err, STATUS_USAGE, "--title: is not UTF-8; use another title");
    json_decref(document);
    return result;
}

/* Writes the page once, `again` if it was written before. *going_on: whether a run is training;
 * *count: the number of runs. The page reloads itself only while a run is training. */
static status report_once(const report_options *o, const operands *runs, int refresh, bool again,
                          bool *going_on, size_t *count, error *err)
{
    page p = {.again = again};
    status result = collect(&p, o, runs, err);
    if (result == STATUS_OK)
        result = write_page(o, &p, p.going_on ? refresh : 0, err);
    *going_on = p.going_on;
    *count = json_array_size(p.runs);
    json_decref(p.runs);
    json_decref(p.sweep);
    return result;
}

static void nap_until(const volatile sig_atomic_t *stop, int seconds)
{
    const struct timespec nap = {.tv_nsec = 1000000000 / NAPS_A_SECOND};
    for (int i = 0; i < seconds * NAPS_A_SECOND && !*stop; i++)
        nanosleep(&nap, NULL);
}

/* Writes the page until no run is training or a signal comes; the last page does not reload. */
static status watch(const report_options *o, const operands *runs, size_t *count, error *err)
{
    const volatile sig_atomic_t *stop = command_catch_stop();
    bool going_on, again = false;
    status result;
    do {
        result = report_once(o, runs, *stop ? 0 : o->watch, again, &going_on, count, err);
        if (*stop || result != STATUS_OK || !going_on)
            break;
        if (!again)
            terminal_print(stdout,
                           "%s: rewritten every %d s while a run is training; stop with Ctrl-C\n",
                           o->out, o->watch);
        fflush(stdout);
        again = true;
        nap_until(stop, o->watch);
    } while (true);
    command_release_stop();
    return result;
}

static status run(void *values, const operands *runs, error *err)
{
    report_options *o = values;
    bool going_on;
    size_t count;
    if (!o->out)
        return error_set(err, STATUS_USAGE, "report needs -o FILE, such as report.html");
    if (o->sweep && runs->count > 0)
        return error_set(
            err, STATUS_USAGE,
            "--sweep shows the runs of the sweep; leave out either --sweep or the RUNs");
    if (o->store && runs->count > 0)
        return error_set(err, STATUS_USAGE,
                         "--store shows all runs of a store; leave out either --store or the RUNs");
    o->store = o->store ? o->store : COMMAND_STORE;
    TRY(o->watch > 0 ? watch(o, runs, &count, err)
                     : report_once(o, runs, 0, false, &going_on, &count, err));
    terminal_print(stdout, "%s: %zu run%s\n", o->out, count, count == 1 ? "" : "s");
    return STATUS_OK;
}

static const option_row rows[] = {
    OPTION_ROW_STRING("out", report_options, out, "FILE", "HTML file to write", .letter = 'o',
                      .alias = "output"),
    OPTION_ROW_STRING("title", report_options, title, "TEXT", "title of the page",
                      .fallback = "Runs, or the name of the sweep"),
    OPTION_ROW_STRING("sweep", report_options, sweep, "NAME",
                      "show the runs of a sweep and what it found", .fallback = "none"),
    OPTION_ROW_STRING("store", report_options, store, "FILE",
                      "store to show if no RUN is given: all its runs, or the sweep",
                      .fallback = COMMAND_STORE),
    OPTION_ROW_INT("watch", report_options, watch, 1, LONGEST_WATCH,
                   "rewrite the page every N seconds (5 without N) while one of the runs is "
                   "training; a browser that shows the page reloads it",
                   .bare = "5"),
    {0},
};

static const command_line line = {
    .usage = "report [RUN]... -o FILE [OPTION]...",
    .summary = "Writes runs as one HTML page that needs no network and no other files: a table of "
               "the runs, fine classes alone (--only-fine) compared with coarse and fine ones, "
               "curves, confusion matrices, the accuracy of each class, the worst mistakes as "
               "pictures, speed, and options. RUN is a run directory.",
    .example = "hcnn-cl report runs/fine runs/both -o report.html --watch",
    .rows = rows,
    .operand = "RUN",
};

COMMAND(report, report_options, 0)
