/* SPDX-License-Identifier: Apache-2.0 */
/* An SQLite file of this program: opened with a check that it is one, shared with other processes,
 * and asked in statements whose values are bound, never pasted. */
#pragma once

#include "base/text.h"

#include <stdbool.h>

#include <jansson.h>
#include <sqlite3.h>

typedef struct database {
    sqlite3 *handle;
    char *path;
    const char *remedy; /* what to do when it is damaged: a clause for messages */
} database;

/* What marks a file as this program's, and what is in it. */
typedef struct database_form {
    int version;        /* of the schema; a file with a higher one is refused */
    const char *schema; /* statements that make the tables of an empty file */
    const char *remedy;
    int patience; /* milliseconds that opening, and then a statement, waits for other programs;
                   * 0: 30000, as always but in tests */
} database_form;

/* Opens the file, and makes it where `create`. STATUS_FAILED for one that is not there, is of
 * another program, of a newer version of this one, damaged, or held by another program. */
status database_open(const char *path, const database_form *form, bool create, database *db,
                     error *err);
void database_close(database *db); /* one of zeros is fine */

/* Runs statements that have no parameters and give no rows. */
status database_execute(database *db, const char *sql, error *err);
/* Runs a statement that gives no rows: database_run(db, err, sql, kinds, ...). Its parameters are
 * bound as `kinds` says, one letter each: 'i' int64_t, 'd' double (none where it is not finite),
 * 's' const char * (none where NULL). */
#define database_run(db, err, ...) database_each(db, NULL, NULL, err, __VA_ARGS__)

/* A statement to be run many times, and one such run, which gives no rows. */
status database_prepare(database *db, sqlite3_stmt **statement, const char *sql, error *err);
status database_rerun(database *db, sqlite3_stmt *statement, error *err, const char *kinds, ...);

/* The first row that a statement gives; *found false: none. The caller finalizes *row. */
status database_find(database *db, sqlite3_stmt **row, bool *found, error *err, const char *sql,
                     const char *kinds, ...);

/* Hands each row that a statement gives to `take`, unless NULL. */
typedef status database_taker(void *context, sqlite3_stmt *row, error *err);
status database_each(database *db, database_taker *take, void *context, error *err, const char *sql,
                     const char *kinds, ...);
/* Those that take the first column: its integer, and its text for a list of words. */
database_taker database_take_number, database_take_word;
/* database_number(db, &number, err, sql, kinds, ...): where there is no row it stays as it was. */
#define database_number(db, number, err, ...)                                                      \
    database_each(db, database_take_number, number, err, __VA_ARGS__)

/* Copies of a row's columns; NULL where there is none or memory is out. */
char *database_text(sqlite3_stmt *statement, int column);
/* A new reference; NULL where the text is no array or object of JSON. */
json_t *database_json(sqlite3_stmt *statement, int column);
/* NaN where there is none. */
double database_double(sqlite3_stmt *statement, int column);

/* What lies between becomes visible as a whole or not at all. Waits for other writers. */
status database_begin(database *db, error *err);
/* Commits if so_far is STATUS_OK, else takes all back and returns it. */
status database_end(database *db, status so_far, error *err);
