/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a zip archive, in any order and a part at a time; nothing is unpacked to the disk.
 * Stored and deflated members, also of archives above 4 GiB (libarchive). */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct zip_member {
    char *name;    /* with its directories: "archive/data/0" */
    uint64_t size; /* bytes, unpacked; no more than the file can hold */
    size_t place;  /* in the file */
} zip_member;

typedef struct zip_file zip_file;

/* Opens it and lists its members. Errors name the file and what is wrong with it. */
status zip_open(const char *path, zip_file **opened, error *err);
void zip_close(zip_file *file); /* NULL is fine */
/* Members, sorted by name. */
const zip_member *zip_members(const zip_file *file, size_t *count);
/* NULL when there is none of that name. */
const zip_member *zip_find(const zip_file *file, const char *name);
/* Reads bytes [begin, begin + size) of a member, which must lie inside it. Going through members in
 * the order of their places reads the file once. The checksum is checked where the last byte is
 * read. */
status zip_read(zip_file *file, const zip_member *member, uint64_t begin, size_t size, void *bytes,
                error *err);
