/* SPDX-License-Identifier: Apache-2.0 */
/* A library for LD_PRELOAD that makes calls of hcnn-cl fail: memory, files, threads and OpenCL.
 * tests/faults/run uses it. HCNN_INJECT says what happens:
 *
 *   record:CLASS:0       nothing fails; the first call with each stack is a line of the log
 *   once:CLASS:STACK     the first call of that class with that stack fails
 *   from:CLASS:STACK     ... and so does every later call of that class
 *
 * A class is "memory", "open", "write", "fsync", "rename", "mmap", "thread", "fork" or the name of
 * an OpenCL function. A stack is the hash of its return addresses, as modules and offsets. Lines go
 * to the file HCNN_INJECT_LOG: "CLASS STACK MODULE+OFFSET...", innermost first.
 *
 * Only the program's own calls count, and those that its libraries make for it: calls inside of the
 * OpenCL driver, before main and after it do not. glibc's streams write without a call that can be
 * replaced, so streams for writing are made of cookies that do. Processes that the program starts
 * are left alone. It needs glibc 2.35. */
#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unwind.h>

enum { FRAMES = 96, STACKS = 1 << 16, NAME = 64, START = 64 };

static enum { PASSIVE, RECORD, ONCE, FROM } mode;
static char target_class[NAME];
static uint64_t target;
static atomic_int fired;
static int log_file = -1;

/* Calls inside of the driver, and inside of this library, are not looked at. */
#define PER_THREAD static _Thread_local __attribute__((tls_model("initial-exec")))
PER_THREAD int inside, busy;

typedef struct stack {
    uintptr_t frames[FRAMES];
    int count;
} stack;

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *into)
{
    stack *s = into;
    if (s->count < FRAMES)
        s->frames[s->count++] = _Unwind_GetIP(context);
    return s->count < FRAMES ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static const struct link_map *module_of(uintptr_t address)
{
    struct dl_find_object found;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): it is a return address */
    return _dl_find_object((void *)address, &found) == 0 ? found.dlfo_link_map : NULL;
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

static const char *base_name(const struct link_map *module)
{
    const char *slash = strrchr(module->l_name, '/');
    return slash ? slash + 1 : module->l_name;
}

/* Takes the caller's stack without this library's own frames. False: the program is not in it. */
static int take_stack(stack *s, uint64_t *hash)
{
    static const struct link_map *self;
    const uintptr_t entry = getauxval(AT_ENTRY);
    stack all = {.count = 0};
    int of_program = 0;
    if (!self)
        self = module_of((uintptr_t)take_stack);
    _Unwind_Backtrace(take_frame, &all);
    s->count = 0;
    *hash = 0xcbf29ce484222325;
    for (int i = 0; i < all.count; i++) {
        const uintptr_t at = all.frames[i];
        const struct link_map *module = module_of(at);
        if (!module || module == self)
            continue;
        const uintptr_t offset = at - module->l_addr;
        of_program |= module->l_name[0] == '\0' && at - entry > START;
        *hash =
            mix(mix(*hash, base_name(module), strlen(base_name(module))), &offset, sizeof offset);
        s->frames[s->count++] = at;
    }
    return of_program;
}

static void write_line(const char *class, uint64_t hash, const stack *s)
{
    char line[FRAMES * 48];
    size_t used = (size_t)snprintf(line, NAME * 2, "%s %016llx", class, (unsigned long long)hash);
    for (int i = 0; i < s->count && used + NAME * 2 < sizeof line; i++) {
        const struct link_map *module = module_of(s->frames[i]);
        const char *name = module->l_name[0] ? base_name(module) : "hcnn-cl";
        used += (size_t)snprintf(line + used, NAME * 2, " %.64s+%lx", name,
                                 (unsigned long)(s->frames[i] - module->l_addr));
    }
    line[used++] = '\n';
    ssize_t (*real)(int, const void *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "write");
    if (real(log_file, line, used) < 0)
        abort();
}

/* Whether this is the first call with that stack. */
static int is_new(uint64_t hash)
{
    static _Atomic uint64_t seen[STACKS];
    for (size_t i = hash % STACKS;; i = (i + 1) % STACKS) {
        uint64_t empty = 0;
        if (atomic_compare_exchange_strong(&seen[i], &empty, hash))
            return 1;
        if (empty == hash)
            return 0;
    }
}

static int decide(const char *class)
{
    stack s;
    uint64_t hash;
    if (!take_stack(&s, &hash))
        return 0;
    if (mode == RECORD) {
        /* the same stack may call two functions of OpenCL from a table */
        if (is_new(mix(hash, class, strlen(class))))
            write_line(class, hash, &s);
        return 0;
    }
    if (fired)
        return 1;
    if (hash != target || atomic_exchange(&fired, 1))
        return 0;
    write_line(class, hash, &s);
    return 1;
}

/* Whether this call has to fail. */
static int fails(const char *class)
{
    if (mode == PASSIVE || inside || busy || (mode == ONCE && fired) ||
        (mode != RECORD && strcmp(class, target_class) != 0))
        return 0;
    const int kept = errno;
    busy = 1;
    const int answer = decide(class);
    busy = 0;
    errno = kept;
    return answer;
}

/* ---- Memory ---- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static int no_memory(void)
{
    if (!fails("memory"))
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return no_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return no_memory() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return no_memory() ? NULL : __libc_realloc(block, size);
}

/* ---- Files, threads, processes ---- */

/* The function that this library hides. */
#define REAL(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (!real) {                                                                                   \
        busy++;                                                                                    \
        *(void **)&real = dlsym(RTLD_NEXT, #name);                                                 \
        busy--;                                                                                    \
    }
#define FAIL(class, code, answer)                                                                  \
    if (fails(class)) {                                                                            \
        errno = code;                                                                              \
        return answer;                                                                             \
    }

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        REAL(name)                                                                                 \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        const mode_t permissions = va_arg(rest, mode_t);                                           \
        va_end(rest);                                                                              \
        FAIL("open", EMFILE, -1)                                                                   \
        return real(path, flags, permissions);                                                     \
    }
OPEN(open)
OPEN(open64)

DIR *opendir(const char *path)
{
    REAL(opendir)
    FAIL("open", EMFILE, NULL)
    return real(path);
}

#define WRITE(name, parameters, arguments)                                                         \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        REAL(name)                                                                                 \
        FAIL("write", ENOSPC, -1)                                                                  \
        return real arguments;                                                                     \
    }
WRITE(write, (int file, const void *data, size_t size), (file, data, size))
WRITE(pwrite, (int file, const void *data, size_t size, off_t at), (file, data, size, at))
WRITE(pwrite64, (int file, const void *data, size_t size, off64_t at), (file, data, size, at))

#define SIMPLE(name, class, code, parameters, arguments)                                           \
    int name parameters                                                                            \
    {                                                                                              \
        REAL(name)                                                                                 \
        FAIL(class, code, -1)                                                                      \
        return real arguments;                                                                     \
    }
SIMPLE(fsync, "fsync", EIO, (int file), (file))
SIMPLE(fdatasync, "fsync", EIO, (int file), (file))
SIMPLE(rename, "rename", EIO, (const char *from, const char *to), (from, to))
SIMPLE(fork, "fork", EAGAIN, (void), ())

/* NOLINTBEGIN(bugprone-macro-parentheses): types and statements cannot have them */
#define MMAP(name, offset)                                                                         \
    void *name(void *at, size_t size, int protection, int flags, int file, offset from)            \
    {                                                                                              \
        REAL(name)                                                                                 \
        FAIL("mmap", ENOMEM, MAP_FAILED)                                                           \
        return real(at, size, protection, flags, file, from);                                      \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

int pthread_create(pthread_t *made, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *context)
{
    REAL(pthread_create)
    return fails("thread") ? EAGAIN : real(made, attributes, run, context);
}

/* ---- Streams for writing ---- */

enum { STREAMS = 256 };
static struct {
    FILE *_Atomic stream;
    int file;
} streams[STREAMS];

static ssize_t stream_read(void *cookie, char *data, size_t size)
{
    return read((int)(intptr_t)cookie, data, size);
}

static ssize_t stream_write(void *cookie, const char *data, size_t size)
{
    const ssize_t done = write((int)(intptr_t)cookie, data, size);
    return done < 0 ? 0 : done;
}

static int stream_seek(void *cookie, off64_t *offset, int from)
{
    *offset = lseek64((int)(intptr_t)cookie, *offset, from);
    return *offset < 0 ? -1 : 0;
}

static int stream_close(void *cookie)
{
    const int file = (int)(intptr_t)cookie;
    for (int i = 0; i < STREAMS; i++)
        if (streams[i].stream && streams[i].file == file)
            streams[i].stream = NULL;
    return close(file);
}

static FILE *make_stream(int file, const char *how)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the cookie is the number of the file */
    void *cookie = (void *)(intptr_t)file;
    FILE *made = fopencookie(
        cookie, how, (cookie_io_functions_t){stream_read, stream_write, stream_seek, stream_close});
    for (int i = 0; made && i < STREAMS; i++) {
        FILE *empty = NULL;
        if (atomic_compare_exchange_strong(&streams[i].stream, &empty, made)) {
            streams[i].file = file;
            return made;
        }
    }
    return made ? abort(), NULL : NULL;
}

static int writes(const char *how)
{
    return mode != PASSIVE && strpbrk(how, "wa+") != NULL;
}

FILE *fdopen(int file, const char *how)
{
    REAL(fdopen)
    return writes(how) ? make_stream(file, how) : real(file, how);
}

#define FOPEN(name)                                                                                \
    FILE *name(const char *path, const char *how)                                                  \
    {                                                                                              \
        REAL(name)                                                                                 \
        FAIL("open", EMFILE, NULL)                                                                 \
        FILE *opened = real(path, how);                                                            \
        if (!opened || !writes(how))                                                               \
            return opened;                                                                         \
        const int file = dup(fileno(opened));                                                      \
        fclose(opened);                                                                            \
        return make_stream(file, how);                                                             \
    }
FOPEN(fopen)
FOPEN(fopen64)

int fileno(FILE *stream)
{
    REAL(fileno)
    for (int i = 0; i < STREAMS; i++)
        if (streams[i].stream == stream)
            return streams[i].file;
    return real(stream);
}

/* ---- OpenCL ---- */

#define CL_CALL(type, name, parameters, arguments, on_failure)                                     \
    CL_API_ENTRY type CL_API_CALL name parameters                                                  \
    {                                                                                              \
        REAL(name)                                                                                 \
        if (fails(#name))                                                                          \
            on_failure;                                                                            \
        inside++;                                                                                  \
        type answer = real arguments;                                                              \
        inside--;                                                                                  \
        return answer;                                                                             \
    }
#define CL_CODE(name, parameters, arguments)                                                       \
    CL_CALL(cl_int, name, parameters, arguments, return CL_OUT_OF_RESOURCES)
#define CL_MADE(type, name, parameters, arguments)                                                 \
    CL_CALL(type, name, parameters, arguments, {                                                   \
        if (code)                                                                                  \
            *code = CL_OUT_OF_RESOURCES;                                                           \
        return NULL;                                                                               \
    })

#define INFO  size_t size, void *value, size_t *needed
#define WAITS cl_uint waits, const cl_event *wait_list, cl_event *event

CL_CODE(clGetPlatformIDs, (cl_uint room, cl_platform_id *ids, cl_uint *count), (room, ids, count))
CL_CODE(clGetPlatformInfo, (cl_platform_id id, cl_platform_info what, INFO),
        (id, what, size, value, needed))
CL_CODE(clGetDeviceIDs,
        (cl_platform_id id, cl_device_type type, cl_uint room, cl_device_id *ids, cl_uint *count),
        (id, type, room, ids, count))
CL_CODE(clGetDeviceInfo, (cl_device_id id, cl_device_info what, INFO),
        (id, what, size, value, needed))
CL_MADE(cl_context, clCreateContext,
        (const cl_context_properties *properties, cl_uint count, const cl_device_id *ids,
         void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data,
         cl_int *code),
        (properties, count, ids, notify, data, code))
CL_CODE(clGetContextInfo, (cl_context context, cl_context_info what, INFO),
        (context, what, size, value, needed))
CL_CODE(clReleaseContext, (cl_context context), (context))
CL_MADE(cl_command_queue, clCreateCommandQueue,
        (cl_context context, cl_device_id id, cl_command_queue_properties properties, cl_int *code),
        (context, id, properties, code))
CL_CODE(clGetCommandQueueInfo, (cl_command_queue queue, cl_command_queue_info what, INFO),
        (queue, what, size, value, needed))
CL_CODE(clReleaseCommandQueue, (cl_command_queue queue), (queue))
CL_MADE(cl_mem, clCreateBuffer,
        (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code),
        (context, flags, size, host, code))
CL_MADE(cl_mem, clCreateSubBuffer,
        (cl_mem parent, cl_mem_flags flags, cl_buffer_create_type type, const void *region,
         cl_int *code),
        (parent, flags, type, region, code))
CL_CODE(clGetMemObjectInfo, (cl_mem buffer, cl_mem_info what, INFO),
        (buffer, what, size, value, needed))
CL_CODE(clReleaseMemObject, (cl_mem buffer), (buffer))
CL_MADE(cl_program, clCreateProgramWithSource,
        (cl_context context, cl_uint count, const char **texts, const size_t *lengths,
         cl_int *code),
        (context, count, texts, lengths, code))
CL_MADE(cl_program, clCreateProgramWithBinary,
        (cl_context context, cl_uint count, const cl_device_id *ids, const size_t *lengths,
         const unsigned char **binaries, cl_int *states, cl_int *code),
        (context, count, ids, lengths, binaries, states, code))
CL_CALL(cl_int, clBuildProgram,
        (cl_program program, cl_uint count, const cl_device_id *ids, const char *options,
         void(CL_CALLBACK *notify)(cl_program, void *), void *data),
        (program, count, ids, options, notify, data), return CL_BUILD_PROGRAM_FAILURE)
CL_CODE(clGetProgramInfo, (cl_program program, cl_program_info what, INFO),
        (program, what, size, value, needed))
CL_CODE(clGetProgramBuildInfo,
        (cl_program program, cl_device_id id, cl_program_build_info what, INFO),
        (program, id, what, size, value, needed))
CL_CODE(clReleaseProgram, (cl_program program), (program))
CL_MADE(cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *code),
        (program, name, code))
CL_CODE(clSetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value),
        (kernel, index, size, value))
CL_CODE(clGetKernelWorkGroupInfo,
        (cl_kernel kernel, cl_device_id id, cl_kernel_work_group_info what, INFO),
        (kernel, id, what, size, value, needed))
CL_CODE(clReleaseKernel, (cl_kernel kernel), (kernel))
CL_CODE(clEnqueueReadBuffer,
        (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
         void *host, WAITS),
        (queue, buffer, blocking, offset, size, host, waits, wait_list, event))
CL_CODE(clEnqueueWriteBuffer,
        (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
         const void *host, WAITS),
        (queue, buffer, blocking, offset, size, host, waits, wait_list, event))
CL_CODE(clEnqueueCopyBuffer,
        (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset,
         size_t size, WAITS),
        (queue, from, to, from_offset, to_offset, size, waits, wait_list, event))
CL_CODE(clEnqueueFillBuffer,
        (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_size,
         size_t offset, size_t size, WAITS),
        (queue, buffer, pattern, pattern_size, offset, size, waits, wait_list, event))
CL_CODE(clEnqueueMarkerWithWaitList, (cl_command_queue queue, WAITS),
        (queue, waits, wait_list, event))
CL_CODE(clEnqueueNDRangeKernel,
        (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
         const size_t *global, const size_t *local, WAITS),
        (queue, kernel, dimensions, offset, global, local, waits, wait_list, event))
CL_CODE(clGetEventInfo, (cl_event event, cl_event_info what, INFO),
        (event, what, size, value, needed))
CL_CODE(clGetEventProfilingInfo, (cl_event event, cl_profiling_info what, INFO),
        (event, what, size, value, needed))
CL_CODE(clWaitForEvents, (cl_uint count, const cl_event *events), (count, events))
CL_CODE(clSetEventCallback,
        (cl_event event, cl_int kind, void(CL_CALLBACK *notify)(cl_event, cl_int, void *),
         void *data),
        (event, kind, notify, data))
CL_CODE(clRetainEvent, (cl_event event), (event))
CL_CODE(clReleaseEvent, (cl_event event), (event))
CL_CODE(clFlush, (cl_command_queue queue), (queue))
CL_CODE(clFinish, (cl_command_queue queue), (queue))

/* NOLINTEND(bugprone-macro-parentheses) */

/* ---- The start ---- */

__attribute__((constructor)) static void begin(void)
{
    static const char *const modes[] = {"", "record", "once", "from"};
    const char *asked = getenv("HCNN_INJECT"), *log = getenv("HCNN_INJECT_LOG");
    char word[NAME] = "";
    unsigned long long hash = 0;
    if (!asked || !log || sscanf(asked, "%63[^:]:%63[^:]:%llx", word, target_class, &hash) != 3)
        return;
    target = hash;
    log_file = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    unsetenv("LD_PRELOAD");
    unsetenv("HCNN_INJECT");
    for (int i = RECORD; i <= FROM && log_file >= 0; i++)
        if (strcmp(word, modes[i]) == 0)
            mode = i;
    if (mode != PASSIVE)
        stdout = make_stream(STDOUT_FILENO, "w");
}
