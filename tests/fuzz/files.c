/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the fuzz targets; see fuzz.h. */
#include "base/file.h"
#include "base/text.h"
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

static void remove_directory(void)
{
    error ignored;
    file_remove_tree(fuzz_directory(), &ignored);
}

const char *fuzz_directory(void)
{
    static char path[512];
    if (*path)
        return path;
    const char *root = getenv("TMPDIR");
    if (!root || !*root)
        root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, sizeof path, "%s/hcnn-fuzz-XXXXXX", root);
    FUZZ_HOLDS(mkdtemp(path) != NULL);
    atexit(remove_directory);
    return path;
}

static char *path_of(const char *name)
{
    char *path = text_format("%s/%s", fuzz_directory(), name);
    FUZZ_HOLDS(path != NULL);
    return path;
}

/* file_write is avoided, because most of the time would go into its syncs. */
char *fuzz_file(const char *name, const void *data, size_t size)
{
    error err;
    char *path = path_of(name), *parent = file_parent(path);
    if (!file_is_directory(parent))
        FUZZ_SUCCEEDS(file_make_directory(parent, &err));
    free(parent);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_HOLDS(file >= 0);
    FUZZ_HOLDS(size == 0 || write(file, data, size) == (ssize_t)size);
    close(file);
    return path;
}

void fuzz_remove(const char *name)
{
    char *path = path_of(name);
    unlink(path);
    free(path);
}

uint8_t fuzz_take_byte(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return 0;
    --*size;
    return *(*data)++;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_HOLDS(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}
