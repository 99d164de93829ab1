/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges and launches; see kernel.h. */
#include "device/kernel.h"
#include "device/profile.h"
#include "device/program.h"

#include <stdio.h>
#include <string.h>

launch_range range_of_vectors(const device *dev, size_t length)
{
    enum { GROUP = 64 };
    return RANGE_GROUPS(device_vectors(dev, length), GROUP);
}

launch_range range_of_tiles(const device *dev, size_t x, size_t y, size_t z)
{
    size_t group = (dev->info.type & CL_DEVICE_TYPE_CPU) != 0;
    return (launch_range){3, {x, y, z}, {group, group, group}};
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

status kernel_launch(device *dev, const char *program, const char *kernel, launch_range range,
                     const kernel_argument *arguments, size_t count, error *err)
{
    bool grouped = range.local[0] != 0;
    for (unsigned i = 0; i < range.dimensions; i++) {
        if (range.global[i] == 0)
            return STATUS_OK;
        if (grouped) {
            size_t groups = (range.global[i] + range.local[i] - 1) / range.local[i];
            range.global[i] = groups * range.local[i];
        }
    }
    cl_kernel handle;
    TRY(program_kernel(dev, program, kernel, &handle, err));
    TRY(set_arguments(dev, handle, kernel, arguments, count, err));
    cl_int code =
        clEnqueueNDRangeKernel(dev->queue, handle, range.dimensions, NULL, range.global,
                               grouped ? range.local : NULL, 0, NULL, profile_event(dev, kernel));
    if (code == CL_SUCCESS)
        return STATUS_OK;
    char what[128];
    snprintf(what, sizeof what, "launching kernel %s of kernels/%.*s.cl", kernel,
             (int)strcspn(program, ": "), program);
    return device_check(dev, err, code, what);
}
