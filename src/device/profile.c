/* SPDX-License-Identifier: Apache-2.0 */
/* Records of kernels; see profile.h. */
#include "device/profile.h"
#include "base/array.h"

#include <stdlib.h>

struct profile {
    profile_record *records;
    size_t count;
    const char *phase, *label;
};

status profile_start(device *dev, error *err)
{
    cl_int code;
    if (dev->profile)
        return STATUS_OK;
    TRY(device_finish(dev, err));
    cl_command_queue queue =
        clCreateCommandQueue(dev->context, dev->info.id, CL_QUEUE_PROFILING_ENABLE, &code);
    TRY(device_check(dev, err, code, "creating a queue with profiling"));
    dev->profile = calloc(1, sizeof *dev->profile);
    if (!dev->profile) {
        clReleaseCommandQueue(queue);
        return error_memory(err, "the profile");
    }
    dev->profile->phase = dev->profile->label = "";
    clReleaseCommandQueue(dev->queue);
    dev->queue = queue;
    return STATUS_OK;
}

void profile_label(device *dev, const char *phase, const char *label)
{
    if (!dev->profile)
        return;
    dev->profile->phase = phase;
    dev->profile->label = label;
}

void profile_add(device *dev, const char *kernel, cl_event event)
{
    error ignored;
    struct profile *p = dev->profile;
    /* If memory is exhausted a record is missing, but the kernel still runs. */
    if (!p || array_grow(&p->records, p->count, sizeof *p->records, "", &ignored) != STATUS_OK)
        return;
    clRetainEvent(event);
    p->records[p->count++] =
        (profile_record){.phase = p->phase, .label = p->label, .kernel = kernel, .event = event};
}

static status read_times(device *dev, profile_record *r, error *err)
{
    cl_ulong start = 0, end = 0;
    if (!r->event) /* the times have been read already */
        return STATUS_OK;
    cl_int code =
        clGetEventProfilingInfo(r->event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL);
    if (code == CL_SUCCESS)
        code = clGetEventProfilingInfo(r->event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    TRY(device_check(dev, err, code, "reading a kernel's times"));
    clReleaseEvent(r->event);
    r->event = NULL;
    r->start = start;
    r->end = end;
    return STATUS_OK;
}

status profile_read(device *dev, const profile_record **records, size_t *count, error *err)
{
    *records = NULL;
    *count = 0;
    if (!dev->profile)
        return STATUS_OK;
    TRY(device_finish(dev, err));
    for (size_t i = 0; i < dev->profile->count; i++)
        TRY(read_times(dev, &dev->profile->records[i], err));
    *records = dev->profile->records;
    *count = dev->profile->count;
    return STATUS_OK;
}

void profile_clear(device *dev)
{
    if (!dev->profile)
        return;
    for (size_t i = 0; i < dev->profile->count; i++)
        if (dev->profile->records[i].event)
            clReleaseEvent(dev->profile->records[i].event);
    dev->profile->count = 0;
}

void profile_free(device *dev)
{
    profile_clear(dev);
    if (dev->profile)
        free(dev->profile->records);
    free(dev->profile);
    dev->profile = NULL;
}
