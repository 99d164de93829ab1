/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory; see buffer.h. */
#include "device/buffer.h"
#include "device/wait.h"

#include <stdio.h>

status buffer_create(device *dev, size_t bytes, cl_mem *created, error *err)
{
    cl_int code;
    *created = clCreateBuffer(dev->context, CL_MEM_READ_WRITE, bytes > 0 ? bytes : 1, NULL, &code);
    if (code == CL_SUCCESS)
        return STATUS_OK;
    *created = NULL;
    char what[64];
    snprintf(what, sizeof what, "allocating %zu bytes", bytes);
    return device_check(dev, err, code, what);
}

status buffer_view(device *dev, cl_mem parent, size_t offset, size_t bytes, cl_mem *created,
                   error *err)
{
    cl_int code;
    const cl_buffer_region region = {offset, bytes};
    *created =
        clCreateSubBuffer(parent, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    if (code == CL_SUCCESS)
        return STATUS_OK;
    *created = NULL;
    char what[96];
    snprintf(what, sizeof what, "creating a view of %zu bytes at offset %zu", bytes, offset);
    return device_check(dev, err, code, what);
}

void buffer_release(cl_mem *buffer)
{
    if (*buffer)
        clReleaseMemObject(*buffer);
    *buffer = NULL;
}

static status enqueue_write(device *dev, cl_mem buffer, cl_bool blocking, size_t offset,
                            const void *host, size_t bytes, cl_event *done, error *err)
{
    if (done)
        *done = NULL;
    if (bytes == 0)
        return STATUS_OK;
    dev->busy |= !blocking;
    cl_int code =
        clEnqueueWriteBuffer(dev->queue, buffer, blocking, offset, bytes, host, 0, NULL, done);
    return device_check(dev, err, code, "writing to device memory");
}

static status enqueue_read(device *dev, cl_mem buffer, cl_bool blocking, size_t offset, void *host,
                           size_t bytes, cl_event *done, error *err)
{
    if (done)
        *done = NULL;
    if (bytes == 0)
        return STATUS_OK;
    dev->busy |= !blocking;
    cl_int code =
        clEnqueueReadBuffer(dev->queue, buffer, blocking, offset, bytes, host, 0, NULL, done);
    return device_check(dev, err, code, "reading device memory");
}

/* A blocking copy first waits for the work before it: the copy itself may keep a processor core
 * busy, and would never return if an earlier kernel hangs. */
static status wait_before_copy(device *dev, size_t bytes, error *err)
{
    return bytes == 0 ? STATUS_OK : device_finish(dev, err);
}

status buffer_write(device *dev, cl_mem buffer, size_t offset, const void *host, size_t bytes,
                    error *err)
{
    TRY(wait_before_copy(dev, bytes, err));
    return enqueue_write(dev, buffer, CL_TRUE, offset, host, bytes, NULL, err);
}

status buffer_read(device *dev, cl_mem buffer, size_t offset, void *host, size_t bytes, error *err)
{
    TRY(wait_before_copy(dev, bytes, err));
    return enqueue_read(dev, buffer, CL_TRUE, offset, host, bytes, NULL, err);
}

status buffer_write_later(device *dev, cl_mem buffer, size_t offset, const void *host, size_t bytes,
                          cl_event *done, error *err)
{
    return enqueue_write(dev, buffer, CL_FALSE, offset, host, bytes, done, err);
}

status buffer_read_later(device *dev, cl_mem buffer, size_t offset, void *host, size_t bytes,
                         cl_event *done, error *err)
{
    return enqueue_read(dev, buffer, CL_FALSE, offset, host, bytes, done, err);
}

void buffer_forget(cl_event *event)
{
    if (*event)
        clReleaseEvent(*event);
    *event = NULL;
}

status buffer_wait(device *dev, cl_event *event, error *err)
{
    if (!*event)
        return STATUS_OK;
    status result = wait_for_event(dev, *event, "waiting for a copy", err);
    buffer_forget(event);
    return result;
}

status buffer_poll(device *dev, cl_event *event, bool *done, error *err)
{
    const cl_int state = *event ? wait_state(dev, *event) : CL_COMPLETE;
    *done = state == CL_COMPLETE;
    if (state <= CL_COMPLETE)
        buffer_forget(event);
    return device_check(dev, err, state < 0 ? state : CL_SUCCESS, "waiting for a copy");
}

status buffer_flush(device *dev, error *err)
{
    return device_check(dev, err, clFlush(dev->queue), "flushing the queue");
}

status buffer_copy(device *dev, cl_mem from, size_t from_offset, cl_mem to, size_t to_offset,
                   size_t bytes, error *err)
{
    if (bytes == 0)
        return STATUS_OK;
    dev->busy = true;
    cl_int code =
        clEnqueueCopyBuffer(dev->queue, from, to, from_offset, to_offset, bytes, 0, NULL, NULL);
    return device_check(dev, err, code, "copying device memory");
}

/* Writes zeros at the beginning, then doubles the zeroed part by copying. */
static status zero_by_copies(device *dev, cl_mem buffer, size_t offset, size_t bytes, error *err)
{
    static const unsigned char zeros[1 << 16]; /* static: it outlives the write */
    size_t done = bytes < sizeof zeros ? bytes : sizeof zeros;
    TRY(buffer_write_later(dev, buffer, offset, zeros, done, NULL, err));
    while (done < bytes) {
        const size_t more = bytes - done < done ? bytes - done : done;
        TRY(buffer_copy(dev, buffer, offset, buffer, offset + done, more, err));
        done += more;
    }
    return STATUS_OK;
}

status buffer_zero(device *dev, cl_mem buffer, size_t offset, size_t bytes, error *err)
{
    if (bytes == 0)
        return STATUS_OK;
    const cl_uint zero = 0;
    dev->busy = true;
    cl_int code = clEnqueueFillBuffer(dev->queue, buffer, &zero, bytes % sizeof zero ? 1 : 4,
                                      offset, bytes, 0, NULL, NULL);
    /* Some drivers cannot fill. If the reason is another one, the copies fail too. */
    return code == CL_SUCCESS ? STATUS_OK : zero_by_copies(dev, buffer, offset, bytes, err);
}
