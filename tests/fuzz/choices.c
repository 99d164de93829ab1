/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the file of tuned choices (ops/choices.c): the input is the members of its JSON object
 * after "format" and "made_for", which match the device. Choices that were read must be the same
 * after saving and reading them. */
#include "ops/choices.h"
#include "device_files.h"

#include <unistd.h>

static choices *open_choices(const device *dev)
{
    error err;
    choices *known;
    FUZZ_SUCCEEDS(choices_open(dev, &known, &err));
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
    device dev = fuzz_device();
    choices *known = open_choices(&dev);
    unlink(choices_path(known));
    choices_close(known);
    char *text = save(open_choices(&dev));
    head = fuzz_device_head(text);
    free(text);
    return head;
}

int fuzz_choices(const uint8_t *data, size_t size)
{
    device dev = fuzz_device();
    const char *head = file_head();
    choices *known = open_choices(&dev);
    fuzz_device_file(choices_path(known), head, data, size);
    choices_close(known);
    char *saved = save(open_choices(&dev));
    char *same = save(open_choices(&dev));
    FUZZ_HOLDS(strcmp(saved, same) == 0);
    free(same);
    free(saved);
    return 0;
}
