/* SPDX-License-Identifier: Apache-2.0 */
/* For the targets of files about a device (device/device_file.h): the files begin as they must for
 * a made-up device, and the input is the rest. */
#pragma once

#include "base/file.h"
#include "base/text.h"
#include "device/device.h"
#include "fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Not an OpenCL device: nothing here uses it as one. */
static inline device fuzz_device(void)
{
    setenv("XDG_CACHE_HOME", fuzz_directory(), 1);
    return (device){.info = {.name = "fuzz", .driver = "1"}};
}

/* The beginning of a file, up to the end of "made_for", of which `text` is one. Free it. */
static inline char *fuzz_device_head(const char *text)
{
    json_t *root = json_loads(text, 0, NULL);
    char *made_for = json_dumps(json_object_get(root, "made_for"), JSON_COMPACT);
    FUZZ_HOLDS(made_for != NULL);
    char *head = text_format("{\"format\":1,\"made_for\":%s", made_for);
    free(made_for);
    json_decref(root);
    return head;
}

/* Writes the file with these members after its beginning. */
static inline void fuzz_device_file(const char *path, const char *head, const uint8_t *data,
                                    size_t size)
{
    char *rest = fuzz_text(data, size);
    char *text = text_format("%s,%s}", head, rest);
    free(fuzz_file(path + strlen(fuzz_directory()) + 1, text, strlen(text)));
    free(rest);
    free(text);
}
