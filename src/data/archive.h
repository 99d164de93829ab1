/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a .tar, .tar.gz or .tar.xz, read into memory; nothing is unpacked to the disk. */
#pragma once

#include "base/error.h"

#include <stddef.h>

/* One file wanted, found by its name without directories. */
typedef struct archive_member {
    const char *name;
    size_t limit;        /* more bytes than this are an error */
    unsigned char *data; /* NULL when the archive has none of that name; freed by the caller */
    size_t size;
} archive_member;

/* Fills members[0..count) in one pass. The archive is damaged, cut short, no archive or one that
 * unpacks to more than 1 GiB: an error naming it, and no member's data. */
status archive_read_members(const char *path, archive_member *members, int count, error *err);
