/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of a run. It is made under a temporary name beside its own and renamed when it
 * holds a whole checkpoint: a run directory never lacks one, and of two starts with the same name
 * exactly one gets it. From the first moment on it is locked against other processes. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

typedef struct run_directory {
    char *path;      /* its name, without slashes at the end */
    char *temporary; /* what it is called until run_directory_commit; else NULL */
    int lock;
    bool own_name; /* the program chose it: where it is taken the next one will do */
} run_directory;

/* Names the directory of a new run, and makes nothing yet. NULL: runs/DATE-TIME. STATUS_USAGE when
 * the name is taken, so that a command given twice costs nothing. */
status run_directory_name(run_directory *d, const char *name, error *err);

/* Makes d->temporary, locked, and its parents. Removes such directories of killed starts, which no
 * process holds; where the file system has no locks they stay. */
status run_directory_begin(run_directory *d, error *err);

/* Gives it its name: atomic, never over another run. STATUS_USAGE when another start was quicker;
 * with a name of the program's own d->path becomes the next one that is free, as DATE-TIME-2. */
status run_directory_commit(run_directory *d, error *err);

/* A run that is there already, locked. */
status run_directory_open(run_directory *d, const char *path, error *err);

/* Unlocks it and, before run_directory_commit, removes it. Harmless on a zeroed one. */
void run_directory_close(run_directory *d);
