/* SPDX-License-Identifier: Apache-2.0 */
/* What the pickle of a torch.save file says: storages, and tensors that lie in them. Knows neither
 * the containers (torch_file.c) nor the storages' bytes. */
#pragma once

#include "base/pickle.h"
#include "base/tensor_entry.h"
#include "base/zip.h"

typedef struct torch_storage {
    const char *key; /* in the pickle */
    safetensors_type type;
    unsigned item;  /* bytes of an element */
    uint64_t count; /* elements */
    /* Where it lies; set by the container. */
    bool placed;
    uint64_t begin;           /* byte of the file, in the one before zip */
    const zip_member *member; /* in a zip archive */
} torch_storage;

typedef struct torch_tensor {
    tensor_entry entry; /* its name is the pickle's */
    const torch_storage *storage;
    uint64_t first; /* element of the storage */
    int64_t strides[SAFETENSORS_MAX_RANK];
} torch_tensor;

typedef struct torch_contents {
    const char *path;
    pickle *parsed;          /* names and keys point into it */
    torch_storage *storages; /* all that the pickle names, by their keys */
    size_t storage_count;
    torch_tensor *tensors; /* of the state dict, in its order */
    size_t count;
} torch_contents;

extern const pickle_rules torch_rules;

/* Parses the pickle at the start of bytes[0..size); each tensor lies inside its storage. path,
 * which messages name, is borrowed. */
status torch_contents_read(const char *path, const unsigned char *bytes, size_t size,
                           torch_contents *contents, error *err);
void torch_contents_free(torch_contents *contents);
/* The storage of that key, or NULL. */
torch_storage *torch_contents_find(const torch_contents *contents, const pickle_value *key);
