/* SPDX-License-Identifier: Apache-2.0 */
/* What the pickle of a torch.save file says: storages, and the tensors in them. It must know
 * neither the containers (torch_file.c) nor the bytes of the storages. */
#pragma once

#include "base/pickle.h"
#include "base/tensor_entry.h"
#include "base/zip.h"

typedef struct torch_storage {
    const char *key; /* points into the pickle */
    safetensors_type type;
    unsigned item;  /* bytes of an element */
    uint64_t count; /* elements */
    /* Where it is; set by the container. */
    bool placed;
    uint64_t begin;           /* byte of the file; in a zip archive, of the member's header */
    const zip_member *member; /* in a zip archive */
} torch_storage;

typedef struct torch_tensor {
    tensor_entry entry; /* the name points into the pickle */
    const torch_storage *storage;
    uint64_t first; /* first element in the storage */
    int64_t strides[SAFETENSORS_MAX_RANK];
} torch_tensor;

typedef struct torch_contents {
    const char *path;
    pickle *parsed;          /* names and keys point into it */
    torch_storage *storages; /* all that the pickle names, sorted by key */
    size_t storage_count;
    /* the tensors of the state dict, in its order; torch_file.c sorts them */
    torch_tensor *tensors;
    size_t count;
} torch_contents;

extern const pickle_rules torch_rules;

/* Parses the pickle at the start of bytes[0..size) and checks that each tensor is inside its
 * storage. Messages name `path`, which must outlive the contents. The caller frees the contents
 * with torch_contents_free. */
status torch_contents_read(const char *path, const unsigned char *bytes, size_t size,
                           torch_contents *contents, error *err);
void torch_contents_free(torch_contents *contents);
/* The storage with that key, or NULL. */
torch_storage *torch_contents_find(const torch_contents *contents, const pickle_value *key);
