/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite, checked; see database.h. */
#include "track/database.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    APPLICATION = 0x48434e4e, /* "HCNN": SQLite's application_id */
    PATIENCE = 30000,         /* milliseconds to wait for another program */
    NAP = 20,                 /* milliseconds */
    SILENCE = 2,              /* seconds until somebody is told */
    MOST_BYTES = 16 << 20,    /* of a value, a row or a statement */
};

static const char what[] = "a value of the store of runs";

/* What to do about an error of SQLite. */
static const char *advice(const database *db, int code)
{
    switch (code) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return db->remedy;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return "the file and its directory have to be writable, even to read it";
    case SQLITE_BUSY:
        return "end the program that is using the file";
    case SQLITE_FULL:
        return "make room on its disk";
    default:
        return "";
    }
}

/* Why a file that does not exist cannot be opened. SQLite, when it may not create a file, tries to
 * read it and keeps the reason of that. */
static int creation_error(const char *path)
{
    char *parent = file_parent(path);
    int reason = parent && access(parent, W_OK | X_OK) != 0 ? errno : ENOENT;
    free(parent);
    return reason;
}

/* Whether errno tells why a file could not be written. Other values may be older. */
static bool can_be_reason(int last)
{
    return last == ENOSPC || last == EDQUOT || last == EFBIG || last == EROFS || last == EACCES ||
           error_is_shortage(last);
}

/* errno of the system call that SQLite could not complete; 0: none is known. For a statement that
 * fails when it is run, SQLite 3.40 keeps none, so errno is used if it can have been the reason. */
static int reason_of(const database *db, int code)
{
    int last = errno, kept = sqlite3_system_errno(db->handle);
    if (code != SQLITE_CANTOPEN && code != SQLITE_IOERR)
        return 0;
    if (code == SQLITE_CANTOPEN && kept == ENOENT)
        return creation_error(db->path);
    return kept || !can_be_reason(last) ? kept : last;
}

static status fail(const database *db, error *err)
{
    int code = sqlite3_errcode(db->handle), reason = reason_of(db, code);
    bool shortage = code == SQLITE_NOMEM || error_is_shortage(reason);
    const char *remedy = advice(db, code);
    error_set(err, STATUS_FAILED, "%s: %s", db->path, sqlite3_errmsg(db->handle));
    if (reason)
        error_suffix(err, STATUS_FAILED, ": %s", strerror(reason));
    if (code == SQLITE_IOERR || shortage)
        error_suffix(err, STATUS_FAILED, "%s", file_write_advice(reason));
    else if (*remedy)
        error_suffix(err, STATUS_FAILED, "; %s", remedy);
    err->shortage = shortage;
    return STATUS_FAILED;
}

static status bind(database *db, sqlite3_stmt *statement, const char *kinds, va_list values,
                   error *err)
{
    int code = SQLITE_OK;
    for (int i = 1; *kinds && code == SQLITE_OK; kinds++, i++) {
        if (*kinds == 'i') {
            code = sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
        } else if (*kinds == 'd') {
            double value = va_arg(values, double);
            if (isfinite(value))
                code = sqlite3_bind_double(statement, i, value);
        } else {
            code =
                sqlite3_bind_text(statement, i, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
        }
    }
    return code == SQLITE_OK ? STATUS_OK : fail(db, err);
}

status database_prepare(database *db, sqlite3_stmt **statement, const char *sql, error *err)
{
    *statement = NULL;
    errno = 0;
    return sqlite3_prepare_v2(db->handle, sql, -1, statement, NULL) == SQLITE_OK ? STATUS_OK
                                                                                 : fail(db, err);
}

static status next(database *db, sqlite3_stmt *statement, bool *found, error *err)
{
    errno = 0;
    int code = sqlite3_step(statement);
    *found = code == SQLITE_ROW;
    return *found || code == SQLITE_DONE ? STATUS_OK : fail(db, err);
}

/* Prepares a statement and steps to its first row; *row is NULL after a failure. */
static status ask(database *db, sqlite3_stmt **row, bool *found, const char *sql, const char *kinds,
                  va_list values, error *err)
{
    status result;
    TRY_OR_DONE(database_prepare(db, row, sql, err));
    TRY_OR_DONE(bind(db, *row, kinds, values, err));
    TRY_OR_DONE(next(db, *row, found, err));
    return STATUS_OK;
done:
    sqlite3_finalize(*row);
    *row = NULL;
    return result;
}

status database_find(database *db, sqlite3_stmt **row, bool *found, error *err, const char *sql,
                     const char *kinds, ...)
{
    va_list values;
    va_start(values, kinds);
    status result = ask(db, row, found, sql, kinds, values, err);
    va_end(values);
    return result;
}

status database_each(database *db, database_taker *take, void *context, error *err, const char *sql,
                     const char *kinds, ...)
{
    va_list values;
    sqlite3_stmt *row;
    bool found;
    va_start(values, kinds);
    status result = ask(db, &row, &found, sql, kinds, values, err);
    va_end(values);
    while (result == STATUS_OK && found && take) {
        TRY_OR_DONE(take(context, row, err));
        TRY_OR_DONE(next(db, row, &found, err));
    }
done:
    sqlite3_finalize(row);
    return result;
}

status database_rerun(database *db, sqlite3_stmt *statement, error *err, const char *kinds, ...)
{
    va_list values;
    bool found;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    va_start(values, kinds);
    status result = bind(db, statement, kinds, values, err);
    va_end(values);
    return result == STATUS_OK ? next(db, statement, &found, err) : result;
}

status database_take_number(void *number, sqlite3_stmt *row, error *err)
{
    (void)err;
    *(int64_t *)number = sqlite3_column_int64(row, 0);
    return STATUS_OK;
}

status database_take_word(void *list, sqlite3_stmt *row, error *err)
{
    char *text;
    TRY(database_text(row, 0, &text, err));
    return words_take(list, text, err);
}

status database_look(sqlite3_stmt *row, int column, const char **text, error *err)
{
    bool null = sqlite3_column_type(row, column) == SQLITE_NULL;
    *text = null ? NULL : (const char *)sqlite3_column_text(row, column);
    return got_memory(null || *text, err, what);
}

status database_text(sqlite3_stmt *row, int column, char **text, error *err)
{
    const char *found;
    *text = NULL;
    TRY(database_look(row, column, &found, err));
    *text = found ? strdup(found) : NULL;
    return got_memory(!found || *text, err, what);
}

status database_json(sqlite3_stmt *row, int column, json_t **value, error *err)
{
    const char *text;
    *value = NULL;
    TRY(database_look(row, column, &text, err));
    return text ? json_from_text(text, strlen(text), 0, what, value, NULL, err) : STATUS_OK;
}

double database_double(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(statement, column);
}

status database_begin(database *db, error *err)
{
    return database_run(db, err, "BEGIN IMMEDIATE", "");
}

status database_end(database *db, status so_far, error *err)
{
    error ignored;
    status result = so_far == STATUS_OK ? database_run(db, err, "COMMIT", "") : so_far;
    if (result != STATUS_OK && !sqlite3_get_autocommit(db->handle))
        database_run(db, &ignored, "ROLLBACK", "");
    return result;
}

/* ---- Opening ---- */

status database_execute(database *db, const char *sql, error *err)
{
    errno = 0;
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? STATUS_OK : fail(db, err);
}

static status count_tables(database *db, int64_t *tables, error *err)
{
    return database_number(db, tables, err, "SELECT count(*) FROM sqlite_master", "");
}

/* Called within a transaction, so that only one of two processes creates the tables. */
static status make_tables(database *db, const database_form *form, error *err)
{
    char mark[96];
    int64_t tables = 0;
    TRY(count_tables(db, &tables, err));
    if (tables > 0)
        return STATUS_OK;
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION, form->version);
    TRY(database_execute(db, form->schema, err));
    return database_execute(db, mark, err);
}

static status check_form(database *db, const database_form *form, error *err)
{
    int64_t application = 0, version = 0;
    TRY(database_number(db, &application, err, "PRAGMA application_id", ""));
    TRY(database_number(db, &version, err, "PRAGMA user_version", ""));
    if (application != APPLICATION)
        return error_set(err, STATUS_FAILED, "%s: is not a file of hcnn-cl; %s", db->path,
                         form->remedy);
    if (version > form->version)
        return error_set(err, STATUS_FAILED,
                         "%s: was written by a newer hcnn-cl, in format %lld, but this version "
                         "reads only format %d; use the newer hcnn-cl, or move the file away",
                         db->path, (long long)version, form->version);
    return STATUS_OK;
}

static void tell(database *db)
{
    error message;
    if (db->told || !db->note.call)
        return;
    db->told = true;
    error_set(&message, STATUS_OK,
              "%s: another program has locked it; waiting at most %d s for that program to end",
              db->path, db->patience / 1000);
    db->note.call(db->note.context, message.message);
}

/* SQLite's busy handler: sleeps for NAP and returns 1; returns 0 if patience is at an end. `naps`
 * is 0 at the first call for a statement. */
static int nap(void *context, int naps)
{
    const struct timespec time = {.tv_nsec = NAP * 1000000L};
    database *db = context;
    if (naps == 0 && !db->opening) {
        db->waits_since = clock_now();
        db->told = false;
    }
    double waited = clock_now() - db->waits_since;
    if (waited >= db->patience / 1e3)
        return 0;
    if (waited >= SILENCE)
        tell(db);
    nanosleep(&time, NULL);
    return 1;
}

/* SQLite itself does not wait here if several processes open a new file at once. */
static status choose_journal(database *db, error *err)
{
    for (;;) {
        status result =
            database_execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;", err);
        if (result == STATUS_OK || sqlite3_errcode(db->handle) != SQLITE_BUSY || !nap(db, 0))
            return result;
    }
}

/* The file may come from anyone. As SQLite's "Defense Against The Dark Arts" advises, views and
 * triggers in its schema are not run. */
static void distrust(database *db)
{
    static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                              SQLITE_DBCONFIG_ENABLE_VIEW};
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
        sqlite3_db_config(db->handle, off[i], 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, MOST_BYTES);
    sqlite3_exec(db->handle, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", NULL, NULL, NULL);
}

/* Uses a write-ahead log, so that readers need not wait. If the file system cannot have one, SQLite
 * keeps its other kind of journal; readers then wait, and nothing else changes. */
static status make_file(database *db, const database_form *form, error *err)
{
    TRY(choose_journal(db, err));
    TRY(database_begin(db, err));
    return database_end(db, make_tables(db, form, err), err);
}

/* A file without tables is new: it is empty, or the process that created it was killed. Other
 * programs mark theirs with another number. */
static status is_new(database *db, bool *new, error *err)
{
    int64_t application = 0, tables = 0;
    TRY(count_tables(db, &tables, err));
    TRY(database_number(db, &application, err, "PRAGMA application_id", ""));
    *new = tables == 0 && application == 0;
    return STATUS_OK;
}

/* The file of another program is refused before anything in it changes. While a file is opened, all
 * statements together wait for other programs at most `patience`. */
static status prepare_file(database *db, const database_form *form, bool create, error *err)
{
    db->patience = form->patience > 0 ? form->patience : PATIENCE;
    db->waits_since = clock_now();
    db->opening = true;
    distrust(db);
    sqlite3_busy_handler(db->handle, nap, db);
    bool new = false;
    status result = is_new(db, &new, err);
    if (result == STATUS_OK && !new)
        result = check_form(db, form, err);
    if (result == STATUS_OK && (create || new))
        result = make_file(db, form, err);
    if (result == STATUS_OK && new)
        result = check_form(db, form, err);
    db->opening = false;
    return result;
}

static status check_file(const char *path, bool create, error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return create && errno == ENOENT ? STATUS_OK : file_error(err, path, "cannot be opened");
    if (S_ISREG(info.st_mode))
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "%s: is %s", path,
                     S_ISDIR(info.st_mode) ? "a directory; expected a file" : "not a regular file");
}

status database_open(const char *path, const database_form *form, bool create, database *db,
                     error *err)
{
    int how = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    *db = (database){.path = text_format("%s", path), .remedy = form->remedy, .note = form->note};
    TRY(got_memory(db->path, err, path));
    status result;
    TRY_OR_DONE(check_file(path, create, err));
    if (sqlite3_open_v2(path, &db->handle, how, NULL) != SQLITE_OK)
        TRY_OR_DONE(db->handle ? fail(db, err) : error_memory(err, path));
    TRY_OR_DONE(prepare_file(db, form, create, err));
done:
    if (result != STATUS_OK)
        database_close(db);
    return result;
}

void database_close(database *db)
{
    sqlite3_close(db->handle);
    free(db->path);
    *db = (database){0};
}
