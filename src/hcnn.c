/* The public interface on top of the floors; see include/hcnn.h. Errors leave as text, since their
 * struct is not public. */
#include "hcnn.h"
#include "config.h"
#include "device/device.h"

#include <stdio.h>
#include <stdlib.h>

struct hcnn_device {
    device *opened;
};

const char *hcnn_version(void)
{
    return PACKAGE_VERSION;
}

static status open_device(const char *spec, hcnn_device *handle, error *err)
{
    device_list list;
    TRY(device_list_all(&list, err));
    int index;
    status result = device_choose(&list, spec, &index, err);
    if (result == STATUS_OK)
        result = device_open_info(&list.devices[index], &handle->opened, err);
    device_list_free(&list);
    return result;
}

hcnn_device *hcnn_device_open(const char *spec, char *message, size_t capacity)
{
    error err = {.message = ""};
    hcnn_device *handle = calloc(1, sizeof *handle);
    status result = handle ? open_device(spec, handle, &err) : error_memory(&err, "the device");
    if (result != STATUS_OK) {
        free(handle);
        handle = NULL;
    }
    if (capacity > 0)
        snprintf(message, capacity, "%s", err.message);
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
    free(handle);
}
