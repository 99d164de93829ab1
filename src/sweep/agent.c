/* SPDX-License-Identifier: Apache-2.0 */
/* See agent.h. */
#include "sweep/agent.h"
#include "base/file.h"
#include "base/text.h"
#include "sweep/child.h"
#include "sweep/hyperband.h"
#include "sweep/trial_arguments.h"
#include "sweep/trial_match.h"
#include "track/record.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum {
    LOOK_MILLISECONDS = 200, /* between two looks at the runs */
    HOPELESS = 3,            /* failures that end the sweep if no run has succeeded */
    STOPPED_CODE = 130,
    UNREADY_CODE = 128 + SIGTERM, /* ended by SIGTERM before it could save */
};

/* A run that this agent trains. */
typedef struct slot {
    int number;    /* number of the trial; 0: the slot is free */
    child process; /* none: it ended with `code`, and the trial is not settled yet */
    int code;
    bool given_up; /* by hyperband */
    char reason[96];
} slot;

typedef struct agent {
    sweep_store *store;
    const sweep_file *file;
    const agent_options *options;
    const agent_observer *observer;
    slot *slots;         /* [options->jobs] */
    sweep_trials trials; /* as of the last look */
    size_t failures;     /* seen by this agent */
    bool exhausted;      /* no further trial will be started */
} agent;

/* ---- Starting a run ---- */

/* The slot of that trial or, for 0, a free slot; NULL if there is none. */
static slot *find_slot(const agent *a, int number)
{
    for (int i = 0; i < a->options->jobs; i++)
        if (a->slots[i].number == number)
            return &a->slots[i];
    return NULL;
}

static char *log_of(const agent *a, const sweep_trial *t)
{
    return text_format("%s/%s.log", a->store->runs->directory, t->run);
}

static status open_log(const agent *a, const sweep_trial *t, int *log, error *err)
{
    char *path = log_of(a, t);
    *log = -1;
    status result = path ? child_open_log(path, log, err) : error_memory(err, t->run);
    free(path);
    return result;
}

static status start_trial(agent *a, slot *s, const sweep_trial *t, int log,
                          const sampler_advice *advice, error *err)
{
    const agent_options *o = a->options;
    const char *device = o->device_count > 0 ? o->devices[(s - a->slots) % o->device_count] : NULL;
    words arguments = {0};
    char *directory = text_format("%s/%s", a->store->runs->directory, t->run);
    char *text = trial_describe(a->file, t->places);
    status result;
    TRY_OR_DONE(got_memory(directory && text, err, t->run));
    bool resumed = file_may_exist_in(directory, "config.json"); /* its directory is complete */
    TRY_OR_DONE((resumed ? trial_resume_arguments : trial_arguments)(a->file, o->extra, t->places,
                                                                     directory, &arguments, err));
    *s = (slot){.number = t->number};
    TRY_OR_DONE(child_start(o->program, &arguments, device, log, &s->process, err));
    if (a->observer->began)
        a->observer->began(a->observer->context, t, text, resumed, advice);
done:
    words_free(&arguments);
    free(directory);
    free(text);
    return result;
}

/* ---- Settling trials ---- */

static status settle(agent *a, sweep_trial *t, enum sweep_trial_state state, const char *message,
                     error *err)
{
    TRY(sweep_store_settle(a->store, t->number, state, message, err));
    t->state = state;
    a->failures += state == SWEEP_TRIAL_FAILED;
    free(t->message);
    t->message = message ? text_format("%s", message) : NULL;
    if (a->observer->ended)
        a->observer->ended(a->observer->context, t);
    return STATUS_OK;
}

/* A run that never logged the metric ends the sweep, because the other runs will not log it
 * either. */
static status settle_good(agent *a, sweep_trial *t, error *err)
{
    if (!a->file->metric || t->history_count > 0)
        return settle(a, t, SWEEP_TRIAL_FINISHED, NULL, err);
    TRY(settle(a, t, SWEEP_TRIAL_FAILED, "the run never logged the metric", err));
    return error_set(err, STATUS_FAILED,
                     "%s: line %d: the run %s never logged '%s', so there is nothing to search by. "
                     "With only_fine, no coarse metric is logged; a run that --max-steps ends "
                     "within its first epoch is not validated",
                     a->file->path, a->file->metric_line, t->run, a->file->metric);
}

/* The reason is in the store; what the process printed may be lost. */
static status settle_failed(agent *a, sweep_trial *t, const run_record *run, error *err)
{
    return settle(a, t, SWEEP_TRIAL_FAILED, run->message ? run->message : "the run was killed",
                  err);
}

/* A process that ended before it recorded a run left its reason only in the log. */
static status settle_unborn(agent *a, sweep_trial *t, error *err)
{
    char *log = log_of(a, t);
    char *reason = log ? child_last_words(log) : NULL;
    char *text = reason ? text_format("the run could not start: %s", reason)
                        : text_format("the run could not start; see %s", log ? log : "its log");
    free(reason);
    free(log);
    status result = text ? settle(a, t, SWEEP_TRIAL_FAILED, text, err) : error_memory(err, t->run);
    free(text);
    return result;
}

/* The name of the trial's run was given to another run, which is left alone. */
static status settle_taken(agent *a, sweep_trial *t, error *err)
{
    char *why = t->message;
    t->message = NULL;
    status result = settle(a, t, SWEEP_TRIAL_FAILED, why, err);
    free(why);
    return result;
}

static bool is_stopping(const agent *a)
{
    return a->observer->stop && *a->observer->stop;
}

/* A run that was stopped together with its agent is not settled, so that the next agent resumes
 * it. */
static status take_end(agent *a, const slot *s, sweep_trial *t, int code, error *err)
{
    run_record run;
    status result = STATUS_OK;
    TRY(run_store_find_state(a->store->runs, t->run, &run, err));
    if (s->given_up && (code == STOPPED_CODE || code == UNREADY_CODE))
        result = settle(a, t, SWEEP_TRIAL_EARLY, s->reason, err);
    else if (is_stopping(a) && code != 0)
        result = STATUS_OK;
    else if (run.id == 0)
        result = settle_unborn(a, t, err);
    else if (t->taken)
        result = settle_taken(a, t, err);
    else if (code == STOPPED_CODE)
        result = settle(a, t, SWEEP_TRIAL_FAILED, "the run was stopped by a signal", err);
    else if (code == 0 || (code == CHILD_LOST && run.state == RUN_FINISHED))
        result = settle_good(a, t, err);
    else
        result = settle_failed(a, t, &run, err);
    run_record_free(&run);
    return result;
}

static sweep_trial *find_trial(const agent *a, int number)
{
    const sweep_trials *all = &a->trials;
    return number >= 1 && (size_t)number <= all->count ? &all->trials[number - 1] : NULL;
}

/* Called before the trials are read, so that the trials include all that the ended runs logged. */
static void note_ended(agent *a)
{
    for (int i = 0; i < a->options->jobs; i++)
        if (a->slots[i].process.process != 0)
            child_ended(&a->slots[i].process, &a->slots[i].code);
}

static status settle_ended(agent *a, error *err)
{
    for (int i = 0; i < a->options->jobs; i++) {
        slot *s = &a->slots[i];
        if (s->process.process != 0)
            continue;
        sweep_trial *t = find_trial(a, s->number);
        s->number = 0;
        if (t)
            TRY(take_end(a, s, t, s->code, err));
    }
    return STATUS_OK;
}

/* ---- Hyperband ---- */

static void give_up(agent *a)
{
    int band;
    for (int i = 0; i < a->options->jobs; i++) {
        slot *s = &a->slots[i];
        if (s->given_up || !find_trial(a, s->number) ||
            !hyperband_stops(&a->file->hyperband, &a->trials, (size_t)s->number - 1, &band))
            continue;
        s->given_up = true;
        snprintf(s->reason, sizeof s->reason, "hyperband, at iteration %d", band);
        child_stop(&s->process);
    }
}

/* ---- Continuing and claiming trials ---- */

static status settle_orphan(agent *a, sweep_trial *t, const run_record *run, error *err)
{
    return run->state == RUN_FINISHED ? settle_good(a, t, err) : settle_failed(a, t, run, err);
}

/* Reads again what the run of a trial has logged: it may have ended after its agent was gone. The
 * record and the directory of that name both have to be the trial's. If the directory cannot be
 * read, train says why. */
static status check_own(agent *a, sweep_trial *t, error *err)
{
    json_t *config;
    char *why = NULL;
    error unreadable;
    TRY(sweep_store_read_history(a->store, a->file, t, err));
    char *directory = text_format("%s/%s", a->store->runs->directory, t->run);
    TRY(got_memory(directory, err, t->run));
    bool whole = !t->taken && record_config(directory, &config, &unreadable) == STATUS_OK;
    free(directory);
    if (!whole)
        return STATUS_OK;
    status result = trial_match(a->file, t->places, config, &why, err);
    json_decref(config);
    if (why) {
        t->taken = true;
        free(t->message);
        t->message = why;
    }
    return result;
}

/* This process has the log's lock, so no other agent works on the trial; but a person may be
 * resuming its run. */
static status take_over_with(agent *a, slot *s, sweep_trial *t, int log, error *err)
{
    run_record run;
    bool taken = t->mine;
    status result = STATUS_OK;
    TRY(run_store_find_state(a->store->runs, t->run, &run, err));
    if (run.state == RUN_RUNNING)
        goto done;
    if (!taken)
        TRY_OR_DONE(sweep_store_adopt(a->store, t->number, &taken, err));
    if (!taken)
        goto done;
    TRY_OR_DONE(check_own(a, t, err));
    if (t->taken)
        result = settle_taken(a, t, err);
    else
        result = run.state == RUN_FINISHED || run.state == RUN_FAILED
                     ? settle_orphan(a, t, &run, err)
                     : start_trial(a, s, t, log, NULL, err);
done:
    run_record_free(&run);
    return result;
}

/* Takes over a trial that no agent works on, or one of this agent's that had to wait for its log.
 * The run of a killed agent keeps its log locked until it has ended. */
static status take_over(agent *a, slot *s, sweep_trial *t, error *err)
{
    int log;
    if (t->state != SWEEP_TRIAL_RUNNING || (t->owned && !t->mine) || find_slot(a, t->number))
        return STATUS_OK;
    TRY(open_log(a, t, &log, err));
    status result = log >= 0 ? take_over_with(a, s, t, log, err) : STATUS_OK;
    child_close_log(log);
    return result;
}

/* The most trials of the sweep; 0: no limit is known. */
static int limit_of(const agent *a)
{
    int most = a->options->most, cap = a->file->run_cap;
    return cap > 0 && (most == 0 || cap < most) ? cap : most;
}

static status claim_new(agent *a, slot *s, error *err)
{
    int number, log;
    sampler_advice advice;
    TRY(sweep_store_claim(a->store, a->file, limit_of(a), &number, &advice, err));
    a->exhausted |= number == 0;
    if (number == 0)
        return STATUS_OK;
    TRY(sweep_store_update(a->store, a->file, &a->trials, err));
    const sweep_trial *t = find_trial(a, number);
    if (!t)
        return error_set(
            err, STATUS_FAILED,
            "trial %d has disappeared from the store of runs; try the same command again", number);
    TRY(open_log(a, t, &log, err));
    status result = log >= 0 ? start_trial(a, s, t, log, &advice, err) : STATUS_OK;
    child_close_log(log);
    return result;
}

/* Whether nothing has succeeded so far and this agent has seen HOPELESS failures. It then starts no
 * further trial until its other runs have ended. */
static bool is_in_doubt(const agent *a)
{
    for (size_t i = 0; i < a->trials.count; i++)
        if (sweep_trial_succeeded(&a->trials.trials[i]))
            return false;
    return a->failures >= HOPELESS;
}

static status fill_slots(agent *a, error *err)
{
    slot *s;
    if (is_stopping(a))
        return STATUS_OK;
    for (size_t i = 0; i < a->trials.count && (s = find_slot(a, 0)); i++)
        TRY(take_over(a, s, &a->trials.trials[i], err));
    while (!a->exhausted && !is_in_doubt(a) && (s = find_slot(a, 0))) {
        TRY(claim_new(a, s, err));
        if (s->number == 0) /* another process has locked its log */
            break;
    }
    return STATUS_OK;
}

/* ---- The end of the sweep ---- */

static bool reached_target(const agent *a)
{
    const sweep_trials *all = &a->trials;
    double target = a->file->maximize ? -a->file->target : a->file->target;
    for (size_t i = 0; a->file->has_target && i < all->count; i++)
        if (all->trials[i].has_objective && all->trials[i].objective <= target)
            return true;
    return false;
}

static bool is_idle(const agent *a)
{
    for (int i = 0; i < a->options->jobs; i++)
        if (a->slots[i].number != 0)
            return false;
    return true;
}

/* Ends the sweep if every run fails, because the cause is probably common to all. Runs that still
 * train are waited for. */
static status check_hope(const agent *a, error *err)
{
    const sweep_trial *last = NULL;
    if (!is_in_doubt(a) || !is_idle(a))
        return STATUS_OK;
    for (size_t i = 0; i < a->trials.count; i++)
        if (a->trials.trials[i].state == SWEEP_TRIAL_FAILED)
            last = &a->trials.trials[i];
    return error_set(err, STATUS_FAILED,
                     "%zu runs of the sweep %s failed and none has succeeded; remove the common "
                     "cause, and the same command continues the sweep. The last one, %s: %s",
                     a->failures, a->file->name, last ? last->run : "",
                     last && last->message ? last->message : "no reason is known");
}

static size_t count_over(const sweep_trials *trials)
{
    size_t over = 0;
    for (size_t i = 0; i < trials->count; i++)
        over += trials->trials[i].state != SWEEP_TRIAL_RUNNING;
    return over;
}

static status look(agent *a, bool *done, error *err)
{
    note_ended(a);
    TRY(sweep_store_update(a->store, a->file, &a->trials, err));
    TRY(settle_ended(a, err));
    TRY(check_hope(a, err));
    give_up(a);
    a->exhausted |= reached_target(a);
    TRY(fill_slots(a, err));
    size_t over = count_over(&a->trials);
    if (a->observer->waiting)
        a->observer->waiting(a->observer->context, over, a->trials.count, (size_t)limit_of(a));
    *done = a->exhausted && is_idle(a) && over == a->trials.count;
    return STATUS_OK;
}

/* Asks every run to save and end, and waits for all of them. */
static void stop_runs(agent *a)
{
    for (int i = 0; i < a->options->jobs; i++)
        child_stop(&a->slots[i].process);
    for (int i = 0; i < a->options->jobs; i++)
        child_wait(&a->slots[i].process);
}

static status work(agent *a, error *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_MILLISECONDS * 1000000L};
    bool done = false;
    while (!done) {
        if (is_stopping(a))
            return error_set(
                err, STATUS_INTERRUPTED,
                "stopped; the runs of the sweep %s are saved, and the same command continues them",
                a->file->name);
        TRY(look(a, &done, err));
        if (!done)
            nanosleep(&pause, NULL);
    }
    return STATUS_OK;
}

status agent_run(sweep_store *store, const sweep_file *file, const agent_options *options,
                 const agent_observer *observer, error *err)
{
    agent a = {.store = store, .file = file, .options = options, .observer = observer};
    a.slots = calloc((size_t)options->jobs, sizeof *a.slots);
    if (!a.slots)
        return error_memory(err, "the agent");
    void (*before)(int) = signal(SIGCHLD, SIG_DFL); /* if ignored, children leave no exit code */
    status result = work(&a, err);
    stop_runs(&a);
    signal(SIGCHLD, before);
    sweep_trials_free(&a.trials);
    free(a.slots);
    return result;
}
