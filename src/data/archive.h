/* SPDX-License-Identifier: Apache-2.0 */
/* Reads members of a .tar, .tar.gz or .tar.xz archive into memory; nothing is unpacked to disk. */
#pragma once

#include "base/error.h"

#include <stddef.h>

/* One file to read; it is found by name, whatever its directory in the archive. */
typedef struct archive_member {
    const char *name;
    size_t limit;        /* more bytes are an error */
    unsigned char *data; /* NULL if the archive has no such file; the caller frees it */
    size_t size;
} archive_member;

/* Fills members[0..count) in one pass. If the file is damaged, cut short, not an archive or unpacks
 * to more than 1 GiB, the error names it and no member has data. */
status archive_read_members(const char *path, archive_member *members, int count, error *err);
