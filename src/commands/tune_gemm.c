/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl tune-gemm SET MxNxK...`: one trial of `tune --gemm`, which starts it since CLBlast may
 * end the process; not for people, and in no list of commands. Prints "SECONDS DIFFERENCE". */
#include "commands/commands.h"
#include "tune/tune.h"

#include <stdio.h>

enum { MOST_SIZES = 8 };

static status parse(int argc, char **argv, const gemm_parameters **set, gemm_size *sizes,
                    size_t *count, error *err)
{
    *set = argc > 1 ? gemm_find_parameters(argv[1]) : NULL;
    if (!*set || argc < 3 || argc > 2 + MOST_SIZES)
        return error_set(err, STATUS_USAGE,
                         "tune-gemm is started by `hcnn-cl tune`: NAME MxNxK..., of a set of "
                         "CLBlast's parameters");
    for (*count = 0; *count < (size_t)argc - 2; ++*count) {
        const char *text = argv[2 + *count];
        gemm_size *s = &sizes[*count];
        int end = 0;
        /* NOLINTNEXTLINE(cert-err34-c): `tune` wrote them, and a size too large fits no memory. */
        if (sscanf(text, "%zux%zux%zu%n", &s->m, &s->n, &s->k, &end) != 3 || text[end] != '\0' ||
            s->m == 0 || s->n == 0 || s->k == 0)
            return error_set(err, STATUS_USAGE, "tune-gemm: %s is no MxNxK", text);
    }
    return STATUS_OK;
}

int command_tune_gemm(int argc, char **argv)
{
    const gemm_parameters *set;
    gemm_size sizes[MOST_SIZES];
    size_t count = 0;
    device *dev = NULL;
    double seconds, difference;
    error err;
    status result;
    TRY_OR_DONE(parse(argc, argv, &set, sizes, &count, &err));
    TRY_OR_DONE(device_open(&dev, &err));
    TRY_OR_DONE(tune_gemm_try(dev, set, sizes, count, &seconds, &difference, &err));
done:
    device_close(dev);
    if (result != STATUS_OK)
        return command_fail(&err, result);
    printf("%.9g %.9g\n", seconds, difference);
    return command_finish();
}
