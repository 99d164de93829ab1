/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenCL layer that makes a driver misbehave: the loader puts it between the program and its
 * driver if OPENCL_LAYERS names its file. HCNN_FAULT says what happens:
 *
 *   wrong:KERNEL:ARGUMENT    after each launch, the first float of that buffer is 1000
 *   nan:KERNEL:ARGUMENT      ... is NaN
 *   build:PROGRAM            kernels/PROGRAM.cl does not build
 *   once:PROGRAM             ... the first time that a process tries
 *   hang:PROGRAM             building it takes an hour
 *   crash:PROGRAM            building it ends the process by SIGABRT
 *   kill:PROGRAM             ... by SIGKILL, as the system does when memory is out
 *   exit:PROGRAM             ... by exit(8), as a translator of Mesa does
 *   group:KERNEL:ITEMS       the kernel accepts at most ITEMS work-items in a group
 *   fill                     clEnqueueFillBuffer does not exist
 *   poison:KERNEL            its launch fails, and after it every launch and every new buffer
 *   memory:KERNEL            its launch fails because memory is out
 *   stop:KERNEL:COUNT        that launch of it, from 1, never begins, nor does what follows
 *   slow:KERNEL:MILLISECONDS each launch of it takes at least so long
 *   noise                    the driver prints to standard output, without ending the line
 *
 * It is made for one thread: it knows each kernel's arguments only as they were last set. */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_icd.h>
#include <CL/cl_layer.h>

static const struct _cl_icd_dispatch *next;
static struct _cl_icd_dispatch mine;

enum { NAME = 128, BUFFERS = 64 };
static char kind[16], target[NAME];
static long number;

/* The buffer that each kernel of the target's name last got as the argument. */
static struct {
    cl_kernel kernel;
    cl_mem buffer;
} seen[BUFFERS];
static int seen_count;
static int poisoned;

static int is(const char *name)
{
    return strcmp(kind, name) == 0;
}

static int is_target(cl_kernel kernel)
{
    char name[NAME] = "";
    next->clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name - 1, name, NULL);
    return strcmp(name, target) == 0;
}

static cl_int CL_API_CALL set_argument(cl_kernel kernel, cl_uint index, size_t size,
                                       const void *value)
{
    if ((is("wrong") || is("nan")) && (long)index == number && size == sizeof(cl_mem) && value &&
        is_target(kernel)) {
        int i = 0;
        while (i < seen_count && seen[i].kernel != kernel)
            i++;
        if (i < BUFFERS) {
            seen[i].kernel = kernel;
            memcpy(&seen[i].buffer, value, sizeof(cl_mem));
            seen_count += i == seen_count;
        }
    }
    return next->clSetKernelArg(kernel, index, size, value);
}

/* A launch that waits for a moment, in seconds after some fixed one. */
typedef struct delay {
    cl_event gate;
    double until;
} delay;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *open_gate(void *context)
{
    delay *d = context;
    const double left = d->until - now();
    if (left > 0)
        usleep((useconds_t)(left * 1e6));
    next->clSetUserEventStatus(d->gate, CL_COMPLETE);
    next->clReleaseEvent(d->gate);
    free(d);
    return NULL;
}

/* The event that a launch of the target has to wait for; NULL if it does not have to. Delays add
 * up, because the launches are in order. */
static cl_event make_gate(cl_command_queue queue)
{
    static long launches;
    static double free_from;
    pthread_t thread;
    cl_context context;
    if (is("stop") && ++launches != number)
        return NULL;
    next->clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof(cl_context), &context, NULL);
    cl_event gate = next->clCreateUserEvent(context, NULL);
    if (is("stop"))
        return gate;
    delay *d = malloc(sizeof *d);
    free_from = (free_from > now() ? free_from : now()) + (double)number * 1e-3;
    *d = (delay){gate, free_from};
    next->clRetainEvent(gate);
    pthread_create(&thread, NULL, open_gate, d);
    pthread_detach(thread);
    return gate;
}

static cl_int CL_API_CALL launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                 const size_t *offset, const size_t *global, const size_t *local,
                                 cl_uint waits, const cl_event *wait_list, cl_event *event)
{
    static float value;
    poisoned |= is("poison") && is_target(kernel);
    if (poisoned)
        return CL_OUT_OF_RESOURCES;
    if (is("memory") && is_target(kernel))
        return CL_MEM_OBJECT_ALLOCATION_FAILURE;
    cl_event gate = (is("stop") || is("slow")) && is_target(kernel) ? make_gate(queue) : NULL;
    cl_int code = next->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local,
                                               gate ? 1 : waits, gate ? &gate : wait_list, event);
    if (gate)
        next->clReleaseEvent(gate);
    value = is("nan") ? NAN : 1000;
    for (int i = 0; i < seen_count && code == CL_SUCCESS; i++)
        if (seen[i].kernel == kernel && seen[i].buffer)
            code = next->clEnqueueWriteBuffer(queue, seen[i].buffer, CL_FALSE, 0, sizeof value,
                                              &value, 0, NULL, NULL);
    return code;
}

static int builds_target(cl_program program)
{
    char mark[NAME + 16];
    size_t size = 0;
    char *source = NULL;
    int found = 0;
    snprintf(mark, sizeof mark, "\"%s.cl\"", target);
    if (next->clGetProgramInfo(program, CL_PROGRAM_SOURCE, 0, NULL, &size) == CL_SUCCESS && size &&
        (source = malloc(size)) &&
        next->clGetProgramInfo(program, CL_PROGRAM_SOURCE, size, source, NULL) == CL_SUCCESS)
        found = strstr(source, mark) != NULL;
    free(source);
    return found;
}

static cl_int CL_API_CALL build(cl_program program, cl_uint count, const cl_device_id *devices,
                                const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                                void *data)
{
    static int built;
    if (builds_target(program)) {
        if (is("build") || (is("once") && built++ == 0))
            return CL_BUILD_PROGRAM_FAILURE;
        if (is("hang"))
            sleep(3600);
        if (is("crash"))
            abort();
        if (is("kill"))
            kill(getpid(), SIGKILL);
        if (is("exit"))
            _exit(8);
    }
    return next->clBuildProgram(program, count, devices, options, notify, data);
}

static cl_int CL_API_CALL group_info(cl_kernel kernel, cl_device_id device,
                                     cl_kernel_work_group_info what, size_t size, void *value,
                                     size_t *needed)
{
    cl_int code = next->clGetKernelWorkGroupInfo(kernel, device, what, size, value, needed);
    size_t most = (size_t)number;
    if (code == CL_SUCCESS && is("group") && what == CL_KERNEL_WORK_GROUP_SIZE && value &&
        is_target(kernel))
        memcpy(value, &most, sizeof most);
    return code;
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size,
                                        void *host, cl_int *code)
{
    if (!poisoned)
        return next->clCreateBuffer(context, flags, size, host, code);
    *code = CL_OUT_OF_RESOURCES;
    return NULL;
}

static cl_int CL_API_CALL fill(cl_command_queue queue, cl_mem buffer, const void *pattern,
                               size_t pattern_size, size_t offset, size_t size, cl_uint waits,
                               const cl_event *wait_list, cl_event *event)
{
    if (is("fill"))
        return CL_INVALID_OPERATION;
    return next->clEnqueueFillBuffer(queue, buffer, pattern, pattern_size, offset, size, waits,
                                     wait_list, event);
}

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size, void *value,
                                               size_t *needed)
{
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    if (what != CL_LAYER_API_VERSION)
        return CL_INVALID_VALUE;
    if (value && size >= sizeof version)
        memcpy(value, &version, sizeof version);
    if (needed)
        *needed = sizeof version;
    return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint count,
                                            const struct _cl_icd_dispatch *target_dispatch,
                                            cl_uint *made_count,
                                            const struct _cl_icd_dispatch **made)
{
    const char *asked = getenv("HCNN_FAULT");
    if (count < sizeof mine / sizeof mine.clGetPlatformIDs || !asked)
        return CL_INVALID_VALUE;
    sscanf(asked, "%15[^:]:%127[^:]:%ld", kind, target, &number);
    next = target_dispatch;
    if (is("noise")) {
        printf("driver: ");
        fflush(stdout);
    }
    memcpy(&mine, next, sizeof mine);
    mine.clSetKernelArg = set_argument;
    mine.clEnqueueNDRangeKernel = launch;
    mine.clBuildProgram = build;
    mine.clGetKernelWorkGroupInfo = group_info;
    mine.clEnqueueFillBuffer = fill;
    mine.clCreateBuffer = create_buffer;
    *made = &mine;
    *made_count = sizeof mine / sizeof mine.clGetPlatformIDs;
    return CL_SUCCESS;
}
