/* SPDX-License-Identifier: Apache-2.0 */
/* What a file appears to be, judged by its first bytes. Only errors use it: they tell a user who
 * named a file of another kind what the file is. */
#pragma once

#include <stddef.h>
#include <stdio.h>

typedef struct file_kind {
    const char *name; /* with its article: "a PNG image" */
    enum {
        FILE_OTHER,
        FILE_PACKED, /* a tar archive, or packed with gzip or xz */
        FILE_SAFETENSORS,
        FILE_TEXT, /* any other text, or an empty file */
    } use;
} file_kind;

enum { FILE_KIND_BYTES = 512 };
/* The kind of a file that begins with these bytes, at most FILE_KIND_BYTES of them; NULL if no
 * kind is recognised. */
const file_kind *file_kind_of(const unsigned char *bytes, size_t size);
/* The same for an open file, which is rewound before and after. */
const file_kind *file_kind_read(FILE *stream);
/* The same for a file by its path; NULL also if it is not a regular file that can be read. */
const file_kind *file_kind_at(const char *path);
