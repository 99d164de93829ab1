/* SPDX-License-Identifier: Apache-2.0 */
/* Named buffers of floats on the device, to a safetensors file and back, bit for bit: what an
 * optimizer keeps between steps. */
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

/* A new buffer of `count` zeros behind the list's others, named "OWNER.KIND". */
status state_list_add(state_list *list, device *dev, const char *owner, const char *kind,
                      size_t count, cl_mem *created, error *err);
void state_list_free(state_list *list);

status state_file_save(const state_list *list, device *dev, const char *path, error *err);
/* Every buffer must be there with its size, and the file as its checksum says. */
status state_file_load(const state_list *list, device *dev, const char *path, error *err);
