/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl runs`: lists, compares, records and deletes the runs of a store. */
#include "commands/runs.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/terminal.h"
#include "base/text.h"
#include "commands/commands.h"
#include "track/record.h"
#include "track/run_home.h"
#include "track/run_store.h"
#include "track/run_values.h"
#include "train/run_directory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COLUMNS = 64 }; /* the most that --columns accepts */

static const char default_columns[] =
    "name,state,epoch,step,validation/loss,validation/coarse_top1,validation/fine_top1,"
    "test/coarse_top1,test/fine_top1,seconds,started";

typedef struct runs_options {
    const char *store, *where, *sort, *columns;
    int limit;
    bool json, compare, add, remove, keep_files;
} runs_options;

/* What the command works on. */
typedef struct listing {
    const runs_options *options;
    run_store *store;
    runs_choice choice;
} listing;

/* ---- Listing ---- */

static status add_value(const listing *l, const run_record *r, const char *key, json_t *line,
                        error *err)
{
    json_t *value;
    if (json_object_get(line, key))
        return STATUS_OK;
    TRY(run_value(l->store, r, key, &value, NULL, err));
    return got_memory(json_object_set_new(line, key, value) == 0, err, r->name);
}

/* Prints a line of JSON: the whole record, and the columns of --columns. */
static status print_run(const listing *l, const run_record *r, const words *columns, error *err)
{
    static const char *const texts[] = {"started", "updated", "ended",  "message",
                                        "version", "device",  "driver", "host"};
    json_t *line =
        json_pack("{s:o, s:s, s:o, s:I, s:O, s:O}", "name", text_to_json(r->name), "state",
                  run_state_name(r->state), "directory", text_to_json(r->directory), "step",
                  (json_int_t)r->step, "config", r->config, "summary", r->summary);
    status result;
    TRY(got_memory(line, err, r->name));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        TRY_OR_DONE(add_value(l, r, texts[i], line, err));
    for (size_t i = 0; i < columns->count; i++)
        TRY_OR_DONE(add_value(l, r, columns->texts[i], line, err));
    return command_print_json(line, JSON_LINE(RUNS_DIGITS), err);
done:
    json_decref(line);
    return result;
}

static status print_rows(const listing *l, const words *columns, error *err)
{
    const size_t rows = l->choice.count, total = rows * columns->count;
    if (rows == 0) {
        puts("no runs");
        return STATUS_OK;
    }
    const runs_table t = {(const char *const *)columns->texts, NULL, calloc(total, sizeof *t.cells),
                          columns->count, rows};
    status result;
    TRY_OR_DONE(got_memory(t.cells, err, "the table of runs"));
    for (size_t i = 0; i < total; i++)
        TRY_OR_DONE(run_value(l->store, l->choice.runs[i / t.columns], t.headings[i % t.columns],
                              &t.cells[i], NULL, err));
    result = runs_print_table(&t, err);
done:
    runs_free_cells(t.cells, total);
    return result;
}

static status list_runs(const listing *l, error *err)
{
    words columns;
    const char *asked = l->options->columns;
    status result;
    TRY(words_split(asked ? asked : default_columns, &columns, err));
    if (columns.count > COLUMNS)
        TRY_OR_DONE(error_set(err, STATUS_USAGE,
                              "--columns: %zu columns are too many; name at most %d", columns.count,
                              COLUMNS));
    for (size_t i = 0; asked && i < columns.count; i++)
        TRY_OR_DONE(runs_choice_check_key(&l->choice, "--columns", columns.texts[i], err));
    for (size_t i = 0; l->options->json && i < l->choice.count; i++)
        TRY_OR_DONE(print_run(l, l->choice.runs[i], &columns, err));
    result = l->options->json ? STATUS_OK : print_rows(l, &columns, err);
done:
    words_free(&columns);
    return result;
}

/* ---- Deleting and adding ---- */

/* Removes the directory, but only if it is a run directory and no other process has locked it. What
 * a symbolic link leads to may be anything. */
static status remove_directory(const void *run, error *err)
{
    const run_record *r = run;
    struct stat info;
    if (!file_may_exist(r->directory))
        return run_directory_remove(r->directory, err); /* the rest of an earlier removal */
    if (lstat(r->directory, &info) == 0 && S_ISLNK(info.st_mode))
        return error_set(err, STATUS_FAILED,
                         "%s: is a symbolic link, so the directory that it leads to is kept; "
                         "--keep-files deletes only the record",
                         r->directory);
    if (!file_may_exist_in(r->directory, "config.json"))
        return error_set(
            err, STATUS_FAILED,
            "%s: does not contain a config.json, so it is no longer a run directory and "
            "is kept; --keep-files deletes only the record",
            r->directory);
    return run_directory_remove(r->directory, err);
}

/* A directory of that name may hold another run, after both were renamed. */
static status check_home(const listing *l, const run_record *r, error *err)
{
    bool holds;
    TRY(run_home_holds(l->store, r->id, r->directory, &holds, err));
    return holds
               ? STATUS_OK
               : error_set(err, STATUS_FAILED,
                           "%s: holds another run than the record of this name, so both are kept; "
                           "`hcnn-cl runs --add %s` records the run that is there, and "
                           "--keep-files deletes only the record",
                           r->directory, r->directory);
}

static status delete_runs(const listing *l, error *err)
{
    for (size_t i = 0; i < l->choice.count; i++) {
        const run_record *r = l->choice.runs[i];
        if (r->state == RUN_RUNNING)
            return error_set(err, STATUS_FAILED,
                             "%s: is running; end it first (Ctrl-C or a TERM signal saves it)",
                             r->name);
        const bool keeps = l->options->keep_files, there = file_may_exist(r->directory);
        if (!keeps && file_may_exist_in(r->directory, "config.json"))
            TRY(check_home(l, r, err));
        TRY(run_store_delete(l->store, r->id, keeps ? NULL : remove_directory, r, err));
        terminal_put(stdout, r->name);
        puts(keeps   ? ": deleted from the store; its files are kept"
             : there ? ": deleted"
                     : ": deleted from the store; there was no directory of this name");
    }
    return STATUS_OK;
}

/* Records every run that can be recorded. The first failure is the error of the command; later ones
 * are printed at once. */
static status add_runs(const operands *names, error *err)
{
    status result = STATUS_OK;
    for (int i = 0; i < names->count; i++) {
        char *path;
        error one;
        if (record_run(names->values[i], &command_wait_note, &path, &one) != STATUS_OK) {
            if (result != STATUS_OK)
                command_warn("%s", one.message);
            else
                *err = one;
            result = STATUS_FAILED;
            continue;
        }
        terminal_put(stdout, names->values[i]);
        fputs(": recorded in ", stdout);
        terminal_put(stdout, path);
        putchar('\n');
        free(path);
    }
    return result;
}

/* ---- The command ---- */

static status act(listing *l, const operands *names, error *err)
{
    const runs_options *o = l->options;
    runs_choice *c = &l->choice;
    TRY(runs_choice_make(l->store, o->store, names, c, err));
    for (size_t i = 0; i < c->all.damaged.count; i++)
        command_warn("%s", c->all.damaged.texts[i]);
    if (o->remove)
        return delete_runs(l, err);
    if (o->where)
        TRY(runs_choice_filter(c, o->where, err));
    if (o->sort)
        TRY(runs_choice_sort(c, o->sort, err));
    if (o->limit > 0 && c->count > (size_t)o->limit)
        c->count = (size_t)o->limit;
    return o->compare ? runs_compare(c, o->json, err) : list_runs(l, err);
}

static status check(const runs_options *o, const operands *names, error *err)
{
    if (o->add + o->remove + o->compare > 1)
        return error_set(err, STATUS_USAGE,
                         "--add, --delete and --compare exclude each other; give one of them");
    if ((o->add || o->remove) && names->count == 0)
        return error_set(err, STATUS_USAGE, "%s needs the names or directories of runs",
                         o->add ? "--add" : "--delete");
    if ((o->add || o->remove) && (o->where || o->sort || o->columns || o->limit || o->json))
        return error_set(
            err, STATUS_USAGE,
            "%s cannot be combined with --where, --sort, --columns, --limit and --json; name the "
            "runs alone",
            o->add ? "--add" : "--delete");
    if (o->add && o->store)
        return error_set(
            err, STATUS_USAGE,
            "--add records a run in the store beside its directory; leave out --store");
    return STATUS_OK;
}

/* The store that --store names; without it, the one beside the first run that is given by its
 * directory; else the usual one. The caller frees the path. */
static status find_store(const runs_options *o, const operands *names, char **store, error *err)
{
    char *name;
    for (int i = 0; !o->store && i < names->count; i++) {
        if (!strchr(names->values[i], '/'))
            continue;
        TRY(run_path_split(names->values[i], store, &name, err));
        free(name);
        return STATUS_OK;
    }
    *store = text_format("%s", o->store ? o->store : COMMAND_STORE);
    return *store ? STATUS_OK : error_memory(err, "the store's path");
}

static status run(void *values, const operands *names, error *err)
{
    runs_options *o = values;
    TRY(check(o, names, err));
    if (o->add)
        return add_runs(names, err);
    char *store;
    TRY(find_store(o, names, &store, err));
    o->store = store;
    listing l = {.options = o};
    status result = STATUS_OK;
    if (!file_may_exist(store))
        TRY_OR_DONE(error_set(err, STATUS_FAILED,
                              "%s: this store of runs does not exist; train creates it beside the "
                              "directory of a run, and --store names another store",
                              store));
    TRY_OR_DONE(run_store_open(store, false, &command_wait_note, &l.store, err));
    result = act(&l, names, err);
done:
    runs_choice_free(&l.choice);
    run_store_close(l.store);
    free(store);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_STRING("store", runs_options, store, "FILE", "store of runs",
                      .fallback =
                          "runs/runs.db, or the one beside the first run that is given by its "
                          "directory"),
    OPTION_ROW_STRING("where", runs_options, where, "CONDITIONS",
                      "list only runs that meet all conditions, separated by commas: "
                      "state=finished,lr<0.01,validation/fine_top1>=0.5",
                      .fallback = "all runs"),
    OPTION_ROW_STRING("sort", runs_options, sort, "KEY",
                      "sort by this value, ascending, or descending with -KEY",
                      .fallback = "by start time"),
    OPTION_ROW_STRING("columns", runs_options, columns, "KEYS",
                      "columns to show, separated by commas: name, state, step, started, "
                      "seconds, device, version and others; options; metrics (their best value)",
                      .fallback = "name, state, progress, main metrics and times",
                      .excludes = "compare"),
    OPTION_ROW_INT("limit", runs_options, limit, 0, INT_MAX, "show at most N runs; 0: all"),
    OPTION_ROW_FLAG("compare", runs_options, compare,
                    "show two or more runs side by side: the options in which they differ, and "
                    "their metrics"),
    OPTION_ROW_FLAG(
        "add", runs_options, add,
        "record runs from their directories; an older record of the same run keeps what "
        "the directory does not have"),
    OPTION_ROW_FLAG("delete", runs_options, remove, "delete runs with their directories"),
    OPTION_ROW_FLAG("keep-files", runs_options, keep_files,
                    "with --delete: delete the records and keep the directories",
                    .needs = "delete"),
    OPTION_ROW_FLAG("json", runs_options, json,
                    "print one line of JSON for each run, or for each row of a comparison"),
    {0},
};

static const command_line line = {
    .usage = "runs [OPTION]... [RUN]...",
    .summary = "Lists training runs from the store beside their directories, with their states and "
               "the best of their metrics. RUN is the name or the directory of a run; without it "
               "all runs are listed. A run was killed if the store says that it is running but no "
               "process holds it.",
    .example = "hcnn-cl runs --where 'backbone=resnet18' --sort -validation/fine_top1",
    .rows = rows,
    .operand = "RUN",
};

COMMAND(runs, runs_options, 0)
