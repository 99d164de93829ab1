/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and opens devices; see device.h. */
#include "device/device.h"
#include "base/array.h"
#include "base/environment.h"
#include "device/driver_hints.h"
#include "device/flight.h"
#include "device/matrix_unit.h"
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
static struct driver_state {
    pthread_mutex_t lock;
    uint64_t numbers; /* bit I: an open device has number I + 1 */
} driver_state = {PTHREAD_MUTEX_INITIALIZER, 0};

void device_lock(void)
{
    pthread_mutex_lock(&driver_state.lock);
}

void device_unlock(void)
{
    pthread_mutex_unlock(&driver_state.lock);
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

/* Keeps the first question that the driver failed to answer; such a device is not available. */
static void take_answer(device_info *info, const char *question, cl_int code)
{
    if (code != CL_SUCCESS && !info->fault[0])
        snprintf(info->fault, sizeof info->fault, "its driver answers %s with %s (%d)", question,
                 device_error_name(code), code);
}

/* The target must have the type of the answer. NEED is for what nothing can be done without; after
 * a failed ASK the target keeps its value, a default. */
#define ASK(info, what, target)  clGetDeviceInfo((info)->id, what, sizeof(target), &(target), NULL)
#define NEED(info, what, target) take_answer(info, #what, ASK(info, what, target))
#define NEED_TEXT(info, what, target)                                                              \
    take_answer(info, #what, read_text((info)->id, what, target, sizeof(target)))

/* Without an answer the text is empty. */
static cl_int read_text(cl_device_id id, cl_device_info what, char *text, size_t capacity)
{
    char value[1024] = "";
    cl_int code = clGetDeviceInfo(id, what, sizeof value - 1, value, NULL);
    if (code != CL_SUCCESS)
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
    return code;
}

/* From cl_nv_device_attribute_query; not every system has its header. */
enum { NV_CAPABILITY_MAJOR = 0x4000, NV_CAPABILITY_MINOR = 0x4001 };

static unsigned read_nv_capability(const device_info *info, const char *extensions)
{
    cl_uint major = 0, minor = 0;
    if (!strstr(extensions, "cl_nv_device_attribute_query") ||
        ASK(info, NV_CAPABILITY_MAJOR, major) != CL_SUCCESS ||
        ASK(info, NV_CAPABILITY_MINOR, minor) != CL_SUCCESS)
        return 0;
    return 10 * major + minor;
}

/* The answer has a size for each of the device's dimensions, which may be more than 3. Without an
 * answer only the size of a group is a limit. */
static void read_item_sizes(device_info *info)
{
    size_t sizes[16] = {0};
    cl_int code = ASK(info, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizes);
    for (int i = 0; i < 3; i++)
        info->max_item_sizes[i] =
            code == CL_SUCCESS && sizes[i] > 0 ? sizes[i] : info->max_group_size;
}

/* Extensions are a list of names without a limit. A driver that does not answer has none. */
static status read_extensions(device_info *info, error *err)
{
    size_t bytes = 0;
    if (clGetDeviceInfo(info->id, CL_DEVICE_EXTENSIONS, 0, NULL, &bytes) != CL_SUCCESS)
        bytes = 0;
    char *names = calloc(1, bytes + 1);
    TRY(got_memory(names, err, "the device's extensions"));
    if (bytes > 0 &&
        clGetDeviceInfo(info->id, CL_DEVICE_EXTENSIONS, bytes, names, NULL) != CL_SUCCESS)
        names[0] = '\0';
    info->fp16 = strstr(names, "cl_khr_fp16") != NULL;
    info->nv_capability = read_nv_capability(info, names);
    free(names);
    return STATUS_OK;
}

/* What has a default: the vendor and the clock are only shown and ranked by; without local memory,
 * kernels that need it are not run; one float a vector and 128 bytes always work. */
static void read_optional(device_info *info)
{
    cl_uint align_bits = 0;
    cl_bool unified = CL_FALSE;
    read_text(info->id, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    ASK(info, CL_DEVICE_MAX_CLOCK_FREQUENCY, info->clock_mhz);
    ASK(info, CL_DEVICE_LOCAL_MEM_SIZE, info->local_memory_bytes);
    ASK(info, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, info->vector_width);
    ASK(info, CL_DEVICE_MEM_BASE_ADDR_ALIGN, align_bits);
    ASK(info, CL_DEVICE_HOST_UNIFIED_MEMORY, unified);
    info->vector_width += info->vector_width == 0;
    info->align_bytes = align_bits >= 8 ? align_bits / 8 : 128;
    info->unified_memory = unified;
}

static status read_info(device_info *info, error *err)
{
    cl_bool available = CL_FALSE, compiler = CL_FALSE;
    take_answer(info, "CL_PLATFORM_NAME",
                clGetPlatformInfo(info->platform, CL_PLATFORM_NAME, sizeof info->platform_name - 1,
                                  info->platform_name, NULL));
    NEED(info, CL_DEVICE_TYPE, info->type);
    info->type = device_kind(info->type);
    NEED_TEXT(info, CL_DEVICE_NAME, info->name);
    NEED_TEXT(info, CL_DEVICE_VERSION, info->version);
    NEED_TEXT(info, CL_DRIVER_VERSION, info->driver);
    NEED(info, CL_DEVICE_MAX_COMPUTE_UNITS, info->compute_units);
    NEED(info, CL_DEVICE_GLOBAL_MEM_SIZE, info->memory_bytes);
    NEED(info, CL_DEVICE_MAX_MEM_ALLOC_SIZE, info->max_allocation_bytes);
    NEED(info, CL_DEVICE_MAX_WORK_GROUP_SIZE, info->max_group_size);
    read_item_sizes(info);
    NEED(info, CL_DEVICE_AVAILABLE, available);
    NEED(info, CL_DEVICE_COMPILER_AVAILABLE, compiler);
    read_optional(info);
    info->available = available && compiler && !info->fault[0];
    return read_extensions(info, err);
}

static status append_device(device_list *list, cl_platform_id platform, int platform_index,
                            cl_device_id id, int index, error *err)
{
    TRY(array_grow(&list->devices, (size_t)list->count, sizeof *list->devices,
                   "the list of devices", err));
    device_info *info = &list->devices[list->count++];
    *info = (device_info){
        .platform_index = platform_index, .device_index = index, .platform = platform, .id = id};
    TRY(read_info(info, err));
    return device_read_test(info, err);
}

/* A platform that does not tell its name is not PoCL. */
static bool is_pocl(cl_platform_id platform)
{
    char name[128] = "";
    return clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL) ==
               CL_SUCCESS &&
           strcmp(name, "Portable Computing Language") == 0;
}

static status append_platform(device_list *list, cl_platform_id platform, int platform_index,
                              error *err)
{
    cl_uint count = 0;
    cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count);
    TRY(got_memory(code != CL_OUT_OF_HOST_MEMORY, err, "the list of devices"));
    if (code != CL_SUCCESS || count == 0) {
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
    cl_int code = clGetPlatformIDs(0, NULL, &count);
    TRY(got_memory(code != CL_OUT_OF_HOST_MEMORY, err, "the list of platforms"));
    /* The ICD loader reports a missing platform as an error code of its own. */
    if (code != CL_SUCCESS || count == 0)
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

/* If the driver confuses devices, gives this one the lowest number, from 1, that no other open
 * device of the process has. */
static status take_number(device *dev, error *err)
{
    enum { MOST = 64 };
    if (!driver_confuses_devices(&dev->info))
        return STATUS_OK;
    int free_bit = 0;
    device_lock();
    while (free_bit < MOST && driver_state.numbers >> free_bit & 1)
        free_bit++;
    if (free_bit < MOST) {
        driver_state.numbers |= (uint64_t)1 << free_bit;
        dev->number = free_bit + 1;
    }
    device_unlock();
    if (dev->number)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED,
                     "%d devices of %s %s are open, the most that a process may have; close one",
                     MOST, dev->info.platform_name, dev->info.driver);
}

static void release_number(const device *dev)
{
    device_lock();
    if (dev->number)
        driver_state.numbers &= ~((uint64_t)1 << (dev->number - 1));
    device_unlock();
}

static const double most_queued = 10; /* seconds */

status device_open_info(const device_info *info, device **opened, error *err)
{
    *opened = NULL;
    device *dev = calloc(1, sizeof *dev);
    TRY(got_memory(dev, err, "the device"));
    dev->info = *info; /* NOLINT(clang-analyzer-core.NullDereference): info is never NULL */
    dev->vec = choose_vec(info);
    device_set_precision(dev, PRECISION_FP32);
    dev->timeout = DEVICE_TIMEOUT;
    dev->most_queued = most_queued;
    status result = take_number(dev, err);
    if (result == STATUS_OK)
        result = flight_create(dev, err);
    if (result == STATUS_OK)
        result = device_check(dev, err, create_queue(dev), "opening the device");
    if (result == STATUS_OK)
        *opened = dev;
    else
        device_close(dev);
    return result;
}

void device_close(device *dev)
{
    if (!dev || !device_settled(dev))
        return;
    flight_free(dev);
    profile_free(dev);
    verdicts_close(dev->verdicts);
    program_release_all(dev);
    release_queue(dev);
    release_number(dev);
    free(dev);
}

bool device_is_stuck(const device *dev)
{
    return dev && dev->stuck;
}

bool device_settled(device *dev)
{
    error ignored;
    if (dev && dev->queue)
        (void)wait_for_queue(dev, false, &ignored);
    return !device_is_stuck(dev);
}

void device_set_timeout(device *dev, double seconds)
{
    dev->timeout = seconds;
}

void device_set_precision(device *dev, enum precision precision)
{
    dev->precision = precision;
    dev->unit = matrix_unit_for(dev, precision);
}

size_t device_real_bytes(const device *dev)
{
    return precision_is_small(dev->precision) ? sizeof(uint16_t) : sizeof(float);
}

status device_finish(device *dev, error *err)
{
    return wait_for_queue(dev, false, err);
}

status device_finish_promptly(device *dev, error *err)
{
    return wait_for_queue(dev, true, err);
}

size_t device_vectors(const device *dev, size_t length)
{
    return (length + (size_t)dev->vec - 1) / (size_t)dev->vec;
}
