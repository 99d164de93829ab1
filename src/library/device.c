/* SPDX-License-Identifier: Apache-2.0 */
/* hcnn.h: devices. */
#include "config.h"
#include "hcnn.h"
#include "library/handles.h"
#include "ops/precision_choice.h"

#include <stdlib.h>

const char *hcnn_version(void)
{
    return PACKAGE_VERSION;
}

static status set_precision(device *dev, precision_request asked, error *err)
{
    enum precision chosen;
    char note[PRECISION_NOTE];
    TRY(precision_choose(dev, asked, &chosen, note, err));
    return precision_set(dev, chosen, err);
}

static const precision_request usual_precision = {PRECISION_FP32, false};

hcnn_device *hcnn_device_open(const char *spec, char *message, size_t capacity)
{
    error err;
    status result;
    hcnn_device *handle = calloc(1, sizeof *handle);
    TRY_OR_DONE(got_memory(handle, &err, "the device"));
    TRY_OR_DONE(device_open_place(spec, 0, &handle->opened, &err));
    result = set_precision(handle->opened, usual_precision, &err);
    if (result == STATUS_OK)
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

/* Kernels are built for one precision. */
static status choose_precision(device *dev, const char *name, error *err)
{
    int precision;
    TRY(word_list_expect(&precision_choice_words, "precision", name, &precision, err));
    if (dev->programs)
        return error_set(err, STATUS_USAGE,
                         "the precision of a device is set before its first classifier is opened; "
                         "open the device once more for another precision");
    return set_precision(dev, (precision_request){(enum precision)precision, true}, err);
}

static status change_precision(hcnn_device *handle, const char *name, error *err)
{
    TRY(library_given(handle, "device", err));
    TRY(library_given(name, "precision", err));
    pthread_mutex_lock(&handle->lock);
    status result = choose_precision(handle->opened, name, err);
    pthread_mutex_unlock(&handle->lock);
    return result;
}

int hcnn_device_set_precision(hcnn_device *handle, const char *name, char *message, size_t capacity)
{
    error err;
    return library_return(change_precision(handle, name, &err), &err, message, capacity);
}

const char *hcnn_device_precision(const hcnn_device *handle)
{
    return word_list_at(&precision_words, handle->opened->precision);
}

void hcnn_device_close(hcnn_device *handle)
{
    if (!handle)
        return;
    device_close(handle->opened);
    pthread_mutex_destroy(&handle->lock);
    free(handle);
}
