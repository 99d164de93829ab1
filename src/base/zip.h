/* SPDX-License-Identifier: Apache-2.0 */
/* Reads members of a zip archive in any order and in parts; nothing is unpacked to disk. Members
 * may be stored or deflated, and an archive may be larger than 4 GiB. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct zip_member {
    char *name;      /* with its directories: "archive/data/0" */
    uint64_t size;   /* bytes when unpacked; no more than the packed ones can contain */
    uint64_t packed; /* bytes in the file */
    uint64_t place;  /* where its header begins in the file */
    uint64_t end;    /* where the next member begins, or the file's size */
    uint32_t checksum;
    uint16_t method;
    bool encrypted, checked; /* checked: a stored member's checksum was found to match */
} zip_member;

typedef struct zip_file zip_file;

/* Opens an archive and lists its members, none of which shares bytes with another. So unpacking
 * each member once makes no more bytes than the whole file can contain. Errors name the file and
 * what is wrong with it. */
status zip_open(const char *path, zip_file **opened, error *err);
void zip_close(zip_file *file); /* NULL is allowed */
/* The members, sorted by name; they belong to the archive. */
const zip_member *zip_members(const zip_file *file, size_t *count);
/* The member of that name; NULL if there is none. */
const zip_member *zip_find(const zip_file *file, const char *name);
/* Reads bytes [begin, begin + size) of a member, which must be inside it, after its checksum was
 * verified. A deflated member is unpacked as a whole and kept in memory until another one is read,
 * so read all parts of one before those of the next. */
status zip_read(zip_file *file, const zip_member *member, uint64_t begin, size_t size, void *bytes,
                error *err);
/* The bytes of a deflated member, valid until another member is read; NULL for a stored one. */
status zip_unpack(zip_file *file, const zip_member *member, const unsigned char **bytes,
                  error *err);
