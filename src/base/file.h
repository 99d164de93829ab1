/* SPDX-License-Identifier: Apache-2.0 */
/* Files and paths. Whole files are read at once, and written so that a reader sees the old content
 * or the new, never a part. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Reads a whole file into *data, which the caller frees. A zero byte follows the data, so that text
 * can be used as a string. A file of more than limit bytes is an error. */
status file_read(const char *path, size_t limit, unsigned char **data, size_t *size, error *err);
/* The same for a file that is open; takes over the descriptor. `path` is for messages. */
status file_read_descriptor(int descriptor, const char *path, size_t limit, unsigned char **data,
                            size_t *size, error *err);

/* Sets "PATH: WHAT: REASON; WHAT TO DO", where errno gives the reason, and whether that is a
 * shortage; returns STATUS_FAILED. */
status file_error(error *err, const char *path, const char *what);

/* What to do about a write that failed with this errno, such as "; make room there"; "" if nothing
 * is known. */
const char *file_write_advice(int reason);
/* Sets the error for a file that cannot be written, with that advice; returns STATUS_FAILED. */
status file_write_error(error *err, const char *path, int reason);

/* A file under construction: it has a temporary name beside `path` until it is committed. */
typedef struct file_writer {
    FILE *stream;
    char *path;
    char *temporary;
    int reason; /* errno of the first write that failed: no commit after it */
} file_writer;

/* An existing `path` that is not a regular file (a device, a pipe, a directory) is an error. */
status file_writer_open(file_writer *writer, const char *path, error *err);
/* Appends bytes. After a failure the writer still has to be aborted. */
status file_writer_put(file_writer *writer, const void *data, size_t size, error *err);
/* Overwrites bytes that were already put, from byte `at` on. The next put still appends to the end.
 */
status file_writer_replace(file_writer *writer, uint64_t at, const void *data, size_t size,
                           error *err);
/* Flushes and syncs the file, renames it to its path and syncs the directory. After an error the
 * temporary file is removed and the old file is untouched. The writer is closed in any case. */
status file_writer_commit(file_writer *writer, error *err);
/* Closes and removes the temporary file. Harmless after commit or a failed open. */
void file_writer_abort(file_writer *writer);
/* Commits if so_far is STATUS_OK, else aborts and returns so_far. */
status file_writer_end(file_writer *writer, status so_far, error *err);

/* Creates or replaces a file, without syncing it and under its own name: for directories that get
 * their name when all their files are whole and synced. What a failure leaves goes with the
 * directory. */
status file_put(const char *path, const void *data, size_t size, error *err);

/* Opens, puts and commits in one call. */
status file_write(const char *path, const void *data, size_t size, error *err);

/* Calls visit with the name and the path of each entry of a directory except . and .., in no
 * particular order, until one fails; visit may remove the entry. A directory that does not exist
 * has no entries. STATUS_FAILED if it cannot be read. An entry is left out if its path is too long
 * to be opened. */
typedef status file_visit(void *context, const char *name, const char *path, error *err);
status file_each(const char *directory, file_visit *visit, void *context, error *err);

/* Whether a file of this name may be left over from a process that was killed while it used a
 * file_writer or file_link. */
bool file_is_unfinished(const char *name);

/* Makes `to` a second name of the file `from`, or a copy of it if the file system has no hard
 * links. An existing file `to` stays until the new one takes its name. */
status file_link(const char *from, const char *to, error *err);

/* These follow symbolic links. file_exists is false also if the path cannot be examined: use it
 * before a message that says that it exists. file_may_exist is then true: use it before a message
 * that says that it does not exist, and before doing without it; opening it says what is wrong. */
bool file_exists(const char *path);
bool file_may_exist(const char *path);
/* The same for DIRECTORY/NAME. */
bool file_exists_in(const char *directory, const char *name);
bool file_may_exist_in(const char *directory, const char *name);
bool file_is_directory(const char *path);
/* Whether it is a symbolic link whose target does not exist, or one that leads back to itself. */
bool file_is_dangling(const char *path);

/* Opens a regular file for reading; *size is its size in bytes. Anything else with that name is an
 * error; if it is a pipe, the call does not wait for a writer. */
status file_open(const char *path, FILE **stream, size_t *size, error *err);

/* Whether a relative path leads, through its .., above the directory that it starts from. */
bool file_path_leaves(const char *path);
/* Whether a path from a list stays below `directory`. A relative path starts there; an absolute one
 * must begin with the directory's own path, as given or with its symbolic links resolved. Only the
 * text of `path` is examined: symbolic links in it may lead elsewhere. */
bool file_path_is_below(const char *path, const char *directory);
/* Whether the text names one entry of a directory: it is not empty, not a path, not "." and not
 * "..". */
bool file_is_name(const char *name);

/* Whether the path still names what was opened as `descriptor`. */
bool file_is_at(int descriptor, const char *path);
/* Opens a directory; the caller closes the descriptor. */
status file_open_directory(const char *directory, int *opened, error *err);
/* Creates the directory and its parents; it may already exist. */
status file_make_directory(const char *path, error *err);
/* Removes a directory with everything in it; symbolic links in it are removed, not followed. A path
 * that is itself a symbolic link is an error. */
status file_remove_tree(const char *path, error *err);
/* Renames and syncs the parent directory; an error means that nothing was renamed. `to` may be an
 * empty directory, but not one with files. */
status file_rename(const char *from, const char *to, error *err);
/* Keeps other processes out of a directory until file_unlock or the end of this process.
 * STATUS_FAILED if another process has the lock for longer than a moment. Succeeds without a lock
 * if the file system has none. */
status file_lock(const char *directory, int *lock, error *err);
/* Like file_lock, but waits for up to five seconds. Use it for locks that are held only for
 * moments: anyone who can read a directory can also lock it for ever. */
status file_wait_lock(const char *directory, int *lock, error *err);
/* True: the directory is now locked. False: another process has the lock, the path is a symbolic
 * link, or the file system cannot tell. */
bool file_try_lock(const char *directory, int *lock);
/* Whether a process has locked the directory; also true if the file system cannot tell. */
bool file_is_locked(const char *directory);
void file_unlock(int lock); /* -1 is allowed */

/* The directory part of a path, "." if it has none; NULL if there is no memory. The caller frees
 * it. */
char *file_parent(const char *path);

/* The absolute form of a path, which need not exist; NULL if there is no memory. The caller frees
 * it. */
char *file_absolute(const char *path);

/* $XDG_CACHE_HOME/hcnn-cl, else ~/.cache/hcnn-cl, else NULL. It is not created. The caller frees
 * the text. */
char *file_cache_directory(void);
