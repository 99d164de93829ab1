/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges and launches; see kernel.h. */
#include "device/kernel.h"
#include "device/flight.h"
#include "device/program.h"

#include <stdio.h>
#include <string.h>

/* Work-items in a group: one or two of the bundles in which GPUs run them. CPU_WIDTH: in each group
 * of a CPU's range of two or three dimensions; few networks have layers of fewer vectors. */
enum { GROUP_ITEMS = 64, GROUP_ROWS = 4, CPU_WIDTH = 4 };

/* The largest power of two that divides `size` and is at most `most`, a power of two. */
static size_t power_in(size_t size, size_t most)
{
    size_t power = 1;
    while (power < most && size > 0 && size % (2 * power) == 0)
        power *= 2;
    return power;
}

/* The smallest power of two that is at least `size`, but at most `most`. */
static size_t power_above(size_t size, size_t most)
{
    size_t power = 1;
    while (power < most && power < size)
        power *= 2;
    return power;
}

launch_range range_1d(size_t x)
{
    return (launch_range){1, {x, 1, 1}, {GROUP_ITEMS, 1, 1}, true};
}

static bool is_cpu(const device *dev)
{
    return dev->info.type & CL_DEVICE_TYPE_CPU;
}

/* Neighbours along x access neighbouring memory, so x gets most of a group. Sizes along y and z
 * divide the range, so only x has work-items past the end. */
launch_range range_3d(const device *dev, size_t x, size_t y, size_t z)
{
    if (is_cpu(dev))
        return (launch_range){3, {x, y, z}, {CPU_WIDTH, 1, 1}, true};
    const size_t width = power_above(x, GROUP_ITEMS / power_in(y, GROUP_ROWS));
    const size_t height = power_in(y, GROUP_ITEMS / width);
    const size_t depth = power_in(z, GROUP_ITEMS / width / height);
    return (launch_range){3, {x, y, z}, {width, height, depth}, true};
}

launch_range range_2d(const device *dev, size_t x, size_t y)
{
    launch_range range = range_3d(dev, x, y, 1);
    range.dimensions = 2;
    return range;
}

launch_range range_of_vectors(const device *dev, size_t length)
{
    return range_1d(device_vectors(dev, length));
}

launch_range range_of_tiles(const device *dev, size_t x, size_t y, size_t z)
{
    if (is_cpu(dev))
        return (launch_range){3, {x, y, z}, {1, 1, 1}, true};
    return range_3d(dev, x, y, z);
}

static status set_arguments(device *dev, cl_kernel kernel, const char *name,
                            const kernel_argument *arguments, size_t count, error *err)
{
    for (size_t i = 0; i < count; i++) {
        /* A missing buffer is passed as NULL, which the kernel can compare with 0. */
        cl_int code = clSetKernelArg(kernel, (cl_uint)i, arguments[i].size, arguments[i].value);
        if (code != CL_SUCCESS) {
            char what[128];
            snprintf(what, sizeof what, "setting argument %zu of kernel %s", i, name);
            return device_check(dev, err, code, what);
        }
    }
    return STATUS_OK;
}

static size_t items_of(const launch_range *range)
{
    return range->local[0] * range->local[1] * range->local[2];
}

/* Halves the group along its longest side until the kernel and the device accept it. */
static void shrink(const device *dev, size_t most_items, launch_range *range)
{
    for (unsigned i = 0; i < range->dimensions; i++)
        while (range->local[i] > 1 && range->local[i] > dev->info.max_item_sizes[i])
            range->local[i] /= 2;
    while (items_of(range) > most_items && items_of(range) > 1) {
        unsigned longest = 0;
        for (unsigned i = 1; i < range->dimensions; i++)
            if (range->local[i] > range->local[longest])
                longest = i;
        range->local[longest] /= 2;
    }
}

/* Fits the range to what the device allows for this kernel, and rounds it up to whole groups. */
static status fit_range(const device *dev, const built_kernel *kernel, launch_range *range,
                        error *err)
{
    const char *program = kernel->program;
    const int length = (int)strcspn(program, ": ");
    if (range->shrinks)
        shrink(dev, kernel->most_items, range);
    if (items_of(range) > kernel->most_items)
        return error_set(err, STATUS_FAILED,
                         "kernel %s of kernels/%.*s.cl needs groups of %zu work-items, but %s runs "
                         "it in groups of at most %zu; HCNN_CONV=direct uses kernels that run in "
                         "groups of any size",
                         kernel->name, length, program, items_of(range), dev->info.name,
                         kernel->most_items);
    if (kernel->local_bytes > dev->info.local_memory_bytes)
        return error_set(err, STATUS_FAILED,
                         "kernel %s of kernels/%.*s.cl needs %llu bytes of local memory, but %s "
                         "has %llu; HCNN_CONV=direct uses kernels without local memory",
                         kernel->name, length, program, (unsigned long long)kernel->local_bytes,
                         dev->info.name, (unsigned long long)dev->info.local_memory_bytes);
    range->global[0] += range->local[0] - 1;
    range->global[0] -= range->global[0] % range->local[0];
    return STATUS_OK;
}

status kernel_launch(device *dev, const char *program, const char *kernel, launch_range range,
                     const kernel_argument *arguments, size_t count, error *err)
{
    for (unsigned i = 0; i < range.dimensions; i++)
        if (range.global[i] == 0)
            return STATUS_OK;
    const built_kernel *built;
    TRY(program_kernel(dev, program, kernel, &built, err));
    TRY(fit_range(dev, built, &range, err));
    TRY(set_arguments(dev, built->handle, kernel, arguments, count, err));
    TRY(flight_begin(dev, err));
    cl_event event = NULL;
    cl_int code = clEnqueueNDRangeKernel(dev->queue, built->handle, range.dimensions, NULL,
                                         range.global, range.local, 0, NULL, &event);
    flight_add(dev, built->name, event);
    if (code == CL_SUCCESS)
        return STATUS_OK;
    char what[128];
    snprintf(what, sizeof what, "launching kernel %s of kernels/%.*s.cl", kernel,
             (int)strcspn(program, ": "), program);
    return device_check(dev, err, code, what);
}
