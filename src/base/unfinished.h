/* SPDX-License-Identifier: Apache-2.0 */
/* Directories under construction. One is created under a temporary name beside its final one,
 * NAME.new-PROCESS-NUMBER, and locked; the lock belongs to the directory, not to its name, so it
 * survives a rename. What a killed process leaves has no lock, and the next one with the same name,
 * or the same kind of name, deals with it. If the file system has no locks, it stays. */
#pragma once

#include "base/error.h"

/* Called with each directory that a killed process left. It is locked during the call. */
typedef void unfinished_visit(void *context, const char *directory);

/* Creates the directory for `name`, locked, and its parents, after it has passed to `visit` those
 * that were left: for `name`, and for all names in the same directory that match `pattern`, as in
 * fnmatch, unless it is NULL. The caller frees *path and unlocks *lock; after an error they are
 * NULL and -1. */
status unfinished_create(const char *name, const char *pattern, unfinished_visit *visit,
                         void *context, char **path, int *lock, error *err);
