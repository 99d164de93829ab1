/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the file of the self-test's verdicts (device/verdicts.c, device/device_file.c): the input
 * is the members of its JSON object after "format" and "made_for", which match the device. Verdicts
 * that were read must be the same after saving and reading them, and the totals those of the
 * verdicts. */
#include "device/verdicts.h"
#include "device_files.h"

#include <unistd.h>

static verdicts *open_verdicts(const device *dev)
{
    error err;
    verdicts *known;
    FUZZ_SUCCEEDS(verdicts_open(&dev->info, &known, &err));
    FUZZ_HOLDS(verdicts_path(known) != NULL);
    return known;
}

/* The known verdicts, as they are saved. Closes them. */
static char *save(verdicts *known)
{
    error err;
    unsigned char *text;
    size_t size;
    FUZZ_SUCCEEDS(verdicts_save(known, &err));
    FUZZ_SUCCEEDS(file_read(verdicts_path(known), 1 << 20, &text, &size, &err));
    verdicts_close(known);
    return (char *)text;
}

/* It is made only once, because it contains a hash of all kernels. */
static const char *file_head(const device *dev)
{
    static char *head;
    if (head)
        return head;
    verdicts *known = open_verdicts(dev);
    unlink(verdicts_path(known));
    verdicts_close(known);
    char *text = save(open_verdicts(dev));
    head = fuzz_device_head(text);
    free(text);
    return head;
}

/* Reads each verdict of the saved file. */
static void check_verdicts(const device *dev, const char *saved)
{
    const char *name;
    json_t *check, *root = json_loads(saved, 0, NULL);
    json_t *checks = json_object_get(root, "checks");
    verdicts *known = open_verdicts(dev);
    const verdict_totals totals = verdicts_totals(known);
    FUZZ_HOLDS((size_t)totals.checks == json_object_size(checks));
    FUZZ_HOLDS(totals.refused <= totals.failed && totals.failed <= totals.checks);
    json_object_foreach(checks, name, check)
    {
        verdict found = {.shapes = -1};
        if (verdicts_find(known, name, &found))
            FUZZ_HOLDS(found.passed == json_is_true(json_object_get(check, "passed")) &&
                       strlen(found.why) < sizeof found.why);
        else
            FUZZ_HOLDS(found.shapes == -1);
    }
    verdicts_close(known);
    json_decref(root);
}

int fuzz_verdicts(const uint8_t *data, size_t size)
{
    const device dev = fuzz_device();
    const char *head = file_head(&dev);
    verdicts *known = open_verdicts(&dev);
    fuzz_device_file(verdicts_path(known), head, data, size);
    verdicts_close(known);
    char *saved = save(open_verdicts(&dev));
    check_verdicts(&dev, saved);
    char *same = save(open_verdicts(&dev));
    FUZZ_HOLDS(strcmp(saved, same) == 0);
    free(same);
    free(saved);
    return 0;
}
