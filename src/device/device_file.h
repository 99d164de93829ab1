/* SPDX-License-Identifier: Apache-2.0 */
/* JSON files in the cache directory that hold what this program found out about one device:
 * $XDG_CACHE_HOME/hcnn-cl/KIND-HASH.json, where HASH depends on the device and its driver.
 *
 *   {"format": 1,
 *    "made_for": {"platform", "device", "version", "driver": texts as OpenCL reports them,
 *                 "type": what the device counts as, "units": compute units,
 *                 "program": hcnn-cl's version, "kernels": hash of kernels/},
 *    ...}
 *
 * A file that is damaged or made for something else is ignored, like a missing one: what it holds
 * can be found out again. */
#pragma once

#include "device/device.h"

#include <jansson.h>

typedef struct device_file {
    char *path;       /* NULL: there is no cache directory */
    json_t *made_for; /* owned */
} device_file;

/* Names the file of this kind. `variant` tells files of one kind apart; `salt` is a hash of
 * anything besides the kernels that makes an older file useless. Nothing is read yet. Close it
 * also after an error. */
status device_file_open(const device_info *info, const char *kind, const char *variant,
                        uint64_t salt, device_file *opened, error *err);
void device_file_close(device_file *f);

/* The file's object, which the caller releases; NULL if there is none that is made for this device.
 * STATUS_FAILED only if memory or descriptors are out. */
status device_file_read(const device_file *f, json_t **root, error *err);

/* How device_file_update changes a file: `merge` takes what other processes have written since
 * (NULL: nothing), then `make` returns the members to write besides "format" and "made_for"; NULL
 * means that there was no memory. */
typedef struct device_file_change {
    void *context;
    status (*merge)(void *context, json_t *root, error *err);
    json_t *(*make)(void *context);
} device_file_change;

/* Reads and writes the file under one lock, so that two processes do not lose each other's results.
 * It is an error if there is no cache directory, or if it cannot be written. */
status device_file_update(const device_file *f, const device_file_change *change, error *err);
