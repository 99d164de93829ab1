/* SPDX-License-Identifier: Apache-2.0 */
/* The libFuzzer program for all targets. The name by which it is started chooses the target, as in
 * tests/fuzz/run.sh. `--list` prints each target with its -max_len. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int target_function(const uint8_t *data, size_t size);

static const struct target {
    const char *name;
    int longest;
    target_function *run;
} targets[] = {
#define FUZZ_ROW(name, longest) {#name, longest, fuzz_##name},
    FUZZ_TARGETS(FUZZ_ROW)
#undef FUZZ_ROW
};
enum { TARGETS = sizeof targets / sizeof targets[0] };

static const struct target *chosen;

static void list_targets(void)
{
    for (size_t i = 0; i < TARGETS; i++)
        printf("%s %d\n", targets[i].name, targets[i].longest);
    exit(EXIT_SUCCESS);
}

/* Called by libFuzzer. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *slash = strrchr((*argv)[0], '/');
    const char *name = slash ? slash + 1 : (*argv)[0];
    if (*argc > 1 && strcmp((*argv)[1], "--list") == 0)
        list_targets();
    for (size_t i = 0; i < TARGETS; i++)
        if (strcmp(targets[i].name, name) == 0)
            chosen = &targets[i];
    if (chosen)
        return 0;
    fprintf(stderr,
            "%s: is not a target; start this program by a link with a target's name (see --list)\n",
            name);
    exit(EXIT_FAILURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return chosen->run(data, size);
}
