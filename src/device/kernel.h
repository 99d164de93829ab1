/* SPDX-License-Identifier: Apache-2.0 */
/* Launches kernels: LAUNCH(dev, "batchnorm", "batchnorm_normalise", range_1d(n), err,
 * ARG_BUFFER(x), ...). A program is built when first used (see program.h), and each kernel is
 * created once. */
#pragma once

#include "device/device.h"

#include <stddef.h>

typedef struct kernel_argument {
    size_t size;
    const void *value; /* must stay valid until the launch; a NULL buffer is passed as NULL */
} kernel_argument;

#define ARG_BUFFER(b)      ARG_OF(cl_mem, (b))
#define ARG_INT(i)         ARG_OF(cl_int, (cl_int)(i))
#define ARG_UINT(u)        ARG_OF(cl_uint, (cl_uint)(u))
#define ARG_ULONG(u)       ARG_OF(cl_ulong, (cl_ulong)(u))
#define ARG_FLOAT(f)       ARG_OF(cl_float, (cl_float)(f))
#define ARG_OF(type, from) ((kernel_argument){sizeof(type), &(const type){from}})

/* The work-items of a launch: `global` of them, in groups of `local`. The first global size is
 * rounded up to a multiple of the local size, so the kernel must do nothing in work-items past the
 * end of dimension 0. The other global sizes are multiples of their local sizes. */
typedef struct launch_range {
    unsigned dimensions;
    size_t global[3];
    size_t local[3];
    bool shrinks; /* smaller groups will do, if the device cannot run this kernel in such groups */
} launch_range;

/* A range in one dimension whose kernel needs groups of exactly lx work-items. */
#define RANGE_GROUPS(x, lx) ((launch_range){1, {(x), 1, 1}, {(lx), 1, 1}, false})

/* Ranges for kernels without local memory and barriers. On a CPU, and in range_1d on any device,
 * all launches have the same group size, because PoCL compiles a kernel again for each group size.
 * On a GPU the sizes in 2D and 3D are powers of two. */
launch_range range_1d(size_t x);
launch_range range_2d(const device *dev, size_t x, size_t y);
launch_range range_3d(const device *dev, size_t x, size_t y, size_t z);
/* The vectors of `length` elements, in one dimension. */
launch_range range_of_vectors(const device *dev, size_t length);
/* A range of tiles. On a CPU tiles are large, and each is a group of its own. */
launch_range range_of_tiles(const device *dev, size_t x, size_t y, size_t z);

/* Enqueues the kernel `kernel` of kernels/PROGRAM.cl (`program` as in program.h). A range without
 * work-items does nothing. Errors name the kernel and give the compiler's log if it cannot be
 * built, the limit if the device cannot run it in groups of that size, or the error code if it
 * cannot be launched. */
status kernel_launch(device *dev, const char *program, const char *kernel, launch_range range,
                     const kernel_argument *arguments, size_t count, error *err);

#define LAUNCH(dev, program, kernel, range, err, ...)                                              \
    kernel_launch(dev, program, kernel, range, (const kernel_argument[]){__VA_ARGS__},             \
                  sizeof((const kernel_argument[]){__VA_ARGS__}) / sizeof(kernel_argument), err)
