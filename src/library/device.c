/* SPDX-License-Identifier: Apache-2.0 */
/* hcnn.h: devices. */
#include "config.h"
#include "hcnn.h"
#include "library/handles.h"

#include <stdlib.h>

const char *hcnn_version(void)
{
    return PACKAGE_VERSION;
}

hcnn_device *hcnn_device_open(const char *spec, char *message, size_t capacity)
{
    error err;
    hcnn_device *handle = calloc(1, sizeof *handle);
    status result = handle ? device_open_place(spec, 0, &handle->opened, &err)
                           : error_memory(&err, "the device");
    if (result == STATUS_OK && pthread_mutex_init(&handle->lock, NULL) != 0) {
        device_close(handle->opened);
        result = error_memory(&err, "the device");
    }
    if (result != STATUS_OK) {
        free(handle);
        handle = NULL;
    }
    library_return(result, &err, message, capacity);
    return handle;
}

const char *hcnn_device_name(const hcnn_device *handle)
{
    return handle->opened->info.name;
}

void hcnn_device_close(hcnn_device *handle)
{
    if (!handle)
        return;
    device_close(handle->opened);
    pthread_mutex_destroy(&handle->lock);
    free(handle);
}
