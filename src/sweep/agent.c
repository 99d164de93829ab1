/* See agent.h. */
#include "sweep/agent.h"
#include "base/file.h"
#include "sweep/child.h"
#include "sweep/hyperband.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LOOK_MILLISECONDS = 200, /* from one look at the runs to the next */
    BEAT_LOOKS = 25,         /* from one sign of life to the next */
    HOPELESS = 3,            /* failures, without a success, that end the sweep */
    STOPPED_CODE = 130,
    UNREADY_CODE = 128 + SIGTERM, /* asked to end before it could save */
};

/* A run that this agent trains. */
typedef struct slot {
    child process; /* none: the slot is free */
    int number;
    bool over; /* its process ended, with this code, and the trial is not settled yet */
    int code;
    bool given_up; /* by hyperband */
    char reason[96];
} slot;

typedef struct agent {
    sweep_store *store;
    const sweep_file *file;
    const agent_options *options;
    const agent_observer *observer;
    slot *slots;    /* [options->jobs] */
    bool exhausted; /* no further trial will be begun */
    unsigned looks;
} agent;

/* ---- What a run is started with ---- */

static status add(words *w, char *text, error *err)
{
    status result = text ? words_add(w, text, strlen(text), err) : error_memory(err, "a run");
    free(text);
    return result;
}

static status add_parameter(const sweep_parameter *p, double place, words *arguments, error *err)
{
    char *value = sweep_parameter_text(p, place);
    status result = value ? add(arguments, file_path("--%s=%s", p->option, value), err)
                          : error_memory(err, "a run");
    free(value);
    return result;
}

status agent_arguments(const sweep_file *file, const words *extra, const double *places,
                       const char *directory, words *arguments, error *err)
{
    TRY(add(arguments, file_path("train"), err));
    for (size_t i = 0; i < file->fixed_count; i++)
        TRY(add(arguments, file_path("%s", file->fixed[i]), err));
    for (size_t i = 0; extra && i < extra->count; i++)
        TRY(add(arguments, file_path("%s", extra->texts[i]), err));
    for (size_t i = 0; i < file->parameter_count; i++)
        TRY(add_parameter(&file->parameters[i], places[i], arguments, err));
    return directory ? add(arguments, file_path("--run=%s", directory), err) : STATUS_OK;
}

/* The words that give --max-steps: the one limit that a run does not keep for when it goes on. */
static status add_limit(const words *all, words *arguments, error *err)
{
    static const char dashed[] = "--max-steps", joined[] = "--max_steps";
    const size_t length = sizeof dashed - 1;
    for (size_t i = 0; i < all->count; i++) {
        const char *text = all->texts[i];
        if (strncmp(text, dashed, length) != 0 && strncmp(text, joined, length) != 0)
            continue;
        TRY(add(arguments, file_path("%s", text), err));
        if (text[length] == '\0' && i + 1 < all->count)
            TRY(add(arguments, file_path("%s", all->texts[++i]), err));
    }
    return STATUS_OK;
}

/* The arguments of a run that goes on. */
static status resume_arguments(const agent *a, const double *places, const char *directory,
                               words *arguments, error *err)
{
    words all = {0};
    status result = agent_arguments(a->file, a->options->extra, places, NULL, &all, err);
    if (result == STATUS_OK)
        result = add(arguments, file_path("train"), err);
    if (result == STATUS_OK)
        result = add(arguments, file_path("--resume=%s", directory), err);
    if (result == STATUS_OK)
        result = add_limit(&all, arguments, err);
    words_free(&all);
    return result;
}

/* "lr=0.01 batch-size=32", for people. */
static char *describe(const sweep_file *file, const double *places)
{
    char *text = file_path("%s", "");
    for (size_t i = 0; text && i < file->parameter_count; i++) {
        char *value = sweep_parameter_text(&file->parameters[i], places[i]);
        char *longer =
            value ? file_path("%s%s%s=%s", text, *text ? " " : "", file->parameters[i].name, value)
                  : NULL;
        free(value);
        free(text);
        text = longer;
    }
    return text;
}

/* ---- Starting ---- */

static slot *free_slot(agent *a)
{
    for (int i = 0; i < a->options->jobs; i++)
        if (a->slots[i].process.process == 0)
            return &a->slots[i];
    return NULL;
}

static bool works_on(const agent *a, int number)
{
    for (int i = 0; i < a->options->jobs; i++)
        if (a->slots[i].process.process != 0 && a->slots[i].number == number)
            return true;
    return false;
}

static char *directory_of(const agent *a, const sweep_trial *t)
{
    return file_path("%s/%s", run_store_directory(a->store->runs), t->run);
}

/* Whether the run was begun: its directory is there, whole. */
static bool was_begun(const char *directory)
{
    char *config = file_path("%s/config.json", directory);
    bool begun = config && file_exists(config);
    free(config);
    return begun;
}

static status start_process(agent *a, slot *s, const words *arguments, const char *directory,
                            error *err)
{
    const agent_options *o = a->options;
    const char *device = o->device_count > 0 ? o->devices[(s - a->slots) % o->device_count] : NULL;
    char *log = file_path("%s.log", directory);
    status result = log ? child_start(o->program, arguments, device, log, &s->process, err)
                        : error_memory(err, directory);
    free(log);
    return result;
}

static status start_trial(agent *a, slot *s, const sweep_trial *t, const sampler_advice *advice,
                          error *err)
{
    words arguments = {0};
    char *directory = directory_of(a, t), *text = describe(a->file, t->places);
    bool resumed = directory && was_begun(directory);
    status result = directory && text ? STATUS_OK : error_memory(err, t->run);
    if (result == STATUS_OK)
        result = resumed ? resume_arguments(a, t->places, directory, &arguments, err)
                         : agent_arguments(a->file, a->options->extra, t->places, directory,
                                           &arguments, err);
    *s = (slot){.number = t->number};
    if (result == STATUS_OK)
        result = start_process(a, s, &arguments, directory, err);
    if (result == STATUS_OK && a->observer->began)
        a->observer->began(a->observer->context, t, text, resumed, advice);
    words_free(&arguments);
    free(directory);
    free(text);
    return result;
}

/* ---- Ending ---- */

static status settle(agent *a, sweep_trial *t, enum sweep_trial_state state, const char *message,
                     error *err)
{
    TRY(sweep_store_settle(a->store, t->number, state, message, err));
    t->state = state;
    free(t->message);
    t->message = message ? file_path("%s", message) : NULL;
    if (a->observer->ended)
        a->observer->ended(a->observer->context, t);
    return STATUS_OK;
}

static status never_logged(const agent *a, const sweep_trial *t, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: line %d: the run %s never logged '%s', so there is nothing to search by; "
                     "with only_fine there are no coarse metrics, and a run that --max-steps ends "
                     "within its first epoch has no validation",
                     a->file->path, a->file->metric_line, t->run, a->file->metric);
}

/* Of a run that is over. Why it failed stands in the store: what its process printed may be lost.
 */
static status settle_by_record(agent *a, sweep_trial *t, bool good, error *err)
{
    run_record r;
    if (good && a->file->metric && t->history_count == 0)
        return never_logged(a, t, err);
    if (good)
        return settle(a, t, SWEEP_TRIAL_FINISHED, NULL, err);
    TRY(run_store_find(a->store->runs, t->run, &r, err));
    status result = settle(a, t, SWEEP_TRIAL_FAILED, r.message ? r.message : "it was killed", err);
    run_record_free(&r);
    return result;
}

/* A process that began no run left its reason in the log alone. */
static status settle_unborn(agent *a, sweep_trial *t, error *err)
{
    char *text =
        file_path("it could not begin: see %s/%s.log", run_store_directory(a->store->runs), t->run);
    status result = text ? settle(a, t, SWEEP_TRIAL_FAILED, text, err) : error_memory(err, t->run);
    free(text);
    return result;
}

static bool is_stopping(const agent *a)
{
    return a->observer->stop && *a->observer->stop;
}

/* A run that was stopped with its agent stays as it is, for the next one. */
static status take_end(agent *a, const slot *s, sweep_trial *t, int code, error *err)
{
    int64_t run;
    TRY(run_store_id(a->store->runs, t->run, &run, err));
    if (s->given_up && (code == STOPPED_CODE || code == UNREADY_CODE))
        return settle(a, t, SWEEP_TRIAL_EARLY, s->reason, err);
    if (is_stopping(a) && code != 0)
        return STATUS_OK;
    if (run == 0)
        return settle_unborn(a, t, err);
    if (code == STOPPED_CODE)
        return settle(a, t, SWEEP_TRIAL_FAILED, "it was stopped by a signal", err);
    return settle_by_record(a, t, code == 0, err);
}

static sweep_trial *find_trial(sweep_trials *trials, int number)
{
    return number >= 1 && (size_t)number <= trials->count ? &trials->trials[number - 1] : NULL;
}

/* Before the trials are read, so that what is read holds all that these runs logged. */
static void note_ended(agent *a)
{
    for (int i = 0; i < a->options->jobs; i++) {
        slot *s = &a->slots[i];
        s->over = s->process.process != 0 && child_ended(&s->process, &s->code);
    }
}

static status settle_ended(agent *a, sweep_trials *trials, error *err)
{
    for (int i = 0; i < a->options->jobs; i++) {
        slot *s = &a->slots[i];
        sweep_trial *t = s->over ? find_trial(trials, s->number) : NULL;
        s->over = false;
        if (t)
            TRY(take_end(a, s, t, s->code, err));
    }
    return STATUS_OK;
}

/* ---- Hyperband ---- */

static status give_up(agent *a, sweep_trials *trials, error *err)
{
    int band;
    if (!a->file->hyperband.given)
        return STATUS_OK;
    hyperband_history *runs = calloc(trials->count + 1, sizeof *runs);
    if (!runs)
        return error_memory(err, "the sweep's runs");
    for (size_t i = 0; i < trials->count; i++)
        runs[i] = (hyperband_history){trials->trials[i].history, trials->trials[i].history_count};
    for (int i = 0; i < a->options->jobs; i++) {
        slot *s = &a->slots[i];
        if (s->process.process == 0 || s->given_up || !find_trial(trials, s->number) ||
            !hyperband_stops(&a->file->hyperband, runs, trials->count, (size_t)s->number - 1,
                             &band))
            continue;
        s->given_up = true;
        snprintf(s->reason, sizeof s->reason, "hyperband, at iteration %d", band);
        child_stop(&s->process);
    }
    free(runs);
    return STATUS_OK;
}

/* ---- Going on ---- */

/* What the store says of a trial's run; RUN_STOPPED where it does not know it. */
static status read_run_state(const agent *a, const sweep_trial *t, enum run_state *state,
                             error *err)
{
    int64_t id;
    run_record r;
    *state = RUN_STOPPED;
    TRY(run_store_id(a->store->runs, t->run, &id, err));
    if (id == 0)
        return STATUS_OK;
    TRY(run_store_find(a->store->runs, t->run, &r, err));
    *state = r.state;
    run_record_free(&r);
    return STATUS_OK;
}

/* A trial that nobody works on any more. Its run may still be running: a child of a killed agent on
 * its way to its end. */
static status take_over(agent *a, slot *s, sweep_trial *t, error *err)
{
    enum run_state state;
    bool taken;
    if (t->state != SWEEP_TRIAL_RUNNING || t->owned || works_on(a, t->number))
        return STATUS_OK;
    TRY(read_run_state(a, t, &state, err));
    if (state == RUN_RUNNING)
        return STATUS_OK;
    TRY(sweep_store_adopt(a->store, t->number, &taken, err));
    if (!taken)
        return STATUS_OK;
    if (state == RUN_FINISHED || state == RUN_FAILED)
        return settle_by_record(a, t, state == RUN_FINISHED, err);
    return start_trial(a, s, t, NULL, err);
}

/* The most trials; 0: no end is known. */
static int limit_of(const agent *a)
{
    int most = a->options->most, cap = a->file->run_cap;
    return cap > 0 && (most == 0 || cap < most) ? cap : most;
}

static status claim_new(agent *a, slot *s, error *err)
{
    int number;
    sampler_advice advice;
    sweep_trials trials;
    TRY(sweep_store_claim(a->store, a->file, limit_of(a), &number, &a->exhausted, &advice, err));
    a->exhausted |= number == 0;
    if (number == 0)
        return STATUS_OK;
    TRY(sweep_store_trials(a->store, a->file, &trials, err));
    sweep_trial *t = find_trial(&trials, number);
    status result = t ? start_trial(a, s, t, &advice, err)
                      : error_set(err, STATUS_FAILED, "trial %d is gone from the store", number);
    sweep_trials_free(&trials);
    return result;
}

static status fill_slots(agent *a, sweep_trials *trials, error *err)
{
    slot *s;
    for (size_t i = 0; i < trials->count && (s = free_slot(a)); i++)
        TRY(take_over(a, s, &trials->trials[i], err));
    while (!a->exhausted && (s = free_slot(a)))
        TRY(claim_new(a, s, err));
    return STATUS_OK;
}

/* ---- The end of the sweep ---- */

static bool reached_target(const agent *a, const sweep_trials *trials)
{
    double target = a->file->maximize ? -a->file->target : a->file->target;
    for (size_t i = 0; a->file->has_target && i < trials->count; i++)
        if (trials->trials[i].has_objective && trials->trials[i].objective <= target)
            return true;
    return false;
}

/* Every run fails: the fault is in what they have in common. */
static status check_hope(const agent *a, const sweep_trials *trials, error *err)
{
    size_t failed = 0;
    const sweep_trial *last = NULL;
    for (size_t i = 0; i < trials->count; i++) {
        const sweep_trial *t = &trials->trials[i];
        if (t->state == SWEEP_TRIAL_FINISHED || t->state == SWEEP_TRIAL_EARLY)
            return STATUS_OK;
        if (t->state == SWEEP_TRIAL_FAILED) {
            failed++;
            last = t;
        }
    }
    if (failed < HOPELESS)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "the first %zu runs of the sweep %s failed, and none succeeded; mend that and "
                     "begin it anew under another --name. The last, %s: %s",
                     failed, a->file->name, last->run, last->message ? last->message : "no reason");
}

static size_t count_over(const sweep_trials *trials)
{
    size_t over = 0;
    for (size_t i = 0; i < trials->count; i++)
        over += trials->trials[i].state != SWEEP_TRIAL_RUNNING;
    return over;
}

static bool is_idle(const agent *a)
{
    for (int i = 0; i < a->options->jobs; i++)
        if (a->slots[i].process.process != 0)
            return false;
    return true;
}

/* Nothing of its own, and nobody else's that might be left to it. */
static bool is_done(const agent *a, const sweep_trials *trials)
{
    return a->exhausted && is_idle(a) && count_over(trials) == trials->count;
}

static status look(agent *a, bool *done, error *err)
{
    sweep_trials trials;
    note_ended(a);
    TRY(sweep_store_trials(a->store, a->file, &trials, err));
    status result = settle_ended(a, &trials, err);
    if (result == STATUS_OK)
        result = check_hope(a, &trials, err);
    if (result == STATUS_OK)
        result = give_up(a, &trials, err);
    a->exhausted |= reached_target(a, &trials);
    if (result == STATUS_OK)
        result = fill_slots(a, &trials, err);
    if (result == STATUS_OK && a->looks++ % BEAT_LOOKS == 0)
        result = sweep_store_beat(a->store, err);
    if (a->observer->waiting)
        a->observer->waiting(a->observer->context, count_over(&trials), trials.count,
                             (size_t)limit_of(a));
    *done = is_done(a, &trials);
    sweep_trials_free(&trials);
    return result;
}

/* Asks every run to end and waits: each saves first. */
static void stop_runs(agent *a)
{
    for (int i = 0; i < a->options->jobs; i++)
        if (a->slots[i].process.process != 0)
            child_stop(&a->slots[i].process);
    for (int i = 0; i < a->options->jobs; i++)
        if (a->slots[i].process.process != 0)
            child_wait(&a->slots[i].process);
}

static status work(agent *a, error *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_MILLISECONDS * 1000000L};
    bool done = false;
    while (!done) {
        if (is_stopping(a))
            return error_set(err, STATUS_INTERRUPTED,
                             "stopped; the runs of the sweep %s are saved, and the same command "
                             "goes on with them",
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
    agent a = {store, file, options, observer, NULL, false, 0};
    a.slots = calloc((size_t)options->jobs, sizeof *a.slots);
    if (!a.slots)
        return error_memory(err, "the agent");
    status result = work(&a, err);
    stop_runs(&a);
    free(a.slots);
    return result;
}
