/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a zip archive whose members are stored as they are. The bytes of each member begin at a
 * multiple of 64, as in PyTorch's files, so that they can be mapped. */
#pragma once

#include "base/file.h"

enum { ZIP_NAME = 48 };

typedef struct zip_stored {
    char name[ZIP_NAME];
    uint64_t at; /* where its header begins */
    uint64_t size;
    uint32_t sum; /* CRC-32 */
} zip_stored;

typedef struct zip_writer {
    file_writer *out;
    uint64_t at; /* bytes of the file so far */
    zip_stored *members;
    size_t count;
} zip_writer;

/* Writes to a file that the caller still owns. Nothing else may write to it until zip_writer_end.
 */
void zip_writer_open(zip_writer *zip, file_writer *out);
/* Begins a member; its name is shorter than ZIP_NAME. */
status zip_writer_begin(zip_writer *zip, const char *name, error *err);
/* Appends bytes to the member that was begun last. */
status zip_writer_put(zip_writer *zip, const void *bytes, size_t size, error *err);
/* Completes that member. */
status zip_writer_complete(zip_writer *zip, error *err);
/* Begins, writes and completes a member. */
status zip_writer_add(zip_writer *zip, const char *name, const void *bytes, size_t size,
                      error *err);
/* Writes the directory of the archive, which ends it. */
status zip_writer_end(zip_writer *zip, error *err);
void zip_writer_close(zip_writer *zip); /* a struct of zeros is allowed */
