/* SPDX-License-Identifier: Apache-2.0 */
/* See run_path.h. */
#include "track/run_path.h"
#include "track/run_store.h"

#include <stdlib.h>
#include <string.h>

/* The path without slashes at its end; from the root for "." and "..", which are no names. NULL
 * when memory is out. */
static char *name_directory(const char *given)
{
    size_t length = strlen(given);
    while (length > 1 && given[length - 1] == '/')
        length--;
    char *directory = strndup(given, length);
    const char *slash = directory ? strrchr(directory, '/') : NULL;
    const char *name = slash ? slash + 1 : directory;
    char *full = name && (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                     ? realpath(directory, NULL)
                     : NULL;
    if (!full)
        return directory;
    free(directory);
    return full;
}

status run_path_split(const char *directory, char **store, char **name, error *err)
{
    char *path = name_directory(directory);
    const char *slash = path ? strrchr(path, '/') : NULL;
    *store = path ? run_store_path_of(path) : NULL;
    *name = path ? strdup(slash ? slash + 1 : path) : NULL;
    free(path);
    if (*store && *name)
        return STATUS_OK;
    free(*store);
    free(*name);
    *store = *name = NULL;
    return error_memory(err, directory);
}
