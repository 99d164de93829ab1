/* SPDX-License-Identifier: Apache-2.0 */
/* Saves named buffers of floats on the device, such as an optimizer's state, to a safetensors file
 * and loads them bit-identically. */
#pragma once

#include "device/device.h"

#include <stddef.h>

typedef struct state_buffer {
    char *name;
    size_t count; /* floats */
    cl_mem buffer;
} state_buffer;

typedef struct state_list {
    state_buffer *buffers;
    size_t count;
} state_list;

/* Appends a new buffer of `count` zeros, named "OWNER.KIND", to the list, which owns it. */
status state_list_add(state_list *list, device *dev, const char *owner, const char *kind,
                      size_t count, cl_mem *created, error *err);
void state_list_free(state_list *list);

status state_file_save(const state_list *list, device *dev, const char *path, error *err);
/* Loads all buffers of the list. STATUS_FAILED if one is missing or has another size, or if the
 * checksum of the file does not match. */
status state_file_load(const state_list *list, device *dev, const char *path, error *err);
