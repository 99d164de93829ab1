/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory: buffers, sub-buffers and copies between them and the host. */
#pragma once

#include "device/device.h"

#include <stddef.h>

/* A buffer of `bytes` (at least 1). The error names the size and the device. */
status buffer_create(device *dev, size_t bytes, cl_mem *created, error *err);
/* A view of bytes [offset, offset + bytes) of parent; offset is a multiple of info.align_bytes. */
status buffer_view(device *dev, cl_mem parent, size_t offset, size_t bytes, cl_mem *created,
                   error *err);
/* Releases and forgets; NULL is fine. */
void buffer_release(cl_mem *buffer);

/* Blocking copies, after all that is in the queue. Offsets and sizes in bytes. */
status buffer_write(device *dev, cl_mem buffer, size_t offset, const void *host, size_t bytes,
                    error *err);
status buffer_read(device *dev, cl_mem buffer, size_t offset, void *host, size_t bytes, error *err);
/* Enqueue only; *done (may be NULL) is an event the caller waits for and releases. host stays
 * untouched until then. */
status buffer_write_later(device *dev, cl_mem buffer, size_t offset, const void *host, size_t bytes,
                          cl_event *done, error *err);
status buffer_read_later(device *dev, cl_mem buffer, size_t offset, void *host, size_t bytes,
                         cl_event *done, error *err);
/* Waits for *event and releases it; NULL is fine. */
status buffer_wait(device *dev, cl_event *event, error *err);
/* Whether *event has happened (it is released then), without waiting; NULL has. */
status buffer_poll(device *dev, cl_event *event, bool *done, error *err);
/* Releases *event, which may not have happened yet; NULL is fine. */
void buffer_forget(cl_event *event);
/* Has the device begin with what is in the queue. */
status buffer_flush(device *dev, error *err);
status buffer_copy(device *dev, cl_mem from, size_t from_offset, cl_mem to, size_t to_offset,
                   size_t bytes, error *err);
status buffer_zero(device *dev, cl_mem buffer, size_t offset, size_t bytes, error *err);
