/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and opens devices; see device.h. */
#include "device/device.h"
#include "base/array.h"
#include "base/environment.h"
#include "device/profile.h"
#include "device/program.h"
#include "device/verdicts.h"
#include "device/wait.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The only global variable. The lock is global because a driver's state belongs to the process, and
 * neither PoCL nor the ICD loader protects its initialisation. The program may crash if two threads
 * open their first devices at once, or if one releases a context while another creates one. */
static pthread_mutex_t driver_lock = PTHREAD_MUTEX_INITIALIZER;

void device_lock(void)
{
    pthread_mutex_lock(&driver_lock);
}

void device_unlock(void)
{
    pthread_mutex_unlock(&driver_lock);
}

static const char as_gpu_name[] = "HCNN_AS_GPU"; /* environment variable */

cl_device_type device_kind(cl_device_type reported)
{
    error ignored; /* device_list_all has refused a wrong value */
    bool as_gpu;
    (void)environment_flag(as_gpu_name, false, &as_gpu, &ignored);
    if (as_gpu || (reported & CL_DEVICE_TYPE_GPU))
        return CL_DEVICE_TYPE_GPU;
    return reported & CL_DEVICE_TYPE_ACCELERATOR ? CL_DEVICE_TYPE_ACCELERATOR : CL_DEVICE_TYPE_CPU;
}

const char *device_type_name(cl_device_type type)
{
    return type == CL_DEVICE_TYPE_GPU           ? "gpu"
           : type == CL_DEVICE_TYPE_ACCELERATOR ? "accelerator"
                                                : "cpu";
}

static void read_text(cl_device_id id, cl_device_info what, char *text, size_t capacity)
{
    char value[1024] = "";
    if (clGetDeviceInfo(id, what, sizeof value - 1, value, NULL) != CL_SUCCESS)
        value[0] = '\0';
    /* Some vendors pad names with spaces. */
    const char *start = value;
    while (isspace((unsigned char)*start))
        start++;
    size_t length = strlen(start);
    while (length > 0 && isspace((unsigned char)start[length - 1]))
        length--;
    if (length >= capacity)
        length = capacity - 1;
    memcpy(text, start, length);
    text[length] = '\0';
}

/* From cl_nv_device_attribute_query; not every system has its header. */
enum { NV_CAPABILITY_MAJOR = 0x4000, NV_CAPABILITY_MINOR = 0x4001 };

static unsigned read_nv_capability(cl_device_id id, const char *extensions)
{
    cl_uint major = 0, minor = 0;
    if (!strstr(extensions, "cl_nv_device_attribute_query") ||
        clGetDeviceInfo(id, NV_CAPABILITY_MAJOR, sizeof major, &major, NULL) != CL_SUCCESS ||
        clGetDeviceInfo(id, NV_CAPABILITY_MINOR, sizeof minor, &minor, NULL) != CL_SUCCESS)
        return 0;
    return 10 * major + minor;
}

/* If the device does not answer, the target keeps its value. The target must have the type of the
 * answer. */
#define GET(what, target) clGetDeviceInfo(id, what, sizeof(target), &(target), NULL)

/* The answer has a size for each of the device's dimensions, which may be more than 3. */
static void read_item_sizes(device_info *info)
{
    size_t sizes[16] = {0};
    cl_int code =
        clGetDeviceInfo(info->id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, NULL);
    for (int i = 0; i < 3; i++)
        info->max_item_sizes[i] =
            code == CL_SUCCESS && sizes[i] > 0 ? sizes[i] : info->max_group_size;
}

static void read_info(device_info *info)
{
    cl_device_id id = info->id;
    cl_uint align_bits = 0;
    cl_bool available = CL_FALSE, compiler = CL_FALSE, unified = CL_FALSE;
    char extensions[8192] = "";
    GET(CL_DEVICE_TYPE, info->type);
    info->type = device_kind(info->type);
    read_text(id, CL_DEVICE_NAME, info->name, sizeof info->name);
    read_text(id, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    read_text(id, CL_DEVICE_VERSION, info->version, sizeof info->version);
    read_text(id, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    GET(CL_DEVICE_MAX_COMPUTE_UNITS, info->compute_units);
    GET(CL_DEVICE_MAX_CLOCK_FREQUENCY, info->clock_mhz);
    GET(CL_DEVICE_GLOBAL_MEM_SIZE, info->memory_bytes);
    GET(CL_DEVICE_MAX_MEM_ALLOC_SIZE, info->max_allocation_bytes);
    GET(CL_DEVICE_LOCAL_MEM_SIZE, info->local_memory_bytes);
    GET(CL_DEVICE_MAX_WORK_GROUP_SIZE, info->max_group_size);
    read_item_sizes(info);
    GET(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, info->vector_width);
    GET(CL_DEVICE_MEM_BASE_ADDR_ALIGN, align_bits);
    GET(CL_DEVICE_HOST_UNIFIED_MEMORY, unified);
    GET(CL_DEVICE_AVAILABLE, available);
    GET(CL_DEVICE_COMPILER_AVAILABLE, compiler);
    clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL);
    info->vector_width += info->vector_width == 0;
    info->align_bytes = align_bits >= 8 ? align_bits / 8 : 128;
    info->fp16 = strstr(extensions, "cl_khr_fp16") != NULL;
    info->nv_capability = read_nv_capability(id, extensions);
    info->unified_memory = unified;
    info->available = available && compiler;
}

static status append_device(device_list *list, cl_platform_id platform, int platform_index,
                            cl_device_id id, int index, error *err)
{
    TRY(array_grow(&list->devices, (size_t)list->count, sizeof *list->devices,
                   "the list of devices", err));
    device_info *info = &list->devices[list->count++];
    *info = (device_info){
        .platform_index = platform_index, .device_index = index, .platform = platform, .id = id};
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info->platform_name - 1,
                      info->platform_name, NULL);
    read_info(info);
    return device_read_test(info, err);
}

static bool is_pocl(cl_platform_id platform)
{
    char name[128] = "";
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL);
    return strcmp(name, "Portable Computing Language") == 0;
}

static status append_platform(device_list *list, cl_platform_id platform, int platform_index,
                              error *err)
{
    cl_uint count = 0;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count) != CL_SUCCESS || count == 0) {
        /* A driver without its hardware. PoCL's is always there, so it has a problem. */
        list->pocl_is_empty |= is_pocl(platform);
        return STATUS_OK;
    }
    cl_device_id *ids = calloc(count, sizeof *ids);
    TRY(got_memory(ids, err, "the list of devices"));
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, ids, NULL) != CL_SUCCESS)
        count = 0;
    status result = STATUS_OK;
    for (cl_uint i = 0; i < count && result == STATUS_OK; i++)
        result = append_device(list, platform, platform_index, ids[i], (int)i, err);
    free(ids);
    return result;
}

static status list_platforms(device_list *list, error *err)
{
    cl_uint count = 0;
    /* The ICD loader reports a missing platform as an error code of its own. */
    if (clGetPlatformIDs(0, NULL, &count) != CL_SUCCESS || count == 0)
        return STATUS_OK;
    cl_platform_id *platforms = calloc(count, sizeof *platforms);
    TRY(got_memory(platforms, err, "the list of platforms"));
    status result = STATUS_OK;
    if (clGetPlatformIDs(count, platforms, NULL) == CL_SUCCESS) {
        list->platform_count = (int)count;
        for (cl_uint i = 0; i < count && result == STATUS_OK; i++)
            result = append_platform(list, platforms[i], (int)i, err);
    }
    free(platforms);
    return result;
}

status device_list_all(device_list *list, error *err)
{
    *list = (device_list){0};
    bool as_gpu; /* device_kind reads it too, and cannot fail */
    TRY(environment_flag(as_gpu_name, false, &as_gpu, err));
    device_lock();
    status result = list_platforms(list, err);
    device_unlock();
    if (result != STATUS_OK)
        device_list_free(list);
    return result;
}

void device_list_free(device_list *list)
{
    free(list->devices);
    *list = (device_list){0};
}

/* The widest vector that is worth giving to one work-item. On a CPU that is the width of a
 * register. On a GPU the work-items are the lanes of a vector, and four floats make one memory
 * transaction. */
static int choose_vec(const device_info *info)
{
    if (info->type & CL_DEVICE_TYPE_CPU)
        return info->vector_width >= 16 ? 16 : info->vector_width >= 8 ? 8 : 4;
    return 4;
}

static cl_int create_queue(device *dev)
{
    cl_int code;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)dev->info.platform, 0};
    device_lock();
    dev->context = clCreateContext(properties, 1, &dev->info.id, NULL, NULL, &code);
    if (code == CL_SUCCESS)
        dev->queue = clCreateCommandQueue(dev->context, dev->info.id, 0, &code);
    device_unlock();
    return code;
}

static void release_queue(const device *dev)
{
    device_lock();
    if (dev->queue)
        clReleaseCommandQueue(dev->queue);
    if (dev->context)
        clReleaseContext(dev->context);
    device_unlock();
}

status device_open_info(const device_info *info, device **opened, error *err)
{
    *opened = NULL;
    device *dev = calloc(1, sizeof *dev);
    TRY(got_memory(dev, err, "the device"));
    dev->info = *info; /* NOLINT(clang-analyzer-core.NullDereference): info is never NULL */
    dev->vec = choose_vec(info);
    status result = device_check(dev, err, create_queue(dev), "opening the device");
    if (result == STATUS_OK)
        *opened = dev;
    else
        device_close(dev);
    return result;
}

void device_close(device *dev)
{
    if (!dev)
        return;
    if (dev->queue)
        wait_for_queue(dev);
    profile_free(dev);
    verdicts_close(dev->verdicts);
    program_release_all(dev);
    release_queue(dev);
    free(dev);
}

const word_list precision_words = WORD_LIST("fp32", "fp16");

void device_set_precision(device *dev, enum precision precision)
{
    dev->precision = precision;
}

size_t device_real_bytes(const device *dev)
{
    return dev->precision == PRECISION_FP16 ? sizeof(uint16_t) : sizeof(float);
}

status device_finish(device *dev, error *err)
{
    return device_check(dev, err, wait_for_queue(dev), "waiting for the queue");
}

status device_finish_promptly(device *dev, error *err)
{
    return device_check(dev, err, clFinish(dev->queue), "waiting for the queue");
}

size_t device_vectors(const device *dev, size_t length)
{
    return (length + (size_t)dev->vec - 1) / (size_t)dev->vec;
}
