/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of a run. It is created under a temporary name beside its final one, and renamed
 * when it contains a whole checkpoint. So a run directory always has a checkpoint, and if two
 * starts use the same name, only one gets it. The directory is locked against other processes from
 * the start. */
#pragma once

#include "base/error.h"

#include <dirent.h>
#include <stdbool.h>

typedef struct run_directory {
    char *path;      /* its name, without slashes at the end */
    char *temporary; /* its name until run_directory_commit, then NULL */
    int lock;
    /* of the temporary directory: removing it needs no memory and no new descriptor */
    DIR *entries;
    bool own_name; /* the program chose the name: if it is taken, use the next free one */
} run_directory;

/* Sets the name of a new run's directory; NULL: runs/DATE-TIME. Creates nothing yet. Returns
 * STATUS_USAGE if the name is taken, so a command that is given twice fails at once. */
status run_directory_name(run_directory *d, const char *name, error *err);

/* Creates d->temporary, locked, and its parents. Removes the temporary directories of killed
 * starts, which no process has locked; if the file system has no locks, they stay. */
status run_directory_begin(run_directory *d, error *err);

/* Renames it to its final name, atomically and never over another run. Returns STATUS_USAGE if
 * another start got the name first. If the program chose the name, d->path becomes the next free
 * one, such as DATE-TIME-2. */
status run_directory_commit(run_directory *d, error *err);

/* Opens and locks the directory of an existing run, and removes files that a killed process did not
 * finish. STATUS_FAILED if the directory cannot be written. */
status run_directory_open(run_directory *d, const char *path, error *err);

/* Whether an opened or committed directory still has its path. If it was renamed, replaced or
 * removed, what is written by that path would destroy another run. */
bool run_directory_is_there(const run_directory *d);

/* Removes the directory of a run, and what an earlier removal or start of that name left. It gets a
 * temporary name first, so a removal that is killed or fails leaves nothing that looks like a run;
 * the next one, or the next start with the name, removes the rest. STATUS_FAILED if another process
 * has locked it. A directory that does not exist is not an error. */
status run_directory_remove(const char *path, error *err);

/* Whether the path is one of the files in a run's directory without which it cannot be resumed. */
bool run_directory_needs(const char *path);

/* Unlocks the directory and, before run_directory_commit, removes it. Does nothing for zeros. */
void run_directory_close(run_directory *d);
