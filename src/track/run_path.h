/* SPDX-License-Identifier: Apache-2.0 */
/* A run's directory, as a user gives it, as the store beside it and its name there. */
#ifndef HCNN_TRACK_RUN_PATH_H
#define HCNN_TRACK_RUN_PATH_H

#include "base/error.h"

/* Slashes at the end do not count, and "." and ".." are the directories that they mean. The store
 * need not be there. Both are freed by the caller; on failure both are NULL. */
status run_path_split(const char *directory, char **store, char **name, error *err);

#endif
