/* SPDX-License-Identifier: Apache-2.0 */
/* Launching: LAUNCH(dev, "batchnorm", "batchnorm_normalise", RANGE_1D(n), ARG_BUFFER(x), ...).
 * Programs are built on first use and kept (see program.h); kernels are created once. */
#pragma once

#include "device/device.h"

#include <stddef.h>

typedef struct kernel_argument {
    size_t size;
    const void *value; /* alive until the launch */
} kernel_argument;

#define ARG_BUFFER(b)      ARG_OF(cl_mem, (b))
#define ARG_INT(i)         ARG_OF(cl_int, (cl_int)(i))
#define ARG_UINT(u)        ARG_OF(cl_uint, (cl_uint)(u))
#define ARG_ULONG(u)       ARG_OF(cl_ulong, (cl_ulong)(u))
#define ARG_FLOAT(f)       ARG_OF(cl_float, (cl_float)(f))
#define ARG_OF(type, from) ((kernel_argument){sizeof(type), &(const type){from}})

/* The work-items of a launch: as many as `global` says, in groups of `local`. local[0] == 0 lets
 * the runtime choose groups, for kernels without local memory or barriers. A global size is
 * rounded up to a multiple of local, so such a kernel checks its bounds. */
typedef struct launch_range {
    unsigned dimensions;
    size_t global[3];
    size_t local[3];
} launch_range;

#define RANGE_1D(x)         ((launch_range){1, {(x), 1, 1}, {0, 0, 0}})
#define RANGE_2D(x, y)      ((launch_range){2, {(x), (y), 1}, {0, 0, 0}})
#define RANGE_3D(x, y, z)   ((launch_range){3, {(x), (y), (z)}, {0, 0, 0}})
#define RANGE_GROUPS(x, lx) ((launch_range){1, {(x), 1, 1}, {(lx), 1, 1}})

/* Ranges with one size of group for all launches of a kernel, since PoCL compiles it for each. The
 * vectors of `length` elements; beyond the end a kernel loads and stores nothing. */
launch_range range_of_vectors(const device *dev, size_t length);
/* Tiles, which are large on a CPU: a group each there. */
launch_range range_of_tiles(const device *dev, size_t x, size_t y, size_t z);

/* Enqueues the kernel `kernel` of kernels/PROGRAM.cl (program.h). A range with no items does
 * nothing. Errors name the kernel: a build failure with the compiler's log, a refused launch with
 * its code. */
status kernel_launch(device *dev, const char *program, const char *kernel, launch_range range,
                     const kernel_argument *arguments, size_t count, error *err);

#define LAUNCH(dev, program, kernel, range, err, ...)                                              \
    kernel_launch(dev, program, kernel, range, (const kernel_argument[]){__VA_ARGS__},             \
                  sizeof((const kernel_argument[]){__VA_ARGS__}) / sizeof(kernel_argument), err)
