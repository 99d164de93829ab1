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
    status result;
    hcnn_device *handle = calloc(1, sizeof *handle);
    TRY_OR_DONE(got_memory(handle, &err, "the device"));
    TRY_OR_DONE(device_open_place(spec, 0, &handle->opened, &err));
    result = got_memory(pthread_mutex_init(&handle->lock, NULL) == 0, &err, "the device");
    if (result != STATUS_OK)
        device_close(handle->opened);
done:
    if (library_return(result, &err, message, capacity) == STATUS_OK)
        return handle;
    free(handle);
    return NULL;
}

const char *hcnn_device_name(const hcnn_device *handle)
{
    return handle->opened->info.name;
}

void hcnn_device_set_timeout(hcnn_device *handle, double seconds)
{
    pthread_mutex_lock(&handle->lock);
    device_set_timeout(handle->opened, seconds > 0 ? seconds : 0);
    pthread_mutex_unlock(&handle->lock);
}

void hcnn_device_close(hcnn_device *handle)
{
    if (!handle)
        return;
    device_close(handle->opened);
    pthread_mutex_destroy(&handle->lock);
    free(handle);
}
