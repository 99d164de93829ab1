/* SPDX-License-Identifier: Apache-2.0 */
/* See sweep_store.h. */
#include "sweep/sweep_store.h"
#include "base/array.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/process.h"
#include "base/text.h"
#include "sweep/trial_match.h"
#include "track/database.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An agent is identified by its process number and by `began`, when that process started, because
 * process numbers are reused. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS sweeps ("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, text TEXT NOT NULL, extra TEXT NOT NULL,"
    "  seed TEXT NOT NULL, created REAL NOT NULL);"
    "CREATE TABLE IF NOT EXISTS trials ("
    "  sweep INTEGER NOT NULL, number INTEGER NOT NULL, run TEXT NOT NULL, state TEXT NOT NULL,"
    "  places TEXT NOT NULL, message TEXT, process INTEGER, began TEXT,"
    "  PRIMARY KEY (sweep, number)) WITHOUT ROWID;";

static const word_list states = WORD_LIST("running", "finished", "ended early", "failed");

const char *sweep_trial_state_name(enum sweep_trial_state state)
{
    return word_list_at(&states, (int)state);
}

char *sweep_run_name(const char *sweep, int number)
{
    return text_format("%s-%03d", sweep, number);
}

/* ---- Starting and joining ---- */

/* The caller frees *text. */
static status words_to_json(const words *w, char **text, error *err)
{
    bool utf8;
    json_watch();
    *text = NULL;
    for (size_t i = 0; i < w->count; i++) {
        TRY(json_check_text(w->texts[i], &utf8, err));
        if (!utf8)
            return error_set(err, STATUS_USAGE,
                             "the word '%s' for the runs is not UTF-8, which the store of runs "
                             "requires; rename what it names",
                             w->texts[i]);
    }
    return json_to_text(texts_to_json(w->texts, (int)w->count), JSON_COMPACT, "the sweep's words",
                        text, err);
}

static status damaged_words(error *err)
{
    return error_set(err, STATUS_FAILED,
                     "the sweep's words for its runs are damaged in the store of runs; start the "
                     "sweep again under another --name");
}

/* Takes over the array. */
static status words_from_json(json_t *array, words *w, error *err)
{
    size_t i;
    json_t *word;
    *w = (words){0};
    status result;
    TRY_OR_DONE(json_is_array(array) ? STATUS_OK : damaged_words(err));
    json_array_foreach(array, i, word)
    {
        TRY_OR_DONE(json_is_string(word) ? STATUS_OK : damaged_words(err));
        TRY_OR_DONE(words_add(w, json_string_value(word), json_string_length(word), err));
    }
done:
    json_decref(array);
    if (result != STATUS_OK)
        words_free(w);
    return result;
}

/* The row of a name, if there is one. */
static status find_row(database *db, const char *name, sqlite3_stmt **row, bool *found, error *err)
{
    return database_find(db, row, found, err,
                         "SELECT id, text, extra, seed FROM sweeps WHERE name = ?", "s", name);
}

static status check_same(sqlite3_stmt *row, const sweep_terms *terms, const char *extra,
                         const char *seed, error *err)
{
    static const char *const what[] = {"", "another file", "other words for its runs",
                                       "another --seed"};
    const char *const mine[] = {"", terms->text, extra, seed};
    for (int i = 1; i < 4; i++) {
        const char *kept;
        TRY(database_look(row, i, &kept, err));
        if (!kept || strcmp(kept, mine[i]) != 0)
            return error_set(err, STATUS_USAGE,
                             "the sweep %s was started with %s; use the same to continue it, or "
                             "start another sweep under another --name",
                             terms->name, what[i]);
    }
    return STATUS_OK;
}

/* Called within a transaction. */
static status begin_or_join(sweep_store *s, const sweep_terms *terms, const char *extra,
                            const char *seed, bool *joined, error *err)
{
    database *db = &s->runs->db;
    sqlite3_stmt *row;
    TRY(database_execute(db, schema, err));
    TRY(find_row(db, terms->name, &row, joined, err));
    s->id = *joined ? sqlite3_column_int64(row, 0) : 0;
    status result = *joined ? check_same(row, terms, extra, seed, err) : STATUS_OK;
    sqlite3_finalize(row);
    if (*joined)
        return result;
    TRY(database_run(db, err,
                     "INSERT INTO sweeps (name, text, extra, seed, created) VALUES (?, ?, ?, ?, ?)",
                     "ssssd", terms->name, terms->text, extra, seed, run_store_now()));
    s->id = sqlite3_last_insert_rowid(db->handle);
    return STATUS_OK;
}

status sweep_store_open(run_store *runs, const sweep_terms *terms, sweep_store *opened,
                        bool *joined, error *err)
{
    database *db = &runs->db;
    char seed[32];
    *opened = (sweep_store){.runs = runs, .seed = terms->seed};
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)terms->seed);
    char *extra;
    TRY(words_to_json(terms->extra, &extra, err));
    status result;
    TRY_OR_DONE(database_begin(db, err));
    result = database_end(db, begin_or_join(opened, terms, extra, seed, joined, err), err);
done:
    free(extra);
    return result;
}

/* ---- Finding ---- */

static status no_such_sweep(database *db, const char *name, error *err)
{
    words there = {0};
    status result = database_each(db, database_take_word, &there, err,
                                  "SELECT name FROM sweeps ORDER BY name", "");
    if (result == STATUS_OK)
        error_set(err, STATUS_FAILED, "%s: the store does not have a sweep %s; %s", db->path, name,
                  there.count ? "its sweeps are " : "it has no sweeps");
    for (size_t i = 0; result == STATUS_OK && i < there.count; i++)
        error_suffix(err, STATUS_FAILED, "%s%s", i ? ", " : "", there.texts[i]);
    words_free(&there);
    return STATUS_FAILED;
}

status sweep_store_find(run_store *runs, const char *name, sweep_store *found, char **text,
                        words *extra, error *err)
{
    database *db = &runs->db;
    sqlite3_stmt *row;
    bool is_there;
    *text = NULL;
    *extra = (words){0};
    TRY(database_execute(db, schema, err));
    TRY(find_row(db, name, &row, &is_there, err));
    status result;
    TRY_OR_DONE(is_there ? STATUS_OK : no_such_sweep(db, name, err));
    const char *seed;
    json_t *array;
    TRY_OR_DONE(database_look(row, 3, &seed, err));
    *found =
        (sweep_store){runs, sqlite3_column_int64(row, 0), strtoull(seed ? seed : "", NULL, 10)};
    TRY_OR_DONE(database_text(row, 1, text, err));
    TRY_OR_DONE(got_memory(*text, err, name));
    TRY_OR_DONE(database_json(row, 2, &array, err));
    TRY_OR_DONE(words_from_json(array, extra, err));
done:
    sqlite3_finalize(row);
    if (result != STATUS_OK) {
        free(*text);
        *text = NULL;
    }
    return result;
}

/* ---- Reading trials ---- */

/* The list that trials are appended to, and the file of their sweep. */
typedef struct gathering {
    const sweep_file *file;
    sweep_trials *trials;
    int *damaged; /* counts the damaged trials, which are left out; NULL: they are an error */
} gathering;

static status damaged_trial(int number, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "trial %d of the sweep is damaged in the store of runs, or a trial before it "
                     "is missing; start the sweep again under another --name",
                     number);
}

/* Takes over the array; t->places has room for the parameters. */
static bool read_places(sweep_trial *t, const sweep_file *file, json_t *array)
{
    bool whole = json_array_size(array) == file->parameter_count;
    for (size_t i = 0; whole && i < file->parameter_count; i++) {
        const json_t *place = json_array_get(array, i);
        whole = json_is_number(place);
        t->places[i] = json_number_value(place);
    }
    json_decref(array);
    return whole;
}

static void read_owner(sweep_trial *t, int64_t process, const char *began)
{
    process_name me = process_this();
    t->owned = process_lives(process, began);
    t->mine = t->owned && process == me.id && strcmp(began, me.began) == 0;
}

/* *whole is false if the trial is damaged. */
static status read_trial(const sweep_file *file, sweep_trial *t, sqlite3_stmt *row, bool *whole,
                         error *err)
{
    const char *name, *began;
    json_t *places;
    *t = (sweep_trial){.number = (int)sqlite3_column_int64(row, 0),
                       .places = calloc(file->parameter_count + 1, sizeof *t->places)};
    TRY(got_memory(t->places, err, "a trial"));
    TRY(database_text(row, 1, &t->run, err));
    TRY(database_text(row, 4, &t->message, err));
    TRY(database_look(row, 2, &name, err));
    int state = name ? word_list_find(&states, name) : -1;
    *whole = t->run && file_is_name(t->run) && state >= 0;
    t->state = *whole ? (enum sweep_trial_state)state : SWEEP_TRIAL_FAILED;
    TRY(database_look(row, 6, &began, err));
    read_owner(t, sqlite3_column_int64(row, 5), began);
    TRY(database_json(row, 3, &places, err));
    *whole &= read_places(t, file, places);
    return STATUS_OK;
}

static void free_trial(sweep_trial *t)
{
    free(t->run);
    free(t->places);
    free(t->message);
    free(t->history);
}

static status append_trial(void *context, sqlite3_stmt *row, error *err)
{
    const gathering *g = context;
    sweep_trials *all = g->trials;
    TRY(array_grow(&all->trials, all->count, sizeof *all->trials, "the sweep's trials", err));
    sweep_trial *t = &all->trials[all->count++];
    bool whole = false;
    TRY(read_trial(g->file, t, row, &whole, err));
    if (!g->damaged)
        return whole && t->number == (int)all->count ? STATUS_OK : damaged_trial(t->number, err);
    if (!whole) {
        free_trial(t);
        all->count--;
        ++*g->damaged;
    }
    return STATUS_OK;
}

/* Finds the run that has the name of the trial's; *run is 0 if it does not exist or is not the
 * trial's. */
static status find_run(sweep_store *s, const sweep_file *file, sweep_trial *t, int64_t *run,
                       error *err)
{
    bool found;
    sqlite3_stmt *row;
    json_t *config = NULL;
    char *why = NULL;
    *run = 0;
    TRY(database_find(&s->runs->db, &row, &found, err, "SELECT id, config FROM runs WHERE name = ?",
                      "s", t->run));
    status result = STATUS_OK;
    if (found)
        TRY_OR_DONE(database_json(row, 1, &config, err));
    if (config)
        TRY_OR_DONE(trial_match(file, t->places, config, &why, err));
    t->taken = why;
    if (why) {
        free(t->message);
        t->message = why;
    } else if (found) {
        *run = sqlite3_column_int64(row, 0);
    }
done:
    sqlite3_finalize(row);
    json_decref(config);
    return result;
}

/* A run that does not exist has logged nothing. */
status sweep_store_read_history(sweep_store *s, const sweep_file *file, sweep_trial *t, error *err)
{
    run_series series;
    int64_t run;
    free(t->history);
    t->history = NULL;
    t->history_count = 0;
    t->has_objective = false;
    t->objective = INFINITY;
    t->latest = NAN;
    TRY(find_run(s, file, t, &run, err));
    if (run == 0 || !file->metric)
        return STATUS_OK;
    TRY(run_store_series(s->runs, run, file->metric, &series, err));
    t->history = series.values;
    t->history_count = series.count;
    series.values = NULL;
    run_series_free(&series);
    for (size_t i = 0; i < t->history_count; i++) {
        t->latest = t->history[i] = file->maximize ? -t->history[i] : t->history[i];
        if (!isfinite(t->latest))
            continue;
        t->has_objective = true;
        t->objective = fmin(t->objective, t->latest);
    }
    return STATUS_OK;
}

static status gather(sweep_store *s, gathering *g, error *err)
{
    return database_each(&s->runs->db, append_trial, g, err,
                         "SELECT number, run, state, places, message, process, began"
                         " FROM trials WHERE sweep = ? ORDER BY number",
                         "i", s->id);
}

status sweep_store_read(sweep_store *s, const sweep_file *file, sweep_trials *trials, int *damaged,
                        error *err)
{
    gathering g = {file, trials, damaged};
    *trials = (sweep_trials){0};
    *damaged = 0;
    status result = gather(s, &g, err);
    for (size_t i = 0; result == STATUS_OK && i < trials->count; i++)
        result = sweep_store_read_history(s, file, &trials->trials[i], err);
    if (result != STATUS_OK)
        sweep_trials_free(trials);
    return result;
}

status sweep_store_update(sweep_store *s, const sweep_file *file, sweep_trials *trials, error *err)
{
    sweep_trials fresh = {0};
    gathering g = {file, &fresh, NULL};
    status result = gather(s, &g, err);
    for (size_t i = 0; result == STATUS_OK && i < fresh.count; i++) {
        if (i >= trials->count || trials->trials[i].state == SWEEP_TRIAL_RUNNING) {
            result = sweep_store_read_history(s, file, &fresh.trials[i], err);
        } else { /* it was over and does not change any more */
            sweep_trial over = trials->trials[i];
            trials->trials[i] = fresh.trials[i];
            fresh.trials[i] = over;
        }
    }
    sweep_trials_free(trials);
    *trials = fresh;
    if (result != STATUS_OK)
        sweep_trials_free(trials);
    return result;
}

void sweep_trials_free(sweep_trials *trials)
{
    for (size_t i = 0; i < trials->count; i++)
        free_trial(&trials->trials[i]);
    free(trials->trials);
    *trials = (sweep_trials){0};
}

/* ---- Claiming ---- */

static status places_to_text(const double *places, size_t count, char **text, error *err)
{
    json_watch();
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        array = array_with(array, json_real(places[i]));
    return json_to_text(array, JSON_COMPACT, "a trial", text, err);
}

/* A run of that name that does not belong to the sweep would be resumed, or its record lost. */
static status check_free(sweep_store *s, const char *run, error *err)
{
    int64_t id;
    TRY(run_store_id(s->runs, run, &id, err));
    const char *directory = s->runs->directory;
    if (id == 0 && !file_exists_in(directory, run))
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%s/%s: already exists and is not a run of this sweep; delete it with "
                     "`hcnn-cl runs --delete`, or start the sweep under another --name",
                     directory, run);
}

static status begin_trial(sweep_store *s, const sweep_file *file, int number, const double *places,
                          error *err)
{
    process_name me = process_this();
    char *text;
    TRY(places_to_text(places, file->parameter_count, &text, err));
    char *run = sweep_run_name(file->name, number);
    status result = run ? check_free(s, run, err) : error_memory(err, "a trial");
    if (result == STATUS_OK)
        result = database_run(&s->runs->db, err,
                              "INSERT INTO trials (sweep, number, run, state, places, process,"
                              " began) VALUES (?, ?, ?, 'running', ?, ?, ?)",
                              "iissis", s->id, (int64_t)number, run, text, me.id, me.began);
    free(text);
    free(run);
    return result;
}

/* Called within a transaction. */
static status claim(sweep_store *s, const sweep_file *file, const sweep_trials *trials, int most,
                    int *number, sampler_advice *advice, error *err)
{
    if (most > 0 && trials->count >= (size_t)most)
        return STATUS_OK;
    double *places = calloc(file->parameter_count + 1, sizeof *places);
    status result;
    TRY_OR_DONE(got_memory(places, err, "a trial"));
    TRY_OR_DONE(sampler_next(file, trials, s->seed, places, advice, err));
    if (!advice->exhausted) {
        *number = (int)trials->count + 1;
        result = begin_trial(s, file, *number, places, err);
    }
done:
    free(places);
    return result;
}

status sweep_store_claim(sweep_store *s, const sweep_file *file, int most, int *number,
                         sampler_advice *advice, error *err)
{
    database *db = &s->runs->db;
    sweep_trials trials = {0};
    *number = 0;
    *advice = (sampler_advice){0};
    TRY(database_begin(db, err));
    status result = sweep_store_update(s, file, &trials, err);
    if (result == STATUS_OK)
        result = claim(s, file, &trials, most, number, advice, err);
    sweep_trials_free(&trials);
    return database_end(db, result, err);
}

/* Called within a transaction. Takes over the trial unless it is over or its owner is alive. */
static status adopt(sweep_store *s, int number, bool *taken, error *err)
{
    sqlite3_stmt *row;
    bool found;
    process_name me = process_this();
    TRY(database_find(&s->runs->db, &row, &found, err,
                      "SELECT process, began FROM trials WHERE sweep = ? AND number = ?"
                      " AND state = 'running'",
                      "ii", s->id, (int64_t)number));
    const char *began = NULL;
    status result = found ? database_look(row, 1, &began, err) : STATUS_OK;
    *taken = found && result == STATUS_OK && !process_lives(sqlite3_column_int64(row, 0), began);
    sqlite3_finalize(row);
    TRY(result);
    return *taken ? database_run(&s->runs->db, err,
                                 "UPDATE trials SET process = ?, began = ?"
                                 " WHERE sweep = ? AND number = ?",
                                 "isii", me.id, me.began, s->id, (int64_t)number)
                  : STATUS_OK;
}

status sweep_store_adopt(sweep_store *s, int number, bool *taken, error *err)
{
    database *db = &s->runs->db;
    TRY(database_begin(db, err));
    return database_end(db, adopt(s, number, taken, err), err);
}

status sweep_store_settle(sweep_store *s, int number, enum sweep_trial_state state,
                          const char *message, error *err)
{
    return database_run(&s->runs->db, err,
                        "UPDATE trials SET state = ?, message = ? WHERE sweep = ? AND number = ?",
                        "ssii", sweep_trial_state_name(state), message, s->id, (int64_t)number);
}
