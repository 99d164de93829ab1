/* SPDX-License-Identifier: Apache-2.0 */
/* Builds programs and caches their binaries; see program.h.
 *
 * A cache entry is a file named by a hash of its key. It contains the key itself (device, driver,
 * options, source), so a collision or an outdated entry is noticed by comparing, and a checksum of
 * the binary, so damage is noticed too. In any doubt the program is built from source again. */
#include "device/program.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/private_file.h"
#include "base/text.h"
#include "device/build_log.h"
#include "device/cache.h"
#include "device/driver_hints.h"
#include "device/matrix_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PROGRAMS = 128, MAX_KERNELS = 256 };

typedef struct cached_program {
    const char *name;
    cl_program program;
} cached_program;

struct program_table {
    int program_count, kernel_count;
    bool apart; /* the small files did not build together */
    cached_program programs[MAX_PROGRAMS];
    built_kernel kernels[MAX_KERNELS];
};

/* The head of a cache file; the key's text and the binary follow it. */
typedef struct entry_head {
    char magic[8];
    uint64_t key_bytes, binary_bytes, checksum;
} entry_head;

static const char entry_magic[8] = "hcnncl1";

enum { MAX_ENTRY_BYTES = 256 << 20 };

static uint64_t hash_bytes(const void *data, size_t size)
{
    return hash_more(HASH_START, data, size);
}

static char *make_key(const device *dev, const char *source, const char *options)
{
    const device_info *info = &dev->info;
    return text_format("%s\n%s\n%s\n%s\n%s\n%s", info->platform_name, info->name, info->version,
                       info->driver, options, source);
}

/* The path of a cache entry; NULL if the driver has a cache of its own, or if there is no cache
 * directory or no memory. The caller frees it. */
static char *entry_path(const device *dev, const char *program, const char *key)
{
    char *directory = driver_keeps_programs(&dev->info) ? NULL : file_cache_directory();
    if (!directory)
        return NULL;
    char *path = text_format("%s/%s-%016llx.bin", directory, program,
                             (unsigned long long)hash_bytes(key, strlen(key)));
    free(directory);
    return path;
}

static bool entry_is_sound(const unsigned char *data, size_t size, const char *key)
{
    entry_head head;
    if (size < sizeof head)
        return false;
    memcpy(&head, data, sizeof head);
    size_t rest = size - sizeof head, key_bytes = strlen(key);
    if (memcmp(head.magic, entry_magic, sizeof head.magic) != 0 || head.key_bytes != key_bytes ||
        key_bytes > rest || head.binary_bytes != rest - key_bytes)
        return false;
    const unsigned char *stored_key = data + sizeof head;
    return memcmp(stored_key, key, key_bytes) == 0 &&
           hash_bytes(stored_key + key_bytes, head.binary_bytes) == head.checksum;
}

/* The program from the cache; NULL if that fails for any reason. */
static cl_program load_entry(device *dev, const char *path, const char *key, const char *options)
{
    error ignored;
    unsigned char *data;
    size_t size;
    if (!path || private_file_read(path, MAX_ENTRY_BYTES, &data, &size, &ignored) != STATUS_OK)
        return NULL;
    cl_program program = NULL;
    if (entry_is_sound(data, size, key)) {
        const unsigned char *binary = data + sizeof(entry_head) + strlen(key);
        size_t length = size - sizeof(entry_head) - strlen(key);
        cl_int code, binary_code;
        program = clCreateProgramWithBinary(dev->context, 1, &dev->info.id, &length, &binary,
                                            &binary_code, &code);
        if (code != CL_SUCCESS)
            program = NULL;
        if (program &&
            (binary_code != CL_SUCCESS ||
             clBuildProgram(program, 1, &dev->info.id, options, NULL, NULL) != CL_SUCCESS)) {
            clReleaseProgram(program);
            program = NULL;
        }
    }
    free(data);
    return program;
}

/* Stores the program's binary. A failure is not an error: it only makes the next start some seconds
 * slower. */
static void store_entry(const char *path, const char *key, cl_program program)
{
    size_t length = 0;
    if (!path ||
        clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof length, &length, NULL) !=
            CL_SUCCESS ||
        length == 0 || length > MAX_ENTRY_BYTES / 2)
        return;
    size_t key_bytes = strlen(key), size = sizeof(entry_head) + key_bytes + length;
    unsigned char *data = malloc(size), *binary = data ? data + size - length : NULL;
    if (data && clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) ==
                    CL_SUCCESS) {
        error ignored;
        entry_head head = {
            .key_bytes = key_bytes, .binary_bytes = length, .checksum = hash_bytes(binary, length)};
        memcpy(head.magic, entry_magic, sizeof head.magic);
        memcpy(data, &head, sizeof head);
        memcpy(data + sizeof head, key, key_bytes);
        private_file_write(path, data, size, &ignored);
    }
    free(data);
}

/* Builds the source. On failure *failed is the program with the compiler's log. */
static cl_int try_build(device *dev, const char *source, const char *options, cl_program *built,
                        cl_program *failed)
{
    cl_int code;
    cl_program program = clCreateProgramWithSource(dev->context, 1, &source, NULL, &code);
    *failed = NULL;
    if (code != CL_SUCCESS)
        return code;
    code = clBuildProgram(program, 1, &dev->info.id, options, NULL, NULL);
    *(code == CL_SUCCESS ? built : failed) = program;
    return code;
}

/* Builds the source, and once more if that fails, because some drivers' compilers fail at random.
 * `build` has the name, the options and the key, and is completed if the build fails. */
static status build_source(device *dev, const char *source, failed_build *build, cl_program *built,
                           error *err)
{
    build->code = try_build(dev, source, build->options, built, &build->program);
    if (build->code == CL_SUCCESS)
        return STATUS_OK;
    if (build->program)
        clReleaseProgram(build->program);
    build->code = try_build(dev, source, build->options, built, &build->program);
    if (!build->program)
        return device_check(dev, err, build->code, "creating a program");
    status result = build_log_report(dev, build, err);
    clReleaseProgram(build->program);
    return result;
}

status program_build(device *dev, const char *program, const char *source, const char *options,
                     cl_program *built, error *err)
{
    char *key = make_key(dev, source, options);
    TRY(got_memory(key, err, "a program's key"));
    char *path = entry_path(dev, program, key);
    status result = STATUS_OK;
    *built = load_entry(dev, path, key, options);
    if (!*built) {
        failed_build build = {
            .name = program, .options = options, .key = hash_bytes(key, strlen(key))};
        result = build_source(dev, source, &build, built, err);
        if (result == STATUS_OK)
            store_entry(path, key, *built);
    }
    free(path);
    free(key);
    return result;
}

static const char *find_source(const char *name)
{
    for (const kernel_source *source = kernel_sources; source->name; source++)
        if (strcmp(source->name, name) == 0)
            return source->text;
    return NULL;
}

/* The definition that sets the type `real` of kernels/common.cl. */
static const char *storage_of(enum precision p)
{
    return p == PRECISION_BF16 ? " -DBF16_STORAGE" : p == PRECISION_FP16 ? " -DHALF_STORAGE" : "";
}

/* kernels/common.cl and these files of kernels, in new memory; NULL if there is no memory. */
static char *join_sources(const char *const *names, size_t count)
{
    char *source = text_format("%s", find_source("common"));
    for (size_t i = 0; source && i < count; i++)
        text_append(&source, "\n#line 1 \"%s.cl\"\n%s", names[i], find_source(names[i]));
    return source;
}

/* Builds embedded files as one program. If the driver confuses devices, no two share a kernel: each
 * but the first defines its own number. `rest` is what follows the name in program.h: [:fp32][
 * DEFINITIONS]. */
static status build_embedded(device *dev, const char *const *names, size_t count, const char *rest,
                             cl_program *built, error *err)
{
    const char *name = names[0];
    bool fp32 = strncmp(rest, ":fp32", 5) == 0;
    char *source = join_sources(names, count);
    TRY(got_memory(source, err, name));
    const char *storage = fp32 ? "" : storage_of(dev->precision);
    const char *unit = fp32 ? "" : dev->unit->definitions;
    char alone[24] = "", options[256];
    if (dev->number > 1)
        snprintf(alone, sizeof alone, " -DDEVICE=%d", dev->number);
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DVEC=%d -DON_CPU=%d%s%s%s%s", dev->vec,
             (dev->info.type & CL_DEVICE_TYPE_CPU) != 0, storage, unit, alone,
             rest + (fp32 ? 5 : 0));
    status result = program_build(dev, name, source, options, built, err);
    free(source);
    return result;
}

/* Small files, none of which is compiled with definitions of a unit, and whose names differ. */
static const char *const small_files[] = {
    "add",           "average_pool",
    "batchnorm",     "bias",
    "concat",        "conv1x1",
    "cross_entropy", "gate",
    "gradients",     "group_norm",
    "im2col",        "initialize",
    "input",         "max_pool",
    "mix",           "moving_average",
    "optimizer",     "weight_standardise",
};
enum { SMALL_FILES = sizeof small_files / sizeof small_files[0] };

/* The name under which the small files are one program, with the given rest of a name; NULL if this
 * program is not one of them.
 *
 * PoCL compiles a kernel when it first runs it, but at each start it preprocesses every program
 * with all of OpenCL's declarations, for 20 ms each. Other drivers compile all of a program's
 * kernels at once, so they get each file by itself. */
static const char *name_together(const device *dev, const char *name, const char *rest)
{
    if (!driver_keeps_programs(&dev->info))
        return NULL;
    for (int i = 0; i < SMALL_FILES; i++)
        if (strcmp(small_files[i], name) == 0)
            return *rest == '\0' ? "" : strcmp(rest, ":fp32") == 0 ? ":fp32" : NULL;
    return NULL;
}

static const cached_program *look_up(const struct program_table *table, const char *name)
{
    for (int i = 0; i < table->program_count; i++)
        if (strcmp(table->programs[i].name, name) == 0)
            return &table->programs[i];
    return NULL;
}

/* Finds or builds the program NAME[:fp32][ DEFINITIONS]. */
static status find_program(device *dev, const char *variant, cl_program *program, error *err)
{
    struct program_table *table = dev->programs;
    char name[64]; /* without the rest */
    const size_t length = strcspn(variant, ": ");
    snprintf(name, sizeof name, "%.*s", (int)length, variant);
    const char *alone = name, *rest = variant + length;
    const char *together = name_together(dev, name, rest);
    const cached_program *known = look_up(table, variant);
    if (!known && together)
        known = look_up(table, together);
    if (known) {
        *program = known->program;
        return STATUS_OK;
    }
    if (!find_source("common") || !find_source(name))
        return error_set(err, STATUS_FAILED, "kernels/%s.cl is not part of this program", name);
    if (table->program_count == MAX_PROGRAMS)
        return error_set(
            err, STATUS_FAILED,
            "more than %d OpenCL programs are needed; raise MAX_PROGRAMS in src/device/program.c",
            MAX_PROGRAMS);
    /* If they do not build together, the faulty one is found by building each by itself. */
    if (together && !table->apart &&
        build_embedded(dev, small_files, SMALL_FILES, rest, program, err) == STATUS_OK) {
        variant = together;
    } else {
        table->apart |= together != NULL;
        TRY(build_embedded(dev, &alone, 1, rest, program, err));
    }
    table->programs[table->program_count++] = (cached_program){variant, *program};
    return STATUS_OK;
}

/* Asks the driver what it allows for this kernel. A driver that does not know answers with an error
 * or with 0; then the device's own limit holds. */
static void ask_limits(const device *dev, built_kernel *kernel)
{
    size_t items = 0;
    cl_ulong bytes = 0;
    cl_device_id id = dev->info.id;
    if (clGetKernelWorkGroupInfo(kernel->handle, id, CL_KERNEL_WORK_GROUP_SIZE, sizeof items,
                                 &items, NULL) != CL_SUCCESS ||
        items == 0 || items > dev->info.max_group_size)
        items = dev->info.max_group_size;
    if (clGetKernelWorkGroupInfo(kernel->handle, id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes,
                                 NULL) != CL_SUCCESS)
        bytes = 0;
    kernel->most_items = items > 0 ? items : 1;
    kernel->local_bytes = bytes;
}

static status create_kernel(device *dev, const char *program, const char *name, built_kernel *made,
                            error *err)
{
    cl_program built;
    TRY(find_program(dev, program, &built, err));
    cl_int code;
    *made = (built_kernel){.program = program, .name = name};
    made->handle = clCreateKernel(built, name, &code);
    if (code != CL_SUCCESS) {
        char what[192];
        snprintf(what, sizeof what, "creating kernel %s of kernels/%.*s.cl", name,
                 (int)strcspn(program, ": "), program);
        if (code == CL_INVALID_KERNEL_NAME && driver_is_pocl(&dev->info))
            return cache_lost_by_pocl(what, err);
        return device_check(dev, err, code, what);
    }
    ask_limits(dev, made);
    return STATUS_OK;
}

status program_kernel(device *dev, const char *program, const char *name,
                      const built_kernel **kernel, error *err)
{
    if (!dev->programs && !(dev->programs = calloc(1, sizeof *dev->programs)))
        return error_memory(err, "the table of programs");
    struct program_table *table = dev->programs;
    for (int i = 0; i < table->kernel_count; i++) {
        const built_kernel *known = *kernel = &table->kernels[i];
        /* Names are literals, so comparing the pointers is nearly always enough. */
        if ((known->name == name || strcmp(known->name, name) == 0) &&
            (known->program == program || strcmp(known->program, program) == 0))
            return STATUS_OK;
    }
    if (table->kernel_count == MAX_KERNELS)
        return error_set(
            err, STATUS_FAILED,
            "more than %d kernels are needed; raise MAX_KERNELS in src/device/program.c",
            MAX_KERNELS);
    TRY(create_kernel(dev, program, name, &table->kernels[table->kernel_count], err));
    *kernel = &table->kernels[table->kernel_count++];
    return STATUS_OK;
}

void program_release_all(device *dev)
{
    struct program_table *table = dev->programs;
    if (!table)
        return;
    for (int i = 0; i < table->kernel_count; i++)
        clReleaseKernel(table->kernels[i].handle);
    for (int i = 0; i < table->program_count; i++)
        clReleaseProgram(table->programs[i].program);
    free(table);
    dev->programs = NULL;
}
