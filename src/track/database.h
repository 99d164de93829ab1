/* SPDX-License-Identifier: Apache-2.0 */
/* An SQLite file of this program. It is checked when it is opened, other processes may use it at
 * the same time, and values are bound to statements, never pasted into them. */
#pragma once

#include "base/text.h"

#include <stdbool.h>

#include <jansson.h>
#include <sqlite3.h>

/* When a statement has waited 2 s for another program, `call` gets a message that says so. It may
 * be NULL. */
typedef struct database_note {
    void (*call)(void *context, const char *message);
    void *context;
} database_note;

/* It must not be moved while it is open. */
typedef struct database {
    sqlite3 *handle;
    char *path;
    const char *remedy; /* what to do if the file is damaged, a clause for messages */
    int patience;       /* milliseconds that a statement waits for other programs */
    double waits_since; /* clock_now() when it began to wait */
    bool opening;       /* all statements together wait that long */
    bool told;          /* the note was called for this wait */
    database_note note;
} database;

/* The tables of a file, and what marks it as this program's. */
typedef struct database_form {
    int version;        /* of the schema; a file with a higher version is refused */
    const char *schema; /* statements that create the tables of an empty file */
    const char *remedy;
    int patience; /* milliseconds that opening, and then each statement, waits for other programs;
                   * 0: 30000, which only tests change */
    database_note note;
} database_form;

/* Opens the file, and creates it if `create` is set. A file that is empty gets its tables, as a new
 * one does. STATUS_FAILED if it does not exist, belongs to
 * another program or to a newer version of this one, is damaged, or is locked by another program.
 * After a failure *db is closed. */
status database_open(const char *path, const database_form *form, bool create, database *db,
                     error *err);
void database_close(database *db); /* one of zeros is fine */

/* Runs statements that have no parameters and return no rows. */
status database_execute(database *db, const char *sql, error *err);
/* Runs a statement that returns no rows: database_run(db, err, sql, kinds, ...). `kinds` has a
 * letter for each parameter: 'i' int64_t, 'd' double (SQL's NULL if not finite), 's' const char *
 * (SQL's NULL for NULL). */
#define database_run(db, err, ...) database_each(db, NULL, NULL, err, __VA_ARGS__)

/* database_prepare prepares a statement that is run many times, and database_rerun runs it once. It
 * returns no rows. Free it with sqlite3_finalize. */
status database_prepare(database *db, sqlite3_stmt **statement, const char *sql, error *err);
status database_rerun(database *db, sqlite3_stmt *statement, error *err, const char *kinds, ...);

/* The first row that a statement returns; *found is false if there is none. The caller finalizes
 * *row. */
status database_find(database *db, sqlite3_stmt **row, bool *found, error *err, const char *sql,
                     const char *kinds, ...);

/* Passes each row that a statement returns to `take`, unless it is NULL. */
typedef status database_taker(void *context, sqlite3_stmt *row, error *err);
status database_each(database *db, database_taker *take, void *context, error *err, const char *sql,
                     const char *kinds, ...);
/* Functions to pass as `take`. They read the first column of the row: take_number stores its
 * integer in an int64_t, take_word appends its text to a list of words. */
database_taker database_take_number, database_take_word;
/* database_number(db, &number, err, sql, kinds, ...): without a row, the number is unchanged. */
#define database_number(db, number, err, ...)                                                      \
    database_each(db, database_take_number, number, err, __VA_ARGS__)

/* A column of a row: its text, which belongs to the row; a copy of its text, which the caller
 * frees; and a new reference to the JSON array or object that its text is. They are NULL if the
 * column is null, and *value also if the text is something else. STATUS_FAILED only if memory is
 * out; NULL is stored then too. */
status database_look(sqlite3_stmt *row, int column, const char **text, error *err);
status database_text(sqlite3_stmt *row, int column, char **text, error *err);
status database_json(sqlite3_stmt *row, int column, json_t **value, error *err);
/* NaN if the column is null. */
double database_double(sqlite3_stmt *statement, int column);

/* Begins a transaction: what is written until database_end becomes visible as a whole or not at
 * all. Waits for other writers. */
status database_begin(database *db, error *err);
/* Commits if so_far is STATUS_OK; otherwise rolls back and returns so_far. */
status database_end(database *db, status so_far, error *err);
