/* SPDX-License-Identifier: Apache-2.0 */
/* Files that only this user may have written, because what is in them is run or believed without
 * further checks. They are in a private directory: one that belongs to this user (the effective
 * one) or root, and to which nobody else may write. */
#pragma once

#include "base/error.h"

#include <stddef.h>

/* Creates the directory, open to this user alone, and its parents; it may already exist. An error
 * says why the directory is not private, or why it cannot be created. */
status private_directory_make(const char *path, error *err);
/* Checks a directory that may be missing, which is not an error. */
status private_directory_check(const char *path, error *err);

/* Like file_read, for a file in a private directory. The file, which may not be a symbolic link,
 * has to be private in the same way. Both are checked after they were opened. */
status private_file_read(const char *path, size_t limit, unsigned char **data, size_t *size,
                         error *err);
/* Like file_write, but makes the directory, and nobody else may read or write the file. */
status private_file_write(const char *path, const void *data, size_t size, error *err);
