/* SPDX-License-Identifier: Apache-2.0 */
/* file.c: reading, atomic writing, directories, locks, and the cache directory. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int make_directory(void **state)
{
    *state = check_directory();
    return 0;
}

static int remove_directory(void **state)
{
    error err;
    int failed = file_remove_tree(*state, &err) != STATUS_OK;
    free(*state);
    return failed;
}

static void reads_what_was_written(void **state)
{
    error err;
    char *path = text_format("%s/a", (char *)*state);
    unsigned char *data;
    size_t size;
    CHECK_OK(file_write(path, "one\0two", 7, &err));
    CHECK_OK(file_read(path, 7, &data, &size, &err));
    assert_int_equal(size, 7);
    assert_memory_equal(data, "one\0two", 8); /* a zero byte follows */
    free(data);
    CHECK_OK(file_write(path, "", 0, &err));
    CHECK_OK(file_read(path, 7, &data, &size, &err));
    assert_int_equal(size, 0);
    assert_int_equal(data[0], 0);
    free(data);
    free(path);
}

static void read_errors_name_the_file(void **state)
{
    error err;
    char *path = text_format("%s/b", (char *)*state);
    unsigned char *data;
    size_t size;
    CHECK_FAILS(STATUS_FAILED, path, file_read(path, 10, &data, &size, &err));
    assert_null(data);
    CHECK_OK(file_write(path, "0123456789A", 11, &err));
    CHECK_FAILS(STATUS_FAILED, "at most 10 are expected", file_read(path, 10, &data, &size, &err));
    CHECK_FAILS(STATUS_FAILED, "is a directory", file_read(*state, 10, &data, &size, &err));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* no process writes to it */
    CHECK_FAILS(STATUS_FAILED, "not a regular file", file_read(path, 10, &data, &size, &err));
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void writer_replaces_only_regular_files(void **state)
{
    error err;
    struct stat info;
    char *path = text_format("%s/pipe", (char *)*state);
    assert_int_equal(mkfifo(path, 0600), 0);
    CHECK_FAILS(STATUS_FAILED, "a device or a pipe", file_write(path, "x", 1, &err));
    assert_non_null(strstr(err.message, path));
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_int_equal(unlink(path), 0);
    CHECK_FAILS(STATUS_FAILED, "is a directory", file_write(*state, "x", 1, &err));
    free(path);
}

static void writer_shows_the_file_only_when_committed(void **state)
{
    error err;
    char *path = text_format("%s/c", (char *)*state);
    file_writer writer;
    CHECK_OK(file_write(path, "old", 3, &err));
    CHECK_OK(file_writer_open(&writer, path, &err));
    CHECK_OK(file_writer_put(&writer, "ne", 2, &err));
    CHECK_OK(file_writer_put(&writer, "w", 1, &err));

    unsigned char *data;
    size_t size;
    CHECK_OK(file_read(path, 100, &data, &size, &err));
    assert_string_equal((char *)data, "old");
    free(data);

    CHECK_OK(file_writer_commit(&writer, &err));
    CHECK_OK(file_read(path, 100, &data, &size, &err));
    assert_string_equal((char *)data, "new");
    free(data);
    file_writer_abort(&writer);
    assert_true(file_exists(path));
    free(path);
}

static void writer_replaces_bytes(void **state)
{
    const char *directory = *state;
    error err;
    file_writer writer;
    unsigned char *data;
    size_t size;
    char *path = text_format("%s/replaced", directory);
    CHECK_OK(file_writer_open(&writer, path, &err));
    CHECK_OK(file_writer_put(&writer, "one two", 7, &err));
    CHECK_OK(file_writer_replace(&writer, 4, "2", 1, &err));
    CHECK_OK(file_writer_put(&writer, " three", 6, &err));
    CHECK_OK(file_writer_commit(&writer, &err));
    CHECK_OK(file_read(path, 100, &data, &size, &err));
    assert_string_equal((char *)data, "one 2wo three");
    free(data);
    free(path);
}

/* The name cannot be guessed, is recognised afterwards, and differs for two writers of a file. */
static void temporary_names_are_random(void **state)
{
    error err;
    char *path = text_format("%s/names", (char *)*state);
    file_writer one, two;
    CHECK_OK(file_writer_open(&one, path, &err));
    CHECK_OK(file_writer_open(&two, path, &err));
    assert_string_not_equal(one.temporary, two.temporary);
    assert_true(file_is_unfinished(one.temporary) && file_is_unfinished(two.temporary));
    CHECK_OK(file_writer_put(&one, "one", 3, &err));
    CHECK_OK(file_writer_put(&two, "two", 3, &err));
    CHECK_OK(file_writer_commit(&one, &err));
    CHECK_OK(file_writer_commit(&two, &err));
    unsigned char *data;
    size_t size;
    CHECK_OK(file_read(path, 100, &data, &size, &err));
    assert_string_equal((char *)data, "two");
    free(data);
    free(path);
}

static bool failing_stream; /* fdopen fails */
FILE *__real_fdopen(int descriptor, const char *mode);
FILE *__wrap_fdopen(int descriptor, const char *mode);

FILE *__wrap_fdopen(int descriptor, const char *mode)
{
    if (!failing_stream)
        return __real_fdopen(descriptor, mode);
    errno = ENOMEM;
    return NULL;
}

/* The number that the next descriptor gets. */
static int next_descriptor(void)
{
    int next = open("/dev/null", O_RDONLY);
    assert_true(next >= 0 && close(next) == 0);
    return next;
}

static void a_failed_stream_keeps_no_descriptor(void **state)
{
    error err;
    char *path = text_format("%s/stream", (char *)*state);
    unsigned char *data;
    size_t size;
    int before = next_descriptor();
    CHECK_OK(file_put(path, "old", 3, &err));
    failing_stream = true;
    status put = file_put(path, "new", 3, &err), written = file_write(path, "new", 3, &err);
    status read = file_read(path, 100, &data, &size, &err);
    failing_stream = false;
    assert_true(put == STATUS_FAILED && written == STATUS_FAILED && read == STATUS_FAILED);
    assert_true(err.shortage);
    assert_int_equal(next_descriptor(), before);
    assert_int_equal(unlink(path), 0);
    free(path);
}

/* The number of the call of fsync that fails, and the calls so far. */
static int failing_sync, syncs;
int __real_fsync(int descriptor);
int __wrap_fsync(int descriptor);
int __wrap_fsync(int descriptor)
{
    if (++syncs != failing_sync)
        return __real_fsync(descriptor);
    errno = EIO;
    return -1;
}

/* A file's own sync and the first of its directory come before the rename, so that an error means
 * that the old file is there. The second of the directory may fail. */
static void a_failed_sync_leaves_the_old_file(void **state)
{
    error err;
    char *path = text_format("%s/synced", (char *)*state);
    CHECK_OK(file_write(path, "old", 3, &err));
    for (int call = 1; call <= 3; call++) {
        unsigned char *data;
        size_t size;
        syncs = 0;
        failing_sync = call;
        if (call < 3)
            CHECK_FAILS(STATUS_FAILED, "cannot be written", file_write(path, "new", 3, &err));
        else
            CHECK_OK(file_write(path, "new", 3, &err));
        assert_int_equal(syncs, call);
        failing_sync = 0;
        CHECK_OK(file_read(path, 100, &data, &size, &err));
        assert_string_equal((char *)data, call < 3 ? "old" : "new");
        free(data);
    }
    free(path);
}

/* Even if the caller missed the failure, as Jansson does at some places. */
static void a_failed_write_is_not_committed(void **state)
{
    static const char bytes[1 << 16];
    error err;
    char *path = text_format("%s/limited", (char *)*state);
    file_writer writer;
    struct rlimit all, few;
    CHECK_OK(file_write(path, "old", 3, &err));
    CHECK_OK(file_writer_open(&writer, path, &err));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
    few = (struct rlimit){10, all.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    status failed = file_writer_put(&writer, bytes, sizeof bytes, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    CHECK_FAILS(STATUS_FAILED, "File too large", failed);
    CHECK_OK(file_writer_put(&writer, "more", 4, &err));
    CHECK_FAILS(STATUS_FAILED, "File too large", file_writer_commit(&writer, &err));
    unsigned char *data;
    size_t size;
    CHECK_OK(file_read(path, 100, &data, &size, &err));
    assert_string_equal((char *)data, "old");
    free(data);
    free(path);
}

static void aborted_writer_leaves_the_old_file(void **state)
{
    error err;
    char *path = text_format("%s/d", (char *)*state);
    file_writer writer;
    CHECK_OK(file_write(path, "old", 3, &err));
    CHECK_OK(file_writer_open(&writer, path, &err));
    CHECK_OK(file_writer_put(&writer, "new", 3, &err));
    char *temporary = text_format("%s", writer.temporary);
    assert_true(file_exists(temporary));
    file_writer_abort(&writer);
    assert_false(file_exists(temporary));
    free(temporary);

    unsigned char *data;
    size_t size;
    CHECK_OK(file_read(path, 100, &data, &size, &err));
    assert_string_equal((char *)data, "old");
    free(data);
    free(path);
}

static void writer_reports_a_missing_directory(void **state)
{
    error err;
    char *path = text_format("%s/none/e", (char *)*state);
    CHECK_FAILS(STATUS_FAILED, "none/e", file_write(path, "x", 1, &err));
    free(path);
}

static void full_disk_is_reported(void **state)
{
    (void)state;
    error err;
    if (access("/dev/full", W_OK) != 0)
        skip();
    file_writer writer = {fopen("/dev/full", "wb"), text_format("/dev/full"),
                          text_format("/dev/null/x"), 0};
    assert_non_null(writer.stream);
    CHECK_OK(file_writer_put(&writer, "x", 1, &err));
    CHECK_FAILS(STATUS_FAILED, "No space left", file_writer_commit(&writer, &err));
}

static void makes_and_removes_trees(void **state)
{
    error err;
    char *top = text_format("%s/t", (char *)*state);
    char *deep = text_format("%s/u/v", top);
    char *file = text_format("%s/f", deep);
    char *outside = text_format("%s/kept", (char *)*state);
    char *link = text_format("%s/link", top);
    CHECK_OK(file_make_directory(deep, &err));
    CHECK_OK(file_make_directory(deep, &err));
    assert_true(file_is_directory(deep));
    CHECK_OK(file_write(file, "x", 1, &err));
    assert_false(file_is_directory(file));
    CHECK_FAILS(STATUS_FAILED,
                "/f: directory cannot be created: File exists; it is not a directory",
                file_make_directory(file, &err));

    assert_int_equal(symlink(outside, link), 0);
    assert_true(file_is_dangling(link) && !file_may_exist(link));
    CHECK_FAILS(STATUS_FAILED, "cannot be created: File exists", file_make_directory(link, &err));
    CHECK_OK(file_make_directory(outside, &err));
    assert_false(file_is_dangling(link) || file_is_dangling(outside));
    CHECK_FAILS(STATUS_FAILED, link, file_remove_tree(link, &err));
    assert_true(file_is_directory(outside) && file_is_directory(link));
    CHECK_OK(file_remove_tree(top, &err));
    assert_false(file_exists(top));
    assert_true(file_is_directory(outside)); /* the link was not followed */
    CHECK_FAILS(STATUS_FAILED, top, file_remove_tree(top, &err));
    free(top);
    free(deep);
    free(file);
    free(outside);
    free(link);
}

/* A link that leads back to itself cannot be examined, so nothing is said to be absent. */
static void tells_absent_from_unknown(void **state)
{
    error err;
    unsigned char *data;
    size_t size;
    char *loop = text_format("%s/loop", (char *)*state), *below = text_format("%s/below", loop);
    assert_int_equal(symlink("loop", loop), 0);
    assert_true(file_is_dangling(loop));
    assert_true(file_may_exist(loop) && file_may_exist(below) && file_may_exist_in(loop, "below"));
    assert_false(file_exists(loop) || file_exists(below) || file_exists_in(loop, "below"));
    assert_false(file_may_exist_in(*state, "none") || file_may_exist_in("/dev/null", "none"));
    CHECK_FAILS(STATUS_FAILED, "remove the symbolic links that lead in a circle",
                file_read(below, 1, &data, &size, &err));
    free(loop);
    free(below);
}

/* Counts the entry, which must be where its path says, and removes it. */
static status count_and_remove(void *context, const char *name, const char *path, error *err)
{
    (void)err;
    int *count = context;
    assert_string_equal(path + strlen(path) - strlen(name), name);
    assert_int_equal(unlink(path), 0);
    ++*count;
    return STATUS_OK;
}

static void visits_each_entry_once(void **state)
{
    error err;
    char *inside = text_format("%s/inside", (char *)*state);
    int count = 0;
    CHECK_OK(file_make_directory(inside, &err));
    for (int i = 0; i < 5; i++) {
        char *path = text_format("%s/.%d.x", inside, i);
        CHECK_OK(file_write(path, "x", 1, &err));
        free(path);
    }
    CHECK_OK(file_each(inside, count_and_remove, &count, &err));
    assert_int_equal(count, 5);
    CHECK_OK(file_each(inside, count_and_remove, &count, &err)); /* empty */
    assert_int_equal(rmdir(inside), 0);
    CHECK_OK(file_each(inside, count_and_remove, &count, &err)); /* missing */
    assert_int_equal(count, 5);
    free(inside);
}

static void test_is_unfinished(void **state)
{
    (void)state;
    assert_true(file_is_unfinished("last.safetensors.tmp-0123456789abcdef"));
    assert_true(file_is_unfinished("best.safetensors.link-0123456789abcdef"));
    assert_false(file_is_unfinished("notes.tmp-0123456789abcdefa"));
    assert_false(file_is_unfinished("notes.tmp-0123456789abcdeF"));
    assert_false(file_is_unfinished("notes.old-0123456789abcdef"));
    assert_false(file_is_unfinished("last.safetensors"));
    assert_false(file_is_unfinished("notes.tmp-"));
    assert_false(file_is_unfinished("notes.tmp-1x"));
    assert_false(file_is_unfinished("a.link.txt"));
    assert_false(file_is_unfinished("link"));
}

static void cache_directory_follows_the_environment(void **state)
{
    (void)state;
    setenv("XDG_CACHE_HOME", "/somewhere", 1);
    char *path = file_cache_directory();
    assert_string_equal(path, "/somewhere/hcnn-cl");
    free(path);
    setenv("XDG_CACHE_HOME", "relative", 1); /* relative: ignored, as the specification says */
    setenv("HOME", "/home/somebody", 1);
    path = file_cache_directory();
    assert_string_equal(path, "/home/somebody/.cache/hcnn-cl");
    free(path);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_null(file_cache_directory());
}

static void test_link(void **state)
{
    (void)state;
    error err;
    char *directory = check_directory(), *text;
    char *from = text_format("%s/from", directory), *to = text_format("%s/to", directory);
    size_t size;
    CHECK_OK(file_write(to, "old", 3, &err));
    CHECK_OK(file_write(from, "new", 3, &err));
    CHECK_OK(file_link(from, to, &err));
    CHECK_OK(file_link(from, to, &err)); /* a second call does no harm */
    CHECK_OK(file_write(from, "newer", 5, &err));
    CHECK_OK(file_read(to, 100, (unsigned char **)&text, &size, &err));
    assert_string_equal(text, "new");
    free(text);
    free(from);
    from = text_format("%s/none", directory);
    CHECK_FAILS(STATUS_FAILED, from, file_link(from, to, &err));
    assert_true(file_exists(to));
    /* A hard link to another file system is impossible: the file is copied. */
    free(to);
    to = strdup("/dev/shm/hcnn-test-XXXXXX");
    if (mkdtemp(to)) {
        char *copy = text_format("%s/copy", to);
        CHECK_OK(file_write(from, "far", 3, &err));
        CHECK_OK(file_link(from, copy, &err));
        CHECK_OK(file_read(copy, 100, (unsigned char **)&text, &size, &err));
        assert_string_equal(text, "far");
        free(text);
        free(copy);
        CHECK_OK(file_remove_tree(to, &err));
    }
    CHECK_OK(file_remove_tree(directory, &err));
    free(directory);
    free(from);
    free(to);
}

/* A lock excludes other processes, and other descriptors of this process. */
static void test_lock(void **state)
{
    (void)state;
    error err;
    int first, second;
    char *directory = check_directory();
    CHECK_OK(file_lock(directory, &first, &err));
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl is working in it",
                file_lock(directory, &second, &err));
    assert_int_equal(second, -1);
    file_unlock(second);
    file_unlock(first);
    CHECK_OK(file_lock(directory, &second, &err));
    file_unlock(second);
    CHECK_OK(file_remove_tree(directory, &err));
    CHECK_FAILS(STATUS_FAILED, directory, file_lock(directory, &first, &err));
    free(directory);
}

/* Another process holds the lock for a while, creates a file and then ends. A lock that is held for
 * longer is not waited for. */
static void test_wait_lock(void **state)
{
    (void)state;
    error err;
    int lock, never, ends[2];
    char *directory = check_directory(), *late = text_format("%s/late", directory), ready;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        bool locked = file_wait_lock(directory, &lock, &err) == STATUS_OK;
        locked = write(ends[1], "", 1) == 1 && locked;
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
        locked = locked && file_write(late, "", 0, &err) == STATUS_OK;
        free(directory); /* freed before the process ends, so that valgrind reports no leak */
        free(late);
        _exit(locked ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(read(ends[0], &ready, 1), 1);
    CHECK_OK(file_wait_lock(directory, &lock, &err));
    assert_true(file_exists(late));
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    CHECK_FAILS(STATUS_FAILED, "another hcnn-cl is working in it",
                file_wait_lock(directory, &never, &err));
    file_unlock(lock);
    close(ends[0]);
    close(ends[1]);
    CHECK_OK(file_remove_tree(directory, &err));
    CHECK_FAILS(STATUS_FAILED, directory, file_wait_lock(directory, &lock, &err));
    free(directory);
    free(late);
}

static void test_absolute(void **state)
{
    (void)state;
    char *here = file_absolute("a/b"), *there = file_absolute("/a/b");
    assert_int_equal(here[0], '/');
    assert_string_equal(here + strlen(here) - 4, "/a/b");
    assert_string_equal(there, "/a/b");
    free(here);
    free(there);
}

static void test_path_leaves(void **state)
{
    (void)state;
    static const char *const stay[] = {"",    "a",     "a/..",     "./a/../b", "a/b/../../c",
                                       "...", "..a/b", "a/.../..", "a//.."};
    static const char *const leave[] = {"..", "../a", "a/../..", "a/../../b", "./..", "a//../.."};
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
        assert_false(file_path_leaves(stay[i]));
    for (size_t i = 0; i < sizeof leave / sizeof leave[0]; i++)
        assert_true(file_path_leaves(leave[i]));
}

/* The directory may be a symbolic link to the one in which the images' paths begin. */
static void test_path_is_below(void **state)
{
    const char *directory = *state;
    error err;
    char *there = text_format("%s/there", directory), *link = text_format("%s/link", directory);
    CHECK_OK(file_make_directory(there, &err));
    assert_int_equal(symlink(there, link), 0);
    char *in = text_format("%s/a.png", there), *out = text_format("%s/../a.png", there);
    char *beside = text_format("%s-more/a.png", there);
    assert_true(file_path_is_below("a/b.png", there));
    assert_false(file_path_is_below("../b.png", there));
    assert_true(file_path_is_below(in, there));
    assert_true(file_path_is_below(in, link));
    assert_false(file_path_is_below(out, there));
    assert_false(file_path_is_below(beside, there));
    assert_false(file_path_is_below(there, there));
    assert_false(file_path_is_below("/etc/passwd", "no-such-directory"));
    free(beside);
    free(out);
    free(in);
    free(link);
    free(there);
}

static void test_is_name(void **state)
{
    (void)state;
    assert_true(file_is_name("a"));
    assert_true(file_is_name("..."));
    assert_false(file_is_name(""));
    assert_false(file_is_name("."));
    assert_false(file_is_name(".."));
    assert_false(file_is_name("a/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_leaves),
        cmocka_unit_test(test_path_is_below),
        cmocka_unit_test(test_is_name),
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(read_errors_name_the_file),
        cmocka_unit_test(writer_replaces_only_regular_files),
        cmocka_unit_test(writer_shows_the_file_only_when_committed),
        cmocka_unit_test(writer_replaces_bytes),
        cmocka_unit_test(temporary_names_are_random),
        cmocka_unit_test(a_failed_stream_keeps_no_descriptor),
        cmocka_unit_test(a_failed_sync_leaves_the_old_file),
        cmocka_unit_test(a_failed_write_is_not_committed),
        cmocka_unit_test(aborted_writer_leaves_the_old_file),
        cmocka_unit_test(writer_reports_a_missing_directory),
        cmocka_unit_test(full_disk_is_reported),
        cmocka_unit_test(makes_and_removes_trees),
        cmocka_unit_test(tells_absent_from_unknown),
        cmocka_unit_test(visits_each_entry_once),
        cmocka_unit_test(test_is_unfinished),
        cmocka_unit_test(cache_directory_follows_the_environment),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_wait_lock),
        cmocka_unit_test(test_absolute),
    };
    return cmocka_run_group_tests_name("file", tests, make_directory, remove_directory);
}
