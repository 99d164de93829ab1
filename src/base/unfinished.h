/* SPDX-License-Identifier: Apache-2.0 */
/* Directories under construction, or being removed. One is created under a temporary name beside
 * its final one, NAME.new-PROCESS-NUMBER, and locked; the lock belongs to the directory, not to its
 * name, so it survives a rename. What a killed process leaves has no lock, and the next one with
 * the same name, or the same kind of name, deals with it. If the file system has no locks, it
 * stays. */
#pragma once

#include "base/error.h"

/* Called with each directory that a killed process left. It is locked during the call. */
typedef void unfinished_visit(void *context, const char *directory);

/* Passes to `visit` what was left: for `name`, and for all names in the same directory that match
 * `pattern`, as in fnmatch, unless it is NULL. */
status unfinished_visit_left(const char *name, const char *pattern, unfinished_visit *visit,
                             void *context, error *err);

/* Creates the directory for `name`, locked, and its parents, after it has passed to `visit` what
 * was left. The caller frees *path and unlocks *lock; after an error they are NULL and -1. */
status unfinished_create(const char *name, const char *pattern, unfinished_visit *visit,
                         void *context, char **path, int *lock, error *err);

/* Gives a directory that the caller has locked a temporary name, so that it is whole under its own
 * name or not there. The caller frees *path; after an error it is NULL. */
status unfinished_rename(const char *name, char **path, error *err);
