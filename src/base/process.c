/* SPDX-License-Identifier: Apache-2.0 */
/* See process.h. */
#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STARTED_FIELD = 22, NAME_FIELD = 2 }; /* fields of /proc/ID/stat, counted from 1 */

/* Reads when a process started; "" if that is unknown or the process is a zombie. The program's
 * name is in brackets and may itself contain brackets, so the fields are counted from the last one.
 */
static void read_began(int64_t id, char began[32])
{
    char text[1024], path[64];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)id);
    int file = open(path, O_RDONLY | O_CLOEXEC); /* a FILE would need memory */
    ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);
    text[size < 0 ? 0 : size] = '\0';
    char *at = strrchr(text, ')');
    if (at && strncmp(at, ") Z", 3) == 0)
        at = NULL;
    for (int field = NAME_FIELD; at && field < STARTED_FIELD; field++)
        at = strchr(at + 1, ' ');
    began[0] = '\0';
    if (at)
        snprintf(began, 32, "%.*s", (int)strcspn(at + 1, " "), at + 1);
    if (file >= 0)
        close(file);
}

process_name process_this(void)
{
    process_name p = {.id = getpid()};
    read_began(p.id, p.began);
    return p;
}

bool process_lives(int64_t id, const char *began)
{
    char found[32];
    if (!began || id <= 0)
        return false;
    if (!*began)
        return kill((pid_t)id, 0) == 0;
    read_began(id, found);
    return strcmp(found, began) == 0;
}
