/* SPDX-License-Identifier: Apache-2.0 */
/* Finds, chooses and opens devices; see device.h. */
#include "device/device.h"
#include "base/array.h"
#include "device/profile.h"
#include "device/program.h"
#include "device/verdicts.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The only global variable. The lock is global because a driver's state belongs to the process, and
 * neither PoCL nor the ICD loader protects its initialisation. The program may crash if two threads
 * open their first devices at once, or if one releases a context while another creates one. */
static pthread_mutex_t driver_lock = PTHREAD_MUTEX_INITIALIZER;

static const char own_name[] = "HCNN_DEVICE"; /* environment variable */
static const char install_hint[] =
    "Install an OpenCL driver: for any CPU `apt install pocl-opencl-icd`, for a GPU its vendor's "
    "(NVIDIA: the driver's libnvidia-opencl, AMD: rocm-opencl-icd or mesa-opencl-icd, Intel: "
    "intel-opencl-icd).";

static const struct {
    cl_int code;
    const char *name;
} error_names[] = {
    {CL_DEVICE_NOT_FOUND, "CL_DEVICE_NOT_FOUND"},
    {CL_DEVICE_NOT_AVAILABLE, "CL_DEVICE_NOT_AVAILABLE"},
    {CL_COMPILER_NOT_AVAILABLE, "CL_COMPILER_NOT_AVAILABLE"},
    {CL_MEM_OBJECT_ALLOCATION_FAILURE, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
    {CL_OUT_OF_RESOURCES, "CL_OUT_OF_RESOURCES"},
    {CL_OUT_OF_HOST_MEMORY, "CL_OUT_OF_HOST_MEMORY"},
    {CL_BUILD_PROGRAM_FAILURE, "CL_BUILD_PROGRAM_FAILURE"},
    {CL_MISALIGNED_SUB_BUFFER_OFFSET, "CL_MISALIGNED_SUB_BUFFER_OFFSET"},
    {CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST"},
    {CL_INVALID_VALUE, "CL_INVALID_VALUE"},
    {CL_INVALID_DEVICE, "CL_INVALID_DEVICE"},
    {CL_INVALID_CONTEXT, "CL_INVALID_CONTEXT"},
    {CL_INVALID_COMMAND_QUEUE, "CL_INVALID_COMMAND_QUEUE"},
    {CL_INVALID_MEM_OBJECT, "CL_INVALID_MEM_OBJECT"},
    {CL_INVALID_BINARY, "CL_INVALID_BINARY"},
    {CL_INVALID_BUILD_OPTIONS, "CL_INVALID_BUILD_OPTIONS"},
    {CL_INVALID_PROGRAM, "CL_INVALID_PROGRAM"},
    {CL_INVALID_PROGRAM_EXECUTABLE, "CL_INVALID_PROGRAM_EXECUTABLE"},
    {CL_INVALID_KERNEL_NAME, "CL_INVALID_KERNEL_NAME"},
    {CL_INVALID_KERNEL_DEFINITION, "CL_INVALID_KERNEL_DEFINITION"},
    {CL_INVALID_KERNEL, "CL_INVALID_KERNEL"},
    {CL_INVALID_ARG_INDEX, "CL_INVALID_ARG_INDEX"},
    {CL_INVALID_ARG_VALUE, "CL_INVALID_ARG_VALUE"},
    {CL_INVALID_ARG_SIZE, "CL_INVALID_ARG_SIZE"},
    {CL_INVALID_KERNEL_ARGS, "CL_INVALID_KERNEL_ARGS"},
    {CL_INVALID_WORK_DIMENSION, "CL_INVALID_WORK_DIMENSION"},
    {CL_INVALID_WORK_GROUP_SIZE, "CL_INVALID_WORK_GROUP_SIZE"},
    {CL_INVALID_WORK_ITEM_SIZE, "CL_INVALID_WORK_ITEM_SIZE"},
    {CL_INVALID_GLOBAL_OFFSET, "CL_INVALID_GLOBAL_OFFSET"},
    {CL_INVALID_EVENT_WAIT_LIST, "CL_INVALID_EVENT_WAIT_LIST"},
    {CL_INVALID_EVENT, "CL_INVALID_EVENT"},
    {CL_INVALID_OPERATION, "CL_INVALID_OPERATION"},
    {CL_INVALID_BUFFER_SIZE, "CL_INVALID_BUFFER_SIZE"},
    {CL_INVALID_GLOBAL_WORK_SIZE, "CL_INVALID_GLOBAL_WORK_SIZE"},
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
};

const char *device_error_name(cl_int code)
{
    for (size_t i = 0; i < sizeof error_names / sizeof error_names[0]; i++)
        if (error_names[i].code == code)
            return error_names[i].name;
    return "unknown OpenCL error";
}

status device_check(const device *dev, error *err, cl_int code, const char *what)
{
    if (code == CL_SUCCESS)
        return STATUS_OK;
    const char *advice = code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
                                 code == CL_OUT_OF_HOST_MEMORY
                             ? "; a smaller --batch-size or --image-size needs less memory"
                             : "";
    return error_set(err, STATUS_FAILED, "%s (%d) while %s on %s%s", device_error_name(code), code,
                     what, dev->info.name, advice);
}

cl_device_type device_kind(cl_device_type reported)
{
    const char *as_gpu = getenv("HCNN_AS_GPU");
    if ((reported & CL_DEVICE_TYPE_GPU) || (as_gpu && strcmp(as_gpu, "1") == 0))
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

static void read_info(device_info *info)
{
    cl_device_id id = info->id;
    cl_uint align_bits = 0;
    cl_bool available = CL_FALSE, compiler = CL_FALSE;
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
    GET(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, info->vector_width);
    GET(CL_DEVICE_MEM_BASE_ADDR_ALIGN, align_bits);
    GET(CL_DEVICE_AVAILABLE, available);
    GET(CL_DEVICE_COMPILER_AVAILABLE, compiler);
    clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL);
    info->vector_width += info->vector_width == 0;
    info->align_bytes = align_bits >= 8 ? align_bits / 8 : 128;
    info->fp16 = strstr(extensions, "cl_khr_fp16") != NULL;
    info->nv_capability = read_nv_capability(id, extensions);
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
    return STATUS_OK;
}

static status append_platform(device_list *list, cl_platform_id platform, int platform_index,
                              error *err)
{
    cl_uint count = 0;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count) != CL_SUCCESS || count == 0)
        return STATUS_OK; /* a driver without its hardware */
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
    pthread_mutex_lock(&driver_lock);
    status result = list_platforms(list, err);
    pthread_mutex_unlock(&driver_lock);
    if (result != STATUS_OK)
        device_list_free(list);
    return result;
}

void device_list_free(device_list *list)
{
    free(list->devices);
    *list = (device_list){0};
}

/* How a spec can match a device. */
enum way { BY_TYPE, BY_INDEX, BY_NAME, BY_PLATFORM, WAYS };

static bool is_at(const device_info *info, const char *spec)
{
    char *colon, *end;
    const long platform = strtol(spec, &colon, 10);
    if (colon == spec || *colon != ':')
        return false;
    const long index = strtol(colon + 1, &end, 10);
    return end != colon + 1 && *end == '\0' && info->platform_index == platform &&
           info->device_index == index;
}

static bool fits(const device_info *info, enum way way, const char *spec, cl_device_type type)
{
    if (way == BY_TYPE)
        return info->available && (info->type & type);
    if (way == BY_INDEX)
        return is_at(info, spec);
    return strcasestr(way == BY_NAME ? info->name : info->platform_name, spec) != NULL;
}

/* The index of the device for `place` among those that match, in turn; -1 if none matches. */
static int pick(const device_list *list, enum way way, const char *spec, cl_device_type type,
                int place)
{
    int count = 0;
    for (int i = 0; i < list->count; i++)
        count += fits(&list->devices[i], way, spec, type);
    for (int i = 0, left = count > 0 ? place % count : 0; count > 0; i++)
        if (fits(&list->devices[i], way, spec, type) && left-- == 0)
            return i;
    return -1;
}

static int find_device(const device_list *list, const char *spec, int place)
{
    static const cl_device_type preferred[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_CPU,
                                               CL_DEVICE_TYPE_ALL};
    static const cl_device_type types[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_CPU,
                                           CL_DEVICE_TYPE_ACCELERATOR};
    int found = -1;
    if (!spec || !*spec) {
        for (int i = 0; i < 3 && found < 0; i++)
            found = pick(list, BY_TYPE, spec, preferred[i], place);
        return found;
    }
    for (int i = 0; i < 3; i++)
        if (strcmp(spec, device_type_name(types[i])) == 0)
            return pick(list, BY_TYPE, spec, types[i], place);
    for (enum way way = BY_INDEX; way < WAYS && found < 0; way++)
        found = pick(list, way, spec, 0, place);
    return found;
}

status device_choose(const device_list *list, const char *spec, int place, int *index, error *err)
{
    *index = list->count > 0 ? find_device(list, spec, place) : -1;
    if (*index >= 0 && list->devices[*index].available)
        return STATUS_OK;
    if (list->count == 0)
        return error_set(err, STATUS_USAGE, "no OpenCL device on this machine. %s", install_hint);
    if (*index >= 0)
        return error_set(err, STATUS_USAGE,
                         "the device %s is not available; choose another one "
                         "(`hcnn-cl devices` lists them)",
                         list->devices[*index].name);

    char lines[4096] = "";
    size_t used = 0;
    for (int i = 0; i < list->count && used < sizeof lines; i++) {
        const device_info *info = &list->devices[i];
        used += (size_t)snprintf(lines + used, sizeof lines - used, "  %d:%d  %-11s %s (%s)\n",
                                 info->platform_index, info->device_index,
                                 device_type_name(info->type), info->name, info->platform_name);
    }
    return error_set(err, STATUS_USAGE,
                     "no device matches '%s'; expected gpu, cpu, accelerator, "
                     "PLATFORM:DEVICE or a part of a name, or for several ranks a list of these "
                     "separated by commas. The devices are:\n%s%s",
                     spec ? spec : "", lines, install_hint);
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
    pthread_mutex_lock(&driver_lock);
    dev->context = clCreateContext(properties, 1, &dev->info.id, NULL, NULL, &code);
    if (code == CL_SUCCESS)
        dev->queue = clCreateCommandQueue(dev->context, dev->info.id, 0, &code);
    pthread_mutex_unlock(&driver_lock);
    return code;
}

static void release_queue(const device *dev)
{
    pthread_mutex_lock(&driver_lock);
    if (dev->queue)
        clReleaseCommandQueue(dev->queue);
    if (dev->context)
        clReleaseContext(dev->context);
    pthread_mutex_unlock(&driver_lock);
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

/* The spec in the environment; NULL if there is none. */
static const char *own_spec(void)
{
    const char *spec = getenv(own_name);
    return spec && *spec ? spec : NULL;
}

/* Calls device_choose. If there are devices but none can be chosen, the error begins with `whose`,
 * unless that is NULL. */
static status choose_for(const device_list *list, const char *spec, int place, const char *whose,
                         int *index, error *err)
{
    status result = device_choose(list, spec, place, index, err);
    return result != STATUS_OK && whose && list->count > 0 ? error_prefix(err, result, "%s", whose)
                                                           : result;
}

status device_choose_own(const device_list *list, int *index, error *err)
{
    const char *spec = own_spec();
    return choose_for(list, spec, 0, spec ? own_name : NULL, index, err);
}

static status open_choice(const char *spec, int place, const char *whose, device **opened,
                          error *err)
{
    device_list list;
    TRY(device_list_all(&list, err));
    int index;
    status result = choose_for(&list, spec, place, whose, &index, err);
    if (result == STATUS_OK)
        result = device_open_info(&list.devices[index], opened, err);
    device_list_free(&list);
    return result;
}

/* The entry for `place` in a list separated by commas; the caller frees it. *round becomes the
 * number of times that places before this one have gone through the whole list. NULL if memory is
 * exhausted. */
static char *entry_of(const char *spec, int place, int *round)
{
    int entries = 1;
    for (const char *at = spec; *at; at++)
        entries += *at == ',';
    *round = place / entries;
    for (int skip = place % entries; skip > 0; skip--)
        spec = strchr(spec, ',') + 1;
    return strndup(spec, strcspn(spec, ","));
}

static status open_place(const char *spec, int place, const char *whose, device **opened,
                         error *err)
{
    *opened = NULL;
    if (!spec || !strchr(spec, ','))
        return open_choice(spec, place, whose, opened, err);
    int round;
    char *entry = entry_of(spec, place, &round);
    status result = entry ? open_choice(entry, round, whose, opened, err)
                          : error_memory(err, "the device's name");
    free(entry);
    return result;
}

status device_open_place(const char *spec, int place, device **opened, error *err)
{
    return open_place(spec, place, NULL, opened, err);
}

status device_open_own(int place, device **opened, error *err)
{
    const char *spec = own_spec();
    return open_place(spec, place, spec ? own_name : NULL, opened, err);
}

status device_open(device **opened, error *err)
{
    return device_open_own(0, opened, err);
}

void device_close(device *dev)
{
    if (!dev)
        return;
    if (dev->queue)
        clFinish(dev->queue);
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
    return device_check(dev, err, clFinish(dev->queue), "waiting for the queue");
}

size_t device_vectors(const device *dev, size_t length)
{
    return (length + (size_t)dev->vec - 1) / (size_t)dev->vec;
}
