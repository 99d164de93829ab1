/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory: buffers, sub-buffers and copies between them and the host. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* Creates a buffer of `bytes` bytes, at least 1; the caller releases it. The error names the size
 * and the device. On failure *created is NULL. */
status buffer_create(device *dev, size_t bytes, cl_mem *created, error *err);
/* Creates a view of bytes [offset, offset + bytes) of parent; the caller releases it. offset must
 * be a multiple of info.align_bytes. On failure *created is NULL. */
status buffer_view(device *dev, cl_mem parent, size_t offset, size_t bytes, cl_mem *created,
                   error *err);
/* Releases the buffer and sets it to NULL; *buffer may be NULL. */
void buffer_release(cl_mem *buffer);

/* Blocking copies that run after everything in the queue. Offsets and sizes are in bytes; a copy of
 * 0 bytes does nothing. */
status buffer_write(device *dev, cl_mem buffer, size_t offset, const void *host, size_t bytes,
                    error *err);
status buffer_read(device *dev, cl_mem buffer, size_t offset, void *host, size_t bytes, error *err);
/* Enqueue a copy without waiting. *done receives an event that the caller waits for and releases;
 * done may be NULL. host must stay valid and unchanged until the event has completed. A copy of 0
 * bytes sets *done to NULL. */
status buffer_write_later(device *dev, cl_mem buffer, size_t offset, const void *host, size_t bytes,
                          cl_event *done, error *err);
status buffer_read_later(device *dev, cl_mem buffer, size_t offset, void *host, size_t bytes,
                         cl_event *done, error *err);
/* Waits for *event, releases it and sets it to NULL; *event may be NULL. */
status buffer_wait(device *dev, cl_event *event, error *err);
/* Sets *done to whether *event has completed, without waiting. A completed event is released and
 * set to NULL; NULL counts as completed. */
status buffer_poll(device *dev, cl_event *event, bool *done, error *err);
/* Releases *event, completed or not, and sets it to NULL; *event may be NULL. */
void buffer_forget(cl_event *event);
/* Makes the device start on what is in the queue. */
status buffer_flush(device *dev, error *err);
/* Enqueues a copy of `bytes` bytes between two buffers, without waiting. */
status buffer_copy(device *dev, cl_mem from, size_t from_offset, cl_mem to, size_t to_offset,
                   size_t bytes, error *err);
/* Enqueues setting bytes [offset, offset + bytes) to zero, without waiting. */
status buffer_zero(device *dev, cl_mem buffer, size_t offset, size_t bytes, error *err);
