/* SPDX-License-Identifier: Apache-2.0 */
/* The store of runs: what is written is read back, a resumed run continues its record, and runs are
 * kept apart. */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "support.h"
#include "track/event_file.h"
#include "track/run_home.h"
#include "track/run_store.h"
#include "track/tracking.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path, *directory;

static int set_up(void **state)
{
    int result = support_files_set_up(state, "runs.db");
    const support_files *files = *state;
    path = files->path;
    directory = files->directory;
    return result;
}

static run_store *open_store(void)
{
    error err;
    run_store *store;
    CHECK_OK(run_store_open(path, true, NULL, &store, &err));
    return store;
}

static int64_t begin(run_store *store, const char *name, bool resumed, uint64_t step,
                     bool expect_known)
{
    error err;
    int64_t run;
    int64_t earlier;
    json_t *config = json_pack("{s:f, s:s}", "lr", 0.1, "data", "\"<script>'; DROP TABLE runs");
    json_t *summary = json_pack("{s:i}", "parameters", 7);
    const run_beginning what = {name,    "1.2.3", "a device", NULL, "host", config,
                                summary, 1.5e9,   resumed,    step, false};
    CHECK_OK(run_store_id(store, name, &earlier, &err));
    assert_int_equal(earlier != 0, expect_known);
    CHECK_OK(run_store_begin(store, &what, &run, &err));
    json_decref(config);
    json_decref(summary);
    return run;
}

static void log_steps(run_store *store, int64_t run, uint64_t first, uint64_t last)
{
    error err;
    for (uint64_t step = first; step <= last; step++) {
        const run_metric metrics[] = {{"loss", step, 1.0 / (double)step},
                                      {"validation/loss", step, NAN}};
        CHECK_OK(run_store_log(store, run, metrics, 2, &err));
    }
}

static void expect_steps(run_store *store, int64_t run, uint64_t count)
{
    error err;
    run_series series;
    CHECK_OK(run_store_series(store, run, "loss", &series, &err));
    assert_int_equal(series.count, count);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(series.steps[i], i + 1);
        assert_true(series.values[i] == 1.0 / (double)(i + 1));
    }
    run_series_free(&series);
}

static void test_run(void **state)
{
    (void)state;
    error err;
    run_record r;
    run_series none;
    words names;
    run_store *store = open_store();
    int64_t run = begin(store, "a", false, 0, false);
    log_steps(store, run, 1, 3);
    CHECK_OK(run_store_end(store, run, RUN_FAILED, "the disk is full", 1.6e9, &err));
    CHECK_OK(run_store_find(store, "a", &r, &err));
    assert_string_equal(r.name, "a");
    assert_int_equal(r.state, RUN_FAILED);
    assert_string_equal(r.message, "the disk is full");
    assert_string_equal(r.version, "1.2.3");
    assert_null(r.driver);
    assert_int_equal(r.step, 3);
    assert_true(r.started == 1.5e9 && r.ended == 1.6e9);
    assert_string_equal(json_string_value(json_object_get(r.config, "data")),
                        "\"<script>'; DROP TABLE runs");
    assert_int_equal(json_integer_value(json_object_get(r.summary, "parameters")), 7);
    run_record_free(&r);
    expect_steps(store, run, 3);
    CHECK_OK(run_store_series(store, run, "validation/loss", &none, &err));
    assert_int_equal(none.count, 3);
    assert_true(isnan(none.values[1]));
    run_series_free(&none);
    CHECK_OK(run_store_series(store, run, "never logged", &none, &err));
    assert_int_equal(none.count, 0);
    run_series_free(&none);
    CHECK_OK(run_store_names(store, run, &names, &err));
    assert_int_equal(names.count, 2);
    assert_string_equal(names.texts[0], "loss");
    assert_string_equal(names.texts[1], "validation/loss");
    words_free(&names);
    run_store_close(store);
}

/* Values that a kill has undone are not recorded twice; a new run with the name of an old one
 * starts afresh. */
static void test_resume(void **state)
{
    (void)state;
    error err;
    words names;
    run_store *store = open_store();
    int64_t run = begin(store, "a", false, 0, false), other = begin(store, "b", false, 0, false);
    log_steps(store, run, 1, 9);
    log_steps(store, other, 1, 5);
    assert_int_equal(begin(store, "a", true, 4, true), run);
    expect_steps(store, run, 4);
    log_steps(store, run, 5, 6);
    expect_steps(store, run, 6);
    expect_steps(store, other, 5);
    run = begin(store, "a", false, 0, true);
    expect_steps(store, run, 0);
    expect_steps(store, other, 5);
    begin(store, "never seen", true, 7, false);
    /* Test results do not survive a resume. */
    const run_metric tested[] = {{"test/loss", 2, 1}, {"test_half/loss", 2, 1}, {"loss", 2, 0.5}};
    CHECK_OK(run_store_log(store, other, tested, 3, &err));
    assert_int_equal(begin(store, "b", true, 2, true), other);
    expect_steps(store, other, 2);
    CHECK_OK(run_store_names(store, other, &names, &err));
    assert_int_equal(names.count, 2);
    assert_string_equal(names.texts[1], "validation/loss");
    words_free(&names);
    run_store_close(store);
}

static void test_artifacts(void **state)
{
    (void)state;
    error err;
    words files = {0};
    run_store *store = open_store();
    int64_t run = begin(store, "a", false, 0, false);
    CHECK_OK(run_store_add_artifact(store, run, "checkpoint", "best.safetensors", &err));
    CHECK_OK(run_store_add_artifact(store, run, "events", "a.1", &err));
    CHECK_OK(run_store_add_artifact(store, run, "events", "a.1", &err));
    CHECK_OK(database_each(&store->db, database_take_word, &files, &err,
                           "SELECT file || ' ' || kind FROM artifacts WHERE run = ? ORDER BY file",
                           "i", run));
    assert_int_equal(files.count, 2);
    assert_string_equal(files.texts[0], "a.1 events");
    assert_string_equal(files.texts[1], "best.safetensors checkpoint");
    words_free(&files);
    run_store_close(store);
}

/* A process that trains locks the directory; after it is killed, the directory is unlocked. */
static void test_killed(void **state)
{
    (void)state;
    error err;
    run_record r;
    int lock;
    run_store *store = open_store();
    char *run = text_format("%s/a", directory);
    CHECK_OK(file_make_directory(run, &err));
    begin(store, "a", false, 0, false);
    CHECK_OK(file_lock(run, &lock, &err));
    CHECK_OK(run_store_find(store, "a", &r, &err));
    assert_int_equal(r.state, RUN_RUNNING);
    assert_string_equal(r.directory, run);
    run_record_free(&r);
    file_unlock(lock);
    CHECK_OK(run_store_find(store, "a", &r, &err));
    assert_int_equal(r.state, RUN_KILLED);
    run_record_free(&r);
    /* A link to the directory works as well. */
    char *elsewhere = text_format("%s/elsewhere", directory);
    CHECK_OK(file_rename(run, elsewhere, &err));
    assert_int_equal(symlink(elsewhere, run), 0);
    CHECK_OK(run_store_find(store, "a", &r, &err));
    assert_int_equal(r.state, RUN_KILLED);
    run_record_free(&r);
    free(elsewhere);
    free(run);
    run_store_close(store);
}

static void test_list_and_delete(void **state)
{
    (void)state;
    error err;
    run_list list;
    run_record r;
    run_store *store = open_store();
    begin(store, "b", false, 0, false);
    int64_t run = begin(store, "a", false, 0, false);
    log_steps(store, run, 1, 2);
    CHECK_OK(run_store_list(store, &list, &err));
    assert_int_equal(list.count, 2);
    assert_string_equal(list.runs[0].name, "b");
    run_list_free(&list);
    CHECK_OK(run_store_delete(store, run, NULL, NULL, &err));
    CHECK_FAILS(STATUS_FAILED, "the store does not have a run a",
                run_store_find(store, "a", &r, &err));
    expect_steps(store, run, 0);
    CHECK_OK(run_store_list(store, &list, &err));
    assert_int_equal(list.count, 1);
    run_list_free(&list);
    run_store_close(store);
}

typedef struct removal {
    status result;
    int *calls;
} removal;

static status remove_files(const void *context, error *err)
{
    const removal *r = context;
    ++*r->calls;
    return r->result == STATUS_OK ? STATUS_OK : error_set(err, r->result, "no files go");
}

/* Nothing is removed while another program locks the store; a record stays if its files do. */
static void test_delete_all_or_nothing(void **state)
{
    (void)state;
    error err;
    run_record r;
    sqlite3 *other;
    int calls = 0;
    const removal fails = {STATUS_FAILED, &calls}, succeeds = {STATUS_OK, &calls};
    run_store *store = open_store();
    int64_t run = begin(store, "a", false, 0, false);
    assert_int_equal(sqlite3_open(store->db.path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    run_store_set_patience(store, 1);
    CHECK_FAILS(STATUS_FAILED, "locked",
                run_store_delete(store, run, remove_files, &succeeds, &err));
    assert_int_equal(calls, 0);
    sqlite3_close(other);
    CHECK_FAILS(STATUS_FAILED, "no files go",
                run_store_delete(store, run, remove_files, &fails, &err));
    CHECK_OK(run_store_find(store, "a", &r, &err));
    run_record_free(&r);
    CHECK_OK(run_store_delete(store, run, remove_files, &succeeds, &err));
    assert_int_equal(calls, 2);
    CHECK_FAILS(STATUS_FAILED, "does not have a run a", run_store_find(store, "a", &r, &err));
    run_store_close(store);
}

/* Makes the directory of a run, with an event file. */
static void put_events(const char *run, const char *file)
{
    error err;
    char *home = text_format("%s/%s", directory, run), *events = text_format("%s/%s", home, file);
    CHECK_OK(file_make_directory(home, &err));
    CHECK_OK(file_write(events, "", 0, &err));
    free(events);
    free(home);
}

/* The runs in the order in which they began. */
static void expect_names(run_store *store, const char *names)
{
    error err;
    run_list list;
    char *found = text_format("%s", "");
    CHECK_OK(run_store_list(store, &list, &err));
    for (size_t i = 0; i < list.count; i++)
        text_append(&found, "%s%s", i ? ", " : "", list.runs[i].name);
    assert_string_equal(found, names);
    free(found);
    run_list_free(&list);
}

static void move(const char *from, const char *to)
{
    error err;
    char *old = text_format("%s/%s", directory, from), *new = text_format("%s/%s", directory, to);
    CHECK_OK(file_rename(old, new, &err));
    free(old);
    free(new);
}

/* A run whose directory gets another name stays one record, with what it logged. The record of a
 * run which had the name before is kept under a name that nothing has. A copy is another run. */
static void test_renamed(void **state)
{
    (void)state;
    error err;
    run_store *store = open_store();
    int64_t run = begin(store, "old", false, 0, false);
    log_steps(store, run, 1, 2);
    CHECK_OK(run_store_add_artifact(store, run, "events", "events.out.tfevents.1", &err));
    put_events("old", "events.out.tfevents.1");
    put_events("copy", "events.out.tfevents.1");
    assert_int_not_equal(begin(store, "copy", true, 2, false), run);
    expect_names(store, "old, copy");
    begin(store, "new", false, 0, false);
    move("old", "new");
    assert_int_equal(begin(store, "new", true, 2, true), run);
    expect_steps(store, run, 2);
    expect_names(store, "new, copy, new (moved)");
    begin(store, "other", false, 0, false);
    move("new", "other");
    put_events("other (moved)", "events.out.tfevents.3");
    assert_int_equal(begin(store, "other", true, 2, true), run);
    expect_names(store, "other, copy, new (moved), other (moved 2)");
    run_store_close(store);
}

/* Begins a run with a directory and an event file of its own. */
static int64_t begin_with_events(run_store *store, const char *name, const char *file)
{
    error err;
    int64_t run = begin(store, name, false, 0, false);
    CHECK_OK(run_store_add_artifact(store, run, "events", file, &err));
    put_events(name, file);
    return run;
}

/* Two runs that swap their names keep their records, whichever is resumed first; so does a run that
 * made room for another one. */
static void test_swapped(void **state)
{
    (void)state;
    error err;
    int64_t found;
    run_store *store = open_store();
    int64_t first = begin_with_events(store, "first", "events.out.tfevents.1");
    int64_t second = begin_with_events(store, "second", "events.out.tfevents.2");
    log_steps(store, first, 1, 2);
    move("first", "aside");
    move("second", "first");
    move("aside", "second");
    assert_int_equal(begin(store, "first", true, 2, true), second);
    expect_names(store, "second, first");
    CHECK_OK(run_store_id(store, "second", &found, &err));
    assert_int_equal(found, first);
    assert_int_equal(begin(store, "second", true, 2, true), first);
    expect_steps(store, first, 2);
    move("first", "kept");
    move("second", "first");
    assert_int_equal(begin(store, "first", true, 2, true), first);
    expect_names(store, "first, kept");
    run_store_close(store);
}

/* Three runs change their names in a row, and then in a circle. Whichever is resumed, all records
 * follow. */
static void test_chains(void **state)
{
    (void)state;
    static const char *const named[] = {"b", "c", "d"};
    run_store *store = open_store();
    const int64_t runs[] = {begin_with_events(store, "a", "events.out.tfevents.1"),
                            begin_with_events(store, "b", "events.out.tfevents.2"),
                            begin_with_events(store, "c", "events.out.tfevents.3")};
    for (int i = 0; i < 3; i++)
        log_steps(store, runs[i], 1, 2);
    move("c", "d");
    move("b", "c");
    move("a", "b");
    assert_int_equal(begin(store, "b", true, 2, true), runs[0]);
    expect_names(store, "b, c, d");
    move("d", "aside");
    move("c", "d");
    move("b", "c");
    move("aside", "b");
    assert_int_equal(begin(store, "d", true, 2, true), runs[1]);
    expect_names(store, "c, d, b");
    for (int i = 0; i < 3; i++)
        assert_int_equal(begin(store, named[i], true, 2, true), runs[(i + 2) % 3]);
    for (int i = 0; i < 3; i++)
        expect_steps(store, runs[i], 2);
    run_store_close(store);
}

/* A new run with the name of a run that was moved does not replace its record. */
static void test_new_run_with_the_name_of_a_moved_one(void **state)
{
    (void)state;
    run_store *store = open_store();
    int64_t moved = begin_with_events(store, "a", "events.out.tfevents.1");
    move("a", "b");
    int64_t run = begin(store, "a", false, 0, true);
    assert_int_not_equal(run, moved);
    expect_names(store, "b, a");
    assert_int_equal(begin(store, "b", true, 0, true), moved);
    run_store_close(store);
}

static void expect_holds(run_store *store, int64_t run, const char *name, bool expected)
{
    error err;
    bool holds;
    char *home = text_format("%s/%s", directory, name);
    CHECK_OK(run_home_holds(store, run, home, &holds, &err));
    assert_int_equal(holds, expected);
    free(home);
}

/* Whose run a directory holds is known by event files, and by config.json if one side has none. */
static void test_home(void **state)
{
    (void)state;
    error err;
    static const char same[] = "{\"lr\":0.1,\"data\":\"\\\"<script>'; DROP TABLE runs\"}";
    static const char event[] = EVENT_FILE_BEGINS "1", another[] = EVENT_FILE_BEGINS "2";
    run_store *store = open_store();
    int64_t with = begin_with_events(store, "with", event);
    int64_t without = begin(store, "without", false, 0, false);
    expect_holds(store, with, "with", true);
    expect_holds(store, without, "with", false);
    expect_holds(store, without, "nowhere", false);
    put_events("other", another);
    char *config = text_format("%s/other/config.json", directory);
    CHECK_OK(file_write(config, same, strlen(same), &err));
    expect_holds(store, with, "other", false);
    expect_holds(store, without, "other", true);
    char *events = text_format("%s/other/%s", directory, another);
    assert_int_equal(unlink(events), 0);
    expect_holds(store, with, "other", true);
    CHECK_OK(file_write(config, "{\"lr\":0.2}", 10, &err));
    expect_holds(store, with, "other", false);
    expect_holds(store, without, "other", false);
    free(events);
    free(config);
    run_store_close(store);
}

/* A copy that has a record keeps it when the original is removed. */
static void test_copy_of_a_removed_run(void **state)
{
    (void)state;
    error err;
    run_store *store = open_store();
    begin_with_events(store, "original", "events.out.tfevents.1");
    int64_t copy = begin_with_events(store, "copy", "events.out.tfevents.2");
    put_events("copy", "events.out.tfevents.1");
    char *original = text_format("%s/original", directory);
    CHECK_OK(file_remove_tree(original, &err));
    assert_int_equal(begin(store, "copy", true, 2, true), copy);
    expect_names(store, "original, copy");
    free(original);
    run_store_close(store);
}

/* ---- Several writers ---- */

enum { WRITERS = 4, STEPS = 50 };

static void *write_runs(void *argument)
{
    const char *name = argument;
    error err;
    run_store *store;
    int64_t run;
    json_t *empty = json_object();
    const run_beginning what = {.name = name, .config = empty, .summary = empty};
    bool good = run_store_open(path, true, NULL, &store, &err) == STATUS_OK &&
                run_store_begin(store, &what, &run, &err) == STATUS_OK;
    for (uint64_t step = 1; good && step <= STEPS; step++) {
        const run_metric m = {"loss", step, 1.0 / (double)step};
        good = run_store_log(store, run, &m, 1, &err) == STATUS_OK;
    }
    run_store_close(store);
    json_decref(empty);
    if (!good)
        print_error("%s\n", err.message);
    return good ? argument : NULL;
}

static void test_writers(void **state)
{
    (void)state;
    static char names[WRITERS][2] = {"a", "b", "c", "d"};
    pthread_t threads[WRITERS];
    error err;
    run_list list;
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_runs, names[i]), 0);
    for (int i = 0; i < WRITERS; i++) {
        void *good;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_non_null(good);
    }
    run_store *store = open_store();
    CHECK_OK(run_store_list(store, &list, &err));
    assert_int_equal(list.count, WRITERS);
    for (size_t i = 0; i < list.count; i++)
        expect_steps(store, list.runs[i].id, STEPS);
    run_list_free(&list);
    run_store_close(store);
}

/* ---- Foreign and damaged files ---- */

static void expect_refused(const char *text)
{
    error err;
    run_store *store;
    CHECK_FAILS(STATUS_FAILED, text, run_store_open(path, true, NULL, &store, &err));
    assert_null(store);
}

static void write_bytes(size_t offset, const char *bytes, size_t size)
{
    FILE *f = fopen(path, offset ? "r+b" : "wb");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* Makes another program's file, and expects that a refusal leaves each of its bytes. */
static void expect_foreign(const char *sql)
{
    enum { MOST = 1 << 20 };
    error err;
    sqlite3 *other;
    unsigned char *before, *after;
    size_t size, new_size;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    CHECK_OK(file_read(path, MOST, &before, &size, &err));
    expect_refused("is not a file of hcnn-cl");
    CHECK_OK(file_read(path, MOST, &after, &new_size, &err));
    assert_int_equal(new_size, size);
    assert_memory_equal(after, before, size);
    free(before);
    free(after);
    assert_int_equal(remove(path), 0);
}

static void test_foreign(void **state)
{
    (void)state;
    error err;
    run_store *store;
    CHECK_FAILS(STATUS_FAILED, "cannot be opened", run_store_open(path, false, NULL, &store, &err));
    write_bytes(0,
                "this is a text and no database, long enough to be looked at by SQLite: it "
                "has a header of a hundred bytes",
                104);
    expect_refused("move it away");
    assert_int_equal(remove(path), 0);
    expect_foreign("CREATE TABLE t (x)");
    expect_foreign("CREATE TABLE t (x); PRAGMA application_id = 7; PRAGMA user_version = 1");
    expect_foreign("PRAGMA application_id = 7");
    assert_int_equal(mkdir(path, 0777), 0);
    expect_refused("is a directory");
    assert_int_equal(rmdir(path), 0);
}

/* An empty file is a store without runs, also for commands that only read; so is a file whose
 * creation was interrupted before it had tables. */
static void test_empty(void **state)
{
    (void)state;
    error err;
    run_store *store;
    run_list list;
    sqlite3 *other;
    for (int tables = 0; tables < 2; tables++) {
        write_bytes(0, "", 0);
        if (tables) {
            assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
            assert_int_equal(sqlite3_exec(other, "PRAGMA journal_mode = WAL", NULL, NULL, NULL),
                             SQLITE_OK);
            sqlite3_close(other);
        }
        CHECK_OK(run_store_open(path, false, NULL, &store, &err));
        CHECK_OK(run_store_list(store, &list, &err));
        assert_int_equal(list.count, 0);
        run_list_free(&list);
        begin(store, "a", false, 0, false);
        run_store_close(store);
        CHECK_OK(run_store_open(path, false, NULL, &store, &err));
        CHECK_OK(run_store_list(store, &list, &err));
        assert_int_equal(list.count, 1);
        run_list_free(&list);
        run_store_close(store);
        assert_int_equal(remove(path), 0);
    }
}

static void test_newer(void **state)
{
    (void)state;
    sqlite3 *other;
    run_store_close(open_store());
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    expect_refused("newer hcnn-cl, in format 99");
}

static void change(const char *sql)
{
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
}

static void expect_end(run_store *store, enum run_state ended, size_t losses_recorded)
{
    error err;
    run_record r;
    run_series losses;
    CHECK_OK(run_store_find(store, "a", &r, &err));
    assert_int_equal(r.state, ended);
    CHECK_OK(run_store_series(store, r.id, "loss", &losses, &err));
    assert_int_equal(losses.count, losses_recorded);
    run_series_free(&losses);
    run_record_free(&r);
}

/* While another program writes, neither the metrics nor the end is recorded; later, both are. A run
 * without an end and without a process counts as killed. */
static void test_finish_is_whole(void **state)
{
    (void)state;
    const run_metric last = {"loss", 7, 0.25};
    error err;
    sqlite3 *other;
    run_store *store = open_store();
    int64_t run = begin(store, "a", false, 0, false);
    run_store_set_patience(store, 10);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    status result = run_store_finish(store, run, &last, 1, RUN_FINISHED, NULL, &err);
    assert_int_not_equal(result, STATUS_OK);
    sqlite3_close(other);
    expect_end(store, RUN_KILLED, 0);
    CHECK_OK(run_store_finish(store, run, &last, 1, RUN_FINISHED, NULL, &err));
    expect_end(store, RUN_FINISHED, 1);
    run_store_close(store);
}

/* Otherwise `runs --delete` would remove a directory outside the store. */
static void test_name_with_a_path(void **state)
{
    (void)state;
    static const char *const names[] = {"../a", "..", "a/b", "/etc", ""};
    error err;
    run_list list;
    run_store *store = open_store();
    begin(store, "a", false, 0, false);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *sql = text_format("UPDATE runs SET name = '%s'", names[i]);
        change(sql);
        CHECK_OK(run_store_list(store, &list, &err));
        assert_int_equal(list.count, 0);
        assert_int_equal(list.damaged.count, 1);
        assert_non_null(strstr(list.damaged.texts[0], "is damaged; move it away"));
        run_list_free(&list);
        free(sql);
    }
    run_store_close(store);
}

/* One record that cannot be read does not hide the others. */
static void test_damaged_among_others(void **state)
{
    (void)state;
    static const char *const damages[] = {
        "UPDATE runs SET config = '{' WHERE id = 2", "UPDATE runs SET summary = '[]' WHERE id = 2",
        "UPDATE runs SET state = 'odd' WHERE id = 2", "UPDATE runs SET config = '' WHERE id = 2"};
    error err;
    run_list list;
    run_record r;
    run_store *store = open_store();
    begin(store, "a", false, 0, false);
    begin(store, "b", false, 0, false);
    begin(store, "c", false, 0, false);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        begin(store, "b", true, 0, true);
        change(damages[i]);
        CHECK_OK(run_store_list(store, &list, &err));
        assert_int_equal(list.count, 2);
        assert_string_equal(list.runs[1].name, "c");
        assert_int_equal(list.damaged.count, 1);
        assert_non_null(strstr(list.damaged.texts[0], "the record of run b is damaged; `hcnn-cl"));
        run_list_free(&list);
        CHECK_FAILS(STATUS_FAILED, "run b is damaged", run_store_find(store, "b", &r, &err));
    }
    run_store_close(store);
}

/* The state of a run is found even if the rest of its record is damaged. */
static void test_damaged_record(void **state)
{
    (void)state;
    error err;
    run_record r;
    run_store *store = open_store();
    begin(store, "a", false, 0, false);
    CHECK_OK(run_store_find_state(store, "none", &r, &err));
    assert_true(r.id == 0 && r.state == RUN_STOPPED && !r.message);
    CHECK_OK(run_store_end(store, 1, RUN_FAILED, "no memory", 2e9, &err));
    change("UPDATE runs SET config = '{', summary = x'00ff'");
    CHECK_FAILS(STATUS_FAILED, "is damaged", run_store_find(store, "a", &r, &err));
    CHECK_OK(run_store_find_state(store, "a", &r, &err));
    assert_true(r.id == 1 && r.state == RUN_FAILED);
    assert_string_equal(r.message, "no memory");
    run_record_free(&r);
    change("UPDATE runs SET state = 'odd'");
    CHECK_OK(run_store_find_state(store, "a", &r, &err));
    assert_int_equal(r.state, RUN_FAILED);
    assert_non_null(strstr(r.message, "runs.db is damaged"));
    run_record_free(&r);
    /* A process may still train it. */
    int lock;
    char *run = text_format("%s/a", directory);
    CHECK_OK(file_make_directory(run, &err));
    CHECK_OK(file_lock(run, &lock, &err));
    CHECK_OK(run_store_find_state(store, "a", &r, &err));
    assert_int_equal(r.state, RUN_RUNNING);
    run_record_free(&r);
    file_unlock(lock);
    free(run);
    run_store_close(store);
}

/* The file may contain triggers and views; none of them runs. */
static void test_foreign_statements(void **state)
{
    (void)state;
    error err;
    run_list list;
    run_store *store = open_store();
    begin(store, "a", false, 0, false);
    change("CREATE TRIGGER t AFTER UPDATE ON runs BEGIN DELETE FROM runs; END");
    CHECK_OK(run_store_end(store, 1, RUN_FINISHED, NULL, 2e9, &err));
    CHECK_OK(run_store_list(store, &list, &err));
    assert_int_equal(list.count, 1);
    run_list_free(&list);
    change("ALTER TABLE runs RENAME TO kept; CREATE VIEW runs AS SELECT * FROM kept");
    CHECK_FAILS(STATUS_FAILED, "view", run_store_list(store, &list, &err));
    run_store_close(store);
}

static status limited(int resource, rlim_t limit, status call(error *), error *err)
{
    struct rlimit all, few;
    assert_int_equal(getrlimit(resource, &all), 0);
    few = (struct rlimit){limit, all.rlim_max};
    assert_int_equal(setrlimit(resource, &few), 0);
    status result = call(err);
    assert_int_equal(setrlimit(resource, &all), 0);
    return result;
}

static status open_and_begin(error *err)
{
    run_store *store;
    int64_t run;
    json_t *empty = json_object();
    const run_beginning what = {.name = "limited", .config = empty, .summary = empty};
    status result = run_store_open(path, false, NULL, &store, err);
    if (result == STATUS_OK)
        result = run_store_begin(store, &what, &run, err);
    run_store_close(store);
    json_decref(empty);
    return result;
}

/* The remedy is that of the limit, whatever SQLite makes of it: at any number of files, and at any
 * size of the write-ahead log. */
static void test_limits(void **state)
{
    (void)state;
    error err;
    int failures = 0, open_files = open("/dev/null", O_RDONLY | O_CLOEXEC);
    run_store *store = open_store();
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t size = 0; size < 80 << 10; size += 1 << 10)
        if (limited(RLIMIT_FSIZE, size, open_and_begin, &err) != STATUS_OK && ++failures &&
            !strstr(err.message, "File too large; raise the limit on file sizes (ulimit -f)"))
            fail_msg("%s", err.message);
    assert_true(failures > 40);
    run_store_close(store);
    for (int more = 0; more < 3; more++)
        CHECK_FAILS(STATUS_FAILED, "Too many open files; raise the limit on open files (ulimit -n)",
                    limited(RLIMIT_NOFILE, (rlim_t)(open_files + more), open_and_begin, &err));
    close(open_files);
}

/* While another program locks the file, nothing is written; afterwards the same values are. */
static void test_locked_for_writing(void **state)
{
    (void)state;
    error err;
    sqlite3 *other;
    run_store *store = open_store();
    int64_t run = begin(store, "waits", false, 0, false);
    const run_metric metrics[] = {{"loss", 1, 1.0}};
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    run_store_set_patience(store, 1);
    CHECK_FAILS(STATUS_FAILED,
                "runs.db: database is locked; end the program that is using the file",
                run_store_log(store, run, metrics, 1, &err));
    sqlite3_close(other);
    CHECK_OK(run_store_log(store, run, metrics, 1, &err));
    run_store_close(store);
}

/* Another program, or a debugger, may pause this process, which then waits too long: tests of
 * waiting times try again. */
enum { PAUSES = 5 };

/* While another program locks the file exclusively, opening waits exactly as long as it should. */
static void test_locked_exclusively(void **state)
{
    (void)state;
    static const database_form form = {.version = 99, .schema = "", .remedy = "", .patience = 500};
    error err;
    sqlite3 *other;
    database db;
    run_store_close(open_store());
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE", NULL, NULL, NULL),
        SQLITE_OK);
    for (int create = 0; create < 2; create++) {
        double waited = 1;
        for (int tries = 0; tries < PAUSES && waited >= 1; tries++) {
            double before = clock_now();
            CHECK_FAILS(STATUS_FAILED, "runs.db: database is locked; end the program that is using",
                        database_open(path, &form, create, &db, &err));
            waited = clock_now() - before;
            assert_true(waited >= 0.5);
        }
        assert_true(waited < 1);
    }
    sqlite3_close(other);
    CHECK_OK(database_open(path, &form, true, &db, &err));
    database_close(&db);
}

static char told[ERROR_CAPACITY];

static void take_message(void *context, const char *message)
{
    (void)context;
    assert_string_equal(told, ""); /* once a wait */
    snprintf(told, sizeof told, "%s", message);
}

/* Whoever waits long is told what for. */
static void test_told_of_a_wait(void **state)
{
    (void)state;
    error err;
    sqlite3 *other;
    run_store *store;
    const database_note note = {take_message, NULL};
    CHECK_OK(run_store_open(path, true, &note, &store, &err));
    int64_t run = begin(store, "waits", false, 0, false);
    const run_metric metrics[] = {{"loss", 1, 1.0}};
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    run_store_set_patience(store, 1000);
    CHECK_FAILS(STATUS_FAILED, "locked", run_store_log(store, run, metrics, 1, &err));
    assert_string_equal(told, "");
    run_store_set_patience(store, 2500);
    for (int tries = 0; tries < PAUSES && !*told; tries++)
        CHECK_FAILS(STATUS_FAILED, "locked", run_store_log(store, run, metrics, 1, &err));
    assert_non_null(strstr(told, "runs.db: another program has locked it; waiting at most 2 s"));
    sqlite3_close(other);
    run_store_close(store);
}

/* A run that finds the store locked keeps its values, and says so only if that lasts. */
static void test_locked_for_a_moment(void **state)
{
    (void)state;
    enum { LONG = 31 };
    error err;
    sqlite3 *other;
    run_store *store = open_store();
    run_metric values[] = {{"loss", 1, 1.0}, {"loss", 2, 0.5}};
    tracking k = {.note = take_message,
                  .store = store,
                  .run = begin(store, "a", false, 0, false),
                  .waiting = values,
                  .count = 2,
                  .capacity = 2};
    *told = '\0';
    run_store_set_patience(store, 1);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    tracking_flush(&k);
    tracking_file(&k, "checkpoint", "best.safetensors");
    assert_string_equal(told, "");
    assert_true(k.locked_since > 0);
    k.locked_since -= LONG;
    tracking_flush(&k);
    assert_non_null(strstr(told, "runs.db: database is locked; end the program"));
    sqlite3_close(other);
    assert_int_equal(k.count, 2);
    tracking_flush(&k);
    assert_int_equal(k.count, 0);
    assert_true(k.locked_since == 0);
    expect_steps(store, k.run, 2);
    int64_t files = 0;
    CHECK_OK(database_number(&store->db, &files, &err, "SELECT count(*) FROM artifacts", ""));
    assert_int_equal(files, 1);
    assert_int_equal(k.files.count, 0);
    run_store_close(store);
}

/* Zeros overwrite everything after the header. */
static void test_damaged(void **state)
{
    (void)state;
    error err;
    static const char zeros[16384];
    run_store *store = open_store();
    run_list list;
    begin(store, "a", false, 0, false);
    run_store_close(store);
    write_bytes(100, zeros, sizeof zeros);
    if (run_store_open(path, true, NULL, &store, &err) == STATUS_OK) {
        CHECK_FAILS(STATUS_FAILED, "move it away", run_store_list(store, &list, &err));
        run_store_close(store);
    } else {
        assert_non_null(strstr(err.message, "move it away"));
    }
}

/* ---- Memory ---- */

static long left; /* SQLite's allocations up to and including the one that fails; 0: none fails */
static sqlite3_mem_methods usual;

static bool fails(void)
{
    return left > 0 && --left == 0;
}

static void *allocate(int size)
{
    return fails() ? NULL : usual.xMalloc(size);
}

static void *grow(void *memory, int size)
{
    return fails() ? NULL : usual.xRealloc(memory, size);
}

static void watch_sqlite(void)
{
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual), SQLITE_OK);
    sqlite3_mem_methods own = usual;
    own.xMalloc = allocate;
    own.xRealloc = grow;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &own), SQLITE_OK);
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
}

/* SQLite has to allocate room for the end of a blob of this length when it is read as a text. */
#define LONG_VERSION "123456789012345678901234567890"
static const char as_blob[] = "UPDATE runs SET version = CAST('" LONG_VERSION "' AS BLOB)";

static status read_record(error *err)
{
    run_store *store;
    run_record r;
    TRY(run_store_open(path, false, NULL, &store, err));
    status result = run_store_find(store, "a", &r, err);
    if (result == STATUS_OK) {
        assert_string_equal(r.message, "the disk is full");
        assert_string_equal(r.version, LONG_VERSION);
        assert_null(r.driver);
        assert_string_equal(r.host, "host");
        assert_int_equal(r.state, RUN_FAILED);
        run_record_free(&r);
    }
    run_store_close(store);
    return result;
}

/* A text that SQLite could not allocate is not taken for one that the record does not have. */
static void test_memory(void **state)
{
    (void)state;
    error err;
    bool struck = true;
    int failed = 0;
    run_store *store = open_store();
    int64_t run = begin(store, "a", false, 0, false);
    CHECK_OK(run_store_end(store, run, RUN_FAILED, "the disk is full", 1.6e9, &err));
    CHECK_OK(database_execute(&store->db, as_blob, &err));
    run_store_close(store);
    for (long n = 1; struck; n++) {
        left = n;
        status result = read_record(&err);
        struck = left == 0;
        left = 0;
        if (result != STATUS_OK && !strstr(err.message, "out of memory"))
            fail_msg("allocation %ld: %s", n, err.message);
        failed += result != STATUS_OK;
        assert_true(struck || result == STATUS_OK);
    }
    assert_true(failed > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_resume, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_artifacts, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_killed, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_list_and_delete, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_renamed, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_swapped, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_chains, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_new_run_with_the_name_of_a_moved_one, set_up,
                                        support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_home, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_copy_of_a_removed_run, set_up,
                                        support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_delete_all_or_nothing, set_up,
                                        support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_writers, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_foreign, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_empty, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_newer, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_locked_for_writing, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_locked_exclusively, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_told_of_a_wait, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_locked_for_a_moment, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_finish_is_whole, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_name_with_a_path, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_statements, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_record, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_among_others, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_damaged, set_up, support_files_tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, support_files_tear_down),
    };
    watch_sqlite();
    return cmocka_run_group_tests_name("run_store", tests, NULL, NULL);
}
