/* SPDX-License-Identifier: Apache-2.0 */
/* Files: reading whole ones, writing so that a reader sees the old content or the new and never a
 * part, and paths. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Reads a whole file into *data (freed by the caller; one zero byte is put behind it, so text can
 * be used as a string). A file larger than limit bytes is an error. */
status file_read(const char *path, size_t limit, unsigned char **data, size_t *size, error *err);

/* What to do about a write that failed with this errno, as "; make room there"; "" where nothing is
 * known. */
const char *file_write_advice(int reason);
/* The error for a file that cannot be written, with that advice. */
status file_write_error(error *err, const char *path, int reason);

/* A file under construction: it lives under a temporary name beside `path` until committed. */
typedef struct file_writer {
    FILE *stream;
    char *path;
    char *temporary;
} file_writer;

/* What is at `path` and no regular file (a device, a pipe, a directory) is an error. */
status file_writer_open(file_writer *writer, const char *path, error *err);
status file_writer_put(file_writer *writer, const void *data, size_t size, error *err);
/* Bytes that were put already, from byte `at`, become others. What is put next goes behind all. */
status file_writer_replace(file_writer *writer, uint64_t at, const void *data, size_t size,
                           error *err);
/* Flushes, syncs the file, renames it to its path and syncs the directory. On failure the
 * temporary file is removed and the old file is untouched. Either way the writer is closed. */
status file_writer_commit(file_writer *writer, error *err);
/* Closes and removes the temporary file. Harmless after commit or a failed open. */
void file_writer_abort(file_writer *writer);
/* Commits if so_far is STATUS_OK, else aborts and returns it. */
status file_writer_end(file_writer *writer, status so_far, error *err);

/* Open, put, commit in one call. */
status file_write(const char *path, const void *data, size_t size, error *err);

/* Whether a file of this name is what a kill left of a file_writer or a file_link. */
bool file_is_unfinished(const char *name);

/* Makes `to` a second name of the file `from`, or a copy of it where the file system has no hard
 * links. A file that was `to` stays until the new one has its name. */
status file_link(const char *from, const char *to, error *err);

bool file_exists(const char *path);
/* Whether DIRECTORY/NAME exists; false when memory is out. */
bool file_exists_in(const char *directory, const char *name);
bool file_is_directory(const char *path);

/* Opens a regular file for reading; anything else that has the name is an error, not a wait. */
status file_open(const char *path, FILE **stream, size_t *size, error *err);

/* Whether a path that does not begin at the root leads, by its .., above where it begins. */
bool file_path_leaves(const char *path);
/* Whether a path from a list lies below the directory that it begins at, by its text: one from the
 * root only where it begins with that directory's own path. Symbolic links are not looked at. */
bool file_path_is_below(const char *path, const char *directory);
/* Whether it is the name of one thing in a directory: no path, not ".", not "..". */
bool file_is_name(const char *name);

/* Makes the directory and its parents; one that is there already is fine. */
status file_make_directory(const char *path, error *err);
/* Removes a directory with everything in it; symbolic links are removed, not followed. */
status file_remove_tree(const char *path, error *err);
/* Renames and syncs the directory above; `to` must not be a directory that is not empty. */
status file_rename(const char *from, const char *to, error *err);
/* Keeps other processes out of a directory until file_unlock or the end of this one: STATUS_FAILED
 * when another has it for longer than a moment. Where the file system has no locks there is none to
 * wait for. */
status file_lock(const char *directory, int *lock, error *err);
/* As file_lock, but waits while another has it: for what is held for moments. */
status file_wait_lock(const char *directory, int *lock, error *err);
/* True: the directory, which is no symbolic link, is locked for certain. False: another has it, or
 * nobody can tell. */
bool file_try_lock(const char *directory, int *lock);
/* Whether a process has locked the directory; true as well where the file system cannot tell. */
bool file_is_locked(const char *directory);
void file_unlock(int lock); /* -1 is fine */

/* The directory part of a path, "." when it has none; NULL when memory is out. */
char *file_parent(const char *path);

/* The path from the root, whether there is such a file or not; NULL when memory is out. */
char *file_absolute(const char *path);

/* $XDG_CACHE_HOME/hcnn-cl, else ~/.cache/hcnn-cl, else NULL; not created. Freed by the caller. */
char *file_cache_directory(void);
