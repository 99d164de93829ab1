/* SPDX-License-Identifier: Apache-2.0 */
/* The libFuzzer program. It is one for all targets: the name that it is started by says which, as
 * tests/fuzz/run.sh does. `--list` prints each target with its -max_len. */
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

/* libFuzzer calls these two. */
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
    fprintf(stderr, "%s: is no target; link one's name to this program (--list)\n", name);
    exit(EXIT_FAILURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return chosen->run(data, size);
}
