/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the file of tuned choices (ops/choices.c): the input are the members of its JSON object
 * behind "format" and "made_for", which fit the device. What was read is read again after it was
 * saved. */
#include "ops/choices.h"
#include "base/file.h"
#include "base/text.h"
#include "fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No OpenCL device: nothing here asks it. */
static device made_up_device(void)
{
    setenv("XDG_CACHE_HOME", fuzz_directory(), 1);
    return (device){.info = {.name = "fuzz", .driver = "1"}};
}

static char *read_saved(device *dev)
{
    error err;
    unsigned char *text;
    size_t size;
    char *path = choices_path(dev);
    FUZZ_SUCCEEDS(path && choices_save(dev, &err));
    FUZZ_SUCCEEDS(file_read(path, 1 << 20, &text, &size, &err));
    free(path);
    return (char *)text;
}

/* The beginning of a file of this device, up to the end of "made_for"; made once, since the kernels
 * are hashed for it. */
static const char *file_head(void)
{
    static char *head;
    if (head)
        return head;
    device dev = made_up_device();
    char *path = choices_path(&dev);
    FUZZ_HOLDS(path != NULL);
    unlink(path);
    free(path);
    char *text = read_saved(&dev);
    json_t *root = json_loads(text, 0, NULL);
    char *made_for = json_dumps(json_object_get(root, "made_for"), JSON_COMPACT);
    FUZZ_HOLDS(made_for != NULL);
    head = text_format("{\"format\":1,\"made_for\":%s", made_for);
    free(made_for);
    json_decref(root);
    free(text);
    free(dev.choices);
    return head;
}

static void put_file(const device *dev, const char *head, const uint8_t *data, size_t size)
{
    error err;
    char *rest = fuzz_text(data, size), *path = choices_path(dev);
    char *text = text_format("%s,%s}", head, rest);
    char *directory = file_parent(path);
    FUZZ_SUCCEEDS(file_make_directory(directory, &err));
    free(fuzz_file(path + strlen(fuzz_directory()) + 1, text, strlen(text)));
    free(directory);
    free(rest);
    free(path);
    free(text);
}

int fuzz_choices(const uint8_t *data, size_t size)
{
    error err;
    device dev = made_up_device(), again = made_up_device();
    put_file(&dev, file_head(), data, size);
    FUZZ_SUCCEEDS(choices_load(&dev, &err));
    char *saved = read_saved(&dev);
    FUZZ_SUCCEEDS(choices_load(&again, &err));
    char *same = read_saved(&again);
    FUZZ_HOLDS(strcmp(saved, same) == 0);
    free(same);
    free(saved);
    free(dev.choices);
    free(again.choices);
    return 0;
}
