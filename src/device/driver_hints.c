/* SPDX-License-Identifier: Apache-2.0 */
/* The table of drivers with faults; see driver_hints.h. */
#include "device/driver_hints.h"

#include <stdlib.h>
#include <string.h>

/* A row fits if each of its texts is in what the device reports, in upper or lower case, and the
 * driver's version, MAJOR.MINOR, is at least `from` and below `below`. NULL and 0 mean any. */
typedef struct driver_row {
    const char *platform, *name, *version;
    double from, below;
    const char *hint;
} driver_row;

static const driver_row rows[] = {
    {"Portable Computing Language", NULL, NULL, 0, 3.0,
     "this PoCL is older than any that was tried; version 3.1 or later is tested"},
    {"Portable Computing Language", NULL, NULL, 3.0, 3.1,
     "PoCL 3.0 does not know recent processors (\"unknown target CPU\"); install 3.1 or later"},
    {"Clover", NULL, NULL, 0, 0,
     "Mesa's Clover is no longer developed and miscompiles; use the vendor's driver, or rusticl "
     "with RUSTICL_ENABLE=radeonsi (AMD) or iris (Intel)"},
    {"rusticl", NULL, NULL, 0, 23.0,
     "this rusticl computes wrong group normalisations (Mesa 22.3); use Mesa 25 or later"},
    {NULL, "llvmpipe", NULL, 0, 0,
     "llvmpipe simulates a GPU on the processor; PoCL (pocl-opencl-icd) is much faster"},
    {"Oclgrind", NULL, NULL, 0, 0,
     "Oclgrind is a simulator that looks for faults in kernels; it is far too slow for training"},
    {"AMD Accelerated", NULL, NULL, 3590, 3625,
     "ROCm 5.7 to 6.1 (LLVM 17) drops some stores to private arrays; hcnn-cl avoids the known "
     "case, but ROCm 6.2 or later is safer"},
    {"NVIDIA", NULL, NULL, 465, 472,
     "compilers of the NVIDIA drivers 465 to 471 may hang or compute mul_hi wrongly; install a "
     "later one"},
    {"Intel(R) OpenCL Graphics", NULL, NULL, 0, 0,
     "the kernel's i915 driver resets the GPU if queued work takes too long; if a run ends with "
     "CL_OUT_OF_RESOURCES or hangs, use a smaller --batch-size"},
    {"Intel(R) OpenCL HD Graphics", NULL, NULL, 0, 0,
     "the kernel's i915 driver resets the GPU if queued work takes too long; if a run ends with "
     "CL_OUT_OF_RESOURCES or hangs, use a smaller --batch-size"},
};

static bool has(const char *text, const char *part)
{
    return !part || strcasestr(text, part);
}

/* The number at the start of the driver's version, such as 470.57 of "470.57.02"; the same in every
 * locale. -1 if there is none. */
static double version_of(const char *driver)
{
    char *end, *after;
    const long major = strtol(driver, &end, 10);
    if (end == driver)
        return -1;
    double minor = 0;
    if (*end == '.') {
        minor = (double)strtol(end + 1, &after, 10);
        for (const char *digit = end + 1; digit < after; digit++)
            minor /= 10;
    }
    return (double)major + minor;
}

static bool fits(const driver_row *row, const device_info *info)
{
    const double version = version_of(info->driver);
    return has(info->platform_name, row->platform) && has(info->name, row->name) &&
           has(info->version, row->version) && (row->from == 0 || version >= row->from) &&
           (row->below == 0 || (version >= 0 && version < row->below));
}

bool driver_is_pocl(const device_info *info)
{
    return strcmp(info->platform_name, "Portable Computing Language") == 0;
}

/* PoCL before 7.0 counts the uses of each kernel that it has loaded. When one ends, it looks for
 * the count by the kernel's source and group alone, and may find that of a variant for larger
 * grids, which another queue has just loaded. If a count would fall below zero, an assertion fails.
 * Corrected by "fix dlhandle cache" of June 2024. */
bool driver_confuses_devices(const device_info *info)
{
    static const driver_row pocl = {"Portable Computing Language", NULL, NULL, 0, 7.0, ""};
    return fits(&pocl, info);
}

/* PoCL, asked for a program's binary, first compiles every kernel of the program once more, for
 * groups of any size, which no launch uses: the first start took twice as long. Its own cache can
 * be switched off. */
bool driver_keeps_programs(const device_info *info)
{
    const char *set = getenv("POCL_KERNEL_CACHE");
    return driver_is_pocl(info) && !(set && strcmp(set, "0") == 0);
}

const char *driver_hint(const device_info *info, size_t *at)
{
    while (*at < sizeof rows / sizeof rows[0]) {
        const driver_row *row = &rows[(*at)++];
        if (fits(row, info))
            return row->hint;
    }
    return NULL;
}
