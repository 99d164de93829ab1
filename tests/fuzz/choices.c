/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the file of tuned choices (ops/choices.c): the input is the members of its JSON object
 * after "format" and "made_for", which match the device. Choices that were read must be the same
 * after saving and reading them. */
#include "ops/choices.h"
#include "base/file.h"
#include "base/text.h"
#include "fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not an OpenCL device: nothing here uses it as one. */
static device made_up_device(void)
{
    setenv("XDG_CACHE_HOME", fuzz_directory(), 1);
    return (device){.info = {.name = "fuzz", .driver = "1"}};
}

static choices *open_choices(const device *dev)
{
    error err;
    choices *known;
    FUZZ_SUCCEEDS(choices_open(dev, false, &known, &err));
    FUZZ_HOLDS(choices_path(known) != NULL);
    return known;
}

/* The known choices, as they are saved. Closes them. */
static char *save(choices *known)
{
    error err;
    unsigned char *text;
    size_t size;
    FUZZ_SUCCEEDS(choices_save(known, &err));
    FUZZ_SUCCEEDS(file_read(choices_path(known), 1 << 20, &text, &size, &err));
    choices_close(known);
    return (char *)text;
}

/* The beginning of a file for this device, up to the end of "made_for". It is made only once,
 * because it contains a hash of all kernels. */
static const char *file_head(void)
{
    static char *head;
    if (head)
        return head;
    device dev = made_up_device();
    choices *known = open_choices(&dev);
    unlink(choices_path(known));
    choices_close(known);
    char *text = save(open_choices(&dev));
    json_t *root = json_loads(text, 0, NULL);
    char *made_for = json_dumps(json_object_get(root, "made_for"), JSON_COMPACT);
    FUZZ_HOLDS(made_for != NULL);
    head = text_format("{\"format\":1,\"made_for\":%s", made_for);
    free(made_for);
    json_decref(root);
    free(text);
    return head;
}

static void put_file(const device *dev, const char *head, const uint8_t *data, size_t size)
{
    error err;
    choices *known = open_choices(dev);
    const char *path = choices_path(known);
    char *rest = fuzz_text(data, size);
    char *text = text_format("%s,%s}", head, rest);
    char *directory = file_parent(path);
    FUZZ_SUCCEEDS(file_make_directory(directory, &err));
    free(fuzz_file(path + strlen(fuzz_directory()) + 1, text, strlen(text)));
    free(directory);
    free(rest);
    free(text);
    choices_close(known);
}

int fuzz_choices(const uint8_t *data, size_t size)
{
    device dev = made_up_device();
    put_file(&dev, file_head(), data, size);
    char *saved = save(open_choices(&dev));
    char *same = save(open_choices(&dev));
    FUZZ_HOLDS(strcmp(saved, same) == 0);
    free(same);
    free(saved);
    return 0;
}
