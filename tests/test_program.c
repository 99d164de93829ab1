/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: the cache on disk, damage to it, and the message of a failed build. Works in a cache
 * directory of its own, and gives the device another platform's name, because PoCL's programs are
 * not cached. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "device/driver_hints.h"
#include "device/kernel.h"
#include "device/program.h"
#include "support.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

cl_int __real_clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices,
                             const char *options,
                             void(CL_CALLBACK *notify)(cl_program program, void *context),
                             void *context);
cl_int __wrap_clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices,
                             const char *options,
                             void(CL_CALLBACK *notify)(cl_program program, void *context),
                             void *context);
cl_int __real_clGetProgramBuildInfo(cl_program program, cl_device_id device,
                                    cl_program_build_info what, size_t size, void *value,
                                    size_t *size_out);
cl_int __wrap_clGetProgramBuildInfo(cl_program program, cl_device_id device,
                                    cl_program_build_info what, size_t size, void *value,
                                    size_t *size_out);

int __real_getrlimit(int resource, struct rlimit *limit);
int __wrap_getrlimit(int resource, struct rlimit *limit);

static rlim_t most_memory;   /* what getrlimit says; 0: the truth */
static int failures;         /* of the next builds */
static const char *log_text; /* the compiler's; NULL: the driver's own */

int __wrap_getrlimit(int resource, struct rlimit *limit)
{
    int result = __real_getrlimit(resource, limit);
    if (most_memory > 0 && resource == RLIMIT_AS)
        limit->rlim_cur = most_memory;
    return result;
}

cl_int __wrap_clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices,
                             const char *options,
                             void(CL_CALLBACK *notify)(cl_program program, void *context),
                             void *context)
{
    if (failures > 0) {
        failures--;
        return CL_BUILD_PROGRAM_FAILURE;
    }
    return __real_clBuildProgram(program, count, devices, options, notify, context);
}

cl_int __wrap_clGetProgramBuildInfo(cl_program program, cl_device_id device,
                                    cl_program_build_info what, size_t size, void *value,
                                    size_t *size_out)
{
    if (!log_text)
        return __real_clGetProgramBuildInfo(program, device, what, size, value, size_out);
    if (size_out)
        *size_out = strlen(log_text) + 1;
    if (value && size <= strlen(log_text))
        return CL_INVALID_VALUE;
    if (value)
        memcpy(value, log_text, strlen(log_text) + 1);
    return CL_SUCCESS;
}

static const char source[] = "kernel void fill(global int *x) { x[get_global_id(0)] = 7; }";

typedef struct fixture {
    device *dev;
    char directory[64];
} fixture;

static int program_setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    strcpy(f->directory, "/tmp/hcnn-program-XXXXXX");
    if (!mkdtemp(f->directory) || setenv("XDG_CACHE_HOME", f->directory, 1) != 0)
        return 1;
    if (support_open_device((void **)&f->dev) != 0)
        return 1;
    snprintf(f->dev->info.platform_name, sizeof f->dev->info.platform_name, "a platform");
    return 0;
}

static int program_teardown(void **state)
{
    fixture *f = *state;
    error err;
    int failed = support_close_device((void **)&f->dev);
    failed |= file_remove_tree(f->directory, &err) != STATUS_OK;
    free(f);
    return failed;
}

/* The path of the only entry in the cache. The caller frees it. */
static char *only_entry(const fixture *f)
{
    char *directory = text_format("%s/hcnn-cl", f->directory), *found = NULL;
    DIR *opened = opendir(directory);
    assert_non_null(opened);
    for (struct dirent *entry; (entry = readdir(opened));)
        if (entry->d_name[0] != '.') {
            assert_null(found);
            found = text_format("%s/%s", directory, entry->d_name);
        }
    closedir(opened);
    free(directory);
    assert_non_null(found);
    return found;
}

/* Builds the program and runs it. The result must be right, whatever is in the cache. */
static void build_and_run(fixture *f)
{
    error err;
    cl_program program;
    cl_int code;
    assert_ok(program_build(f->dev, "fill", source, "", &program, &err), &err);
    cl_kernel kernel = clCreateKernel(program, "fill", &code);
    assert_int_equal(code, CL_SUCCESS);
    cl_mem buffer = support_buffer(f->dev, 1, NULL);
    size_t one = 1;
    int got = 0;
    clSetKernelArg(kernel, 0, sizeof buffer, &buffer);
    assert_int_equal(
        clEnqueueNDRangeKernel(f->dev->queue, kernel, 1, NULL, &one, NULL, 0, NULL, NULL),
        CL_SUCCESS);
    assert_ok(buffer_read(f->dev, buffer, 0, &got, sizeof got, &err), &err);
    assert_int_equal(got, 7);
    buffer_release(&buffer);
    clReleaseKernel(kernel);
    clReleaseProgram(program);
}

/* Whether building replaces the entry. An intact entry is not replaced. */
static bool build_writes(fixture *f, const char *path)
{
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    build_and_run(f);
    assert_int_equal(stat(path, &after), 0);
    return before.st_ino != after.st_ino;
}

static void test_cache_is_repaired(void **state)
{
    fixture *f = *state;
    error err;
    build_and_run(f);
    char *path = only_entry(f);
    unsigned char *sound, *healed;
    size_t size, healed_size;
    assert_ok(file_read(path, 1 << 26, &sound, &size, &err), &err);

    /* Each kind of damage is noticed; the entry that the next build writes is used by the build
     * after it. */
    for (int damage = 0; damage < 4; damage++) {
        unsigned char *bad = support_memory(size, 1);
        memcpy(bad, sound, size);
        size_t length = damage == 0 ? 0 : damage == 1 ? size / 2 : size;
        if (damage == 2)
            bad[size - 1] ^= 1; /* in the binary */
        if (damage == 3)
            bad[40] ^= 1; /* in the key */
        assert_ok(file_write(path, bad, length, &err), &err);
        build_and_run(f);
        assert_ok(file_read(path, 1 << 26, &healed, &healed_size, &err), &err);
        assert_true(healed_size != length || memcmp(healed, bad, length) != 0);
        free(bad);
        free(healed);
        assert_false(build_writes(f, path));
    }
    free(sound);
    free(path);
}

/* A driver that keeps programs itself: nothing is read or written. */
static void test_drivers_own_cache(void **state)
{
    fixture *f = *state;
    char *path = only_entry(f);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(truncate(path, 1), 0);
    const device_info other = f->dev->info;
    strcpy(f->dev->info.platform_name, "Portable Computing Language");
    build_and_run(f);
    f->dev->info = other;
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, 1);
    free(path);
    build_and_run(f); /* repairs the entry */
    path = only_entry(f);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    free(path);
}

static void test_no_cache_directory(void **state)
{
    fixture *f = *state;
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
    build_and_run(f);
    setenv("XDG_CACHE_HOME", f->directory, 1);
}

static void test_build_failure(void **state)
{
    fixture *f = *state;
    error err;
    cl_program program;
    status result = program_build(f->dev, "broken", "kernel void k() { undeclared_thing = 1; }", "",
                                  &program, &err);
    assert_int_equal(result, STATUS_FAILED);
    assert_non_null(strstr(err.message, "broken"));
    assert_non_null(strstr(err.message, "undeclared_thing"));
}

/* A compiler that fails once. The program's name differs, so that it is not in the cache. */
static void test_second_try(void **state)
{
    fixture *f = *state;
    error err;
    cl_program program;
    failures = 1;
    CHECK_OK(program_build(f->dev, "once", source, "-DONCE", &program, &err));
    clReleaseProgram(program);
    failures = 2;
    CHECK_FAILS(STATUS_FAILED, "kernels/twice.cl does not build",
                program_build(f->dev, "twice", source, "-DTWICE", &program, &err));
    assert_int_equal(failures, 0);
}

static void expect_starved(fixture *f, const char *log, rlim_t bytes, bool starved)
{
    error err;
    cl_program program;
    log_text = log;
    most_memory = bytes;
    failures = 2;
    CHECK_FAILS(STATUS_FAILED, "kernels/starved.cl does not build",
                program_build(f->dev, "starved", source, "-DSTARVED", &program, &err));
    assert_int_equal(starved, strstr(err.message, "lack of memory: the process may use ") != NULL);
    log_text = NULL;
    most_memory = 0;
}

/* A compiler that lacks memory names no error. */
static void test_little_memory(void **state)
{
    fixture *f = *state;
    expect_starved(f, "line 1: a warning only\n", (rlim_t)1 << 30, true);
    expect_starved(f, "line 1: error: no\n", (rlim_t)1 << 30, false);
    expect_starved(f, "line 1: a warning only\n", (rlim_t)1 << 40, false);
    expect_starved(f, "line 1: a warning only\n", RLIM_INFINITY, false);
}

/* Builds a program that fails with a log whose only error is in its middle. */
static error fail_with_long_log(fixture *f, const char *options)
{
    error err;
    cl_program program;
    char *log = support_memory(1, 1);
    log[0] = '\0';
    for (int i = 0; i < 2000; i++)
        text_append(&log, i == 1000 ? "line %d: ERROR: no\n" : "line %d: a warning only\n", i);
    log_text = log;
    failures = 2;
    CHECK_FAILS(STATUS_FAILED, "kernels/long.cl does not build",
                program_build(f->dev, "long", source, options, &program, &err));
    log_text = NULL;
    free(log);
    return err;
}

/* The path of the log that the message names. The caller frees it. */
static char *log_path(const fixture *f, const error *failed)
{
    static const char end[] = "-build.log";
    char *start = text_format("%s/hcnn-cl/long-", f->directory);
    const char *from = strstr(failed->message, start);
    assert_non_null(from);
    const char *to = strstr(from, end);
    assert_non_null(to);
    free(start);
    return text_format("%.*s%s", (int)(to - from), from, end);
}

static void test_long_log(void **state)
{
    fixture *f = *state;
    error err;
    unsigned char *data;
    size_t size;
    const error failed = fail_with_long_log(f, "-DLONG"), other = fail_with_long_log(f, "-DSECOND");
    char *path = log_path(f, &failed), *second = log_path(f, &other);
    assert_string_not_equal(path, second); /* each variant has a file of its own */
    assert_non_null(strstr(failed.message, "\nline 1000: ERROR: no"));
    assert_null(strstr(failed.message, "warning only"));
    CHECK_OK(file_read(path, 1 << 20, &data, &size, &err));
    assert_non_null(strstr((char *)data, "-DLONG"));
    assert_non_null(strstr((char *)data, "\nline 0: a warning only\n"));
    assert_string_equal((char *)data + size - strlen("line 1999: a warning only\n"),
                        "line 1999: a warning only\n");
    free(data);
    CHECK_OK(file_read(second, 1 << 20, &data, &size, &err));
    assert_non_null(strstr((char *)data, "-DSECOND"));
    free(data);
    free(second);
    free(path);
}

/* Without a cache directory the message has the log. */
static void test_log_without_file(void **state)
{
    fixture *f = *state;
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
    const error failed = fail_with_long_log(f, "-DLONG");
    setenv("XDG_CACHE_HOME", f->directory, 1);
    assert_non_null(strstr(failed.message, "\nline 0: a warning only"));
    assert_null(strstr(failed.message, "build.log"));
}

/* Each set of definitions is a program of its own. */
static void test_variants(void **state)
{
    const fixture *f = *state;
    error err;
    const built_kernel *plain, *same, *other;
    assert_ok(program_kernel(f->dev, "bias", "bias_add", &plain, &err), &err);
    assert_ok(program_kernel(f->dev, "bias", "bias_add", &same, &err), &err);
    assert_ok(program_kernel(f->dev, "bias -DSMALL", "bias_add", &other, &err), &err);
    assert_ptr_equal(plain, same);
    assert_ptr_not_equal(plain, other);
    /* The compiler gets the definition: here it renames the kernel. */
    assert_ok(program_kernel(f->dev, "bias -Dbias_add=renamed", "renamed", &other, &err), &err);
}

static cl_program program_of(device *dev, const char *program, const char *kernel)
{
    error err;
    const built_kernel *built;
    cl_program of = NULL;
    CHECK_OK(program_kernel(dev, program, kernel, &built, &err));
    assert_int_equal(clGetKernelInfo(built->handle, CL_KERNEL_PROGRAM, sizeof of, &of, NULL),
                     CL_SUCCESS);
    return of;
}

/* On PoCL small files are one program in each precision. If that does not build, the one that is
 * needed is built by itself. */
static void test_small_files(void **state)
{
    device *dev;
    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        if (support_open_device((void **)&dev) != 0)
            fail();
        strcpy(dev->info.platform_name, "Portable Computing Language");
        failures = broken ? 2 : 0; /* a build is tried twice */
        cl_program add = program_of(dev, "add", "add_forward");
        cl_program bias = program_of(dev, "bias", "bias_add");
        assert_int_equal(failures, 0);
        assert_int_equal(add == bias, !broken);
        assert_ptr_not_equal(program_of(dev, "bias:fp32", "bias_add"), bias);
        assert_ptr_not_equal(program_of(dev, "bias -DSMALL", "bias_add"), bias);
        support_close_device((void **)&dev);
    }
}

/* PoCL counts the warnings on stderr, where a program that uses the library does not expect them.
 */
static void test_no_warnings(void **state)
{
    static const enum precision all[] = {PRECISION_FP32, PRECISION_BF16, PRECISION_FP16};
    device *dev;
    (void)state;
#ifdef __x86_64__
    if (!__builtin_cpu_supports("avx"))
        skip(); /* clang warns of each vector of eight floats */
#endif
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char log[8192] = "";
        if (support_open_device((void **)&dev) != 0)
            fail();
        bool pocl = driver_is_pocl(&dev->info);
        dev->precision = all[i];
        if (pocl)
            assert_int_equal(clGetProgramBuildInfo(program_of(dev, "add", "add_forward"),
                                                   dev->info.id, CL_PROGRAM_BUILD_LOG,
                                                   sizeof log - 1, log, NULL),
                             CL_SUCCESS);
        support_close_device((void **)&dev);
        if (strstr(log, "warning"))
            fail_msg("%s", log);
        if (!pocl)
            skip();
    }
}

static void test_unknown_kernel(void **state)
{
    fixture *f = *state;
    error err;
    const built_kernel *kernel;
    assert_int_equal(program_kernel(f->dev, "no_such", "k", &kernel, &err), STATUS_FAILED);
    assert_non_null(strstr(err.message, "no_such"));
    assert_int_equal(program_kernel(f->dev, "bias", "no_such_kernel", &kernel, &err),
                     STATUS_FAILED);
    assert_non_null(strstr(err.message, "no_such_kernel"));
}

static void test_launch_reports(void **state)
{
    fixture *f = *state;
    error err;
    /* The kernel expects a buffer, not an integer. */
    status result = LAUNCH(f->dev, "bias", "bias_gradient", range_1d(1), &err, ARG_INT(1));
    assert_int_equal(result, STATUS_FAILED);
    assert_non_null(strstr(err.message, "bias_gradient"));
    /* A launch with no items does nothing, whatever the kernel. */
    assert_ok(LAUNCH(f->dev, "no_such", "k", range_1d(0), &err, ARG_INT(1)), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache_is_repaired),  cmocka_unit_test(test_drivers_own_cache),
        cmocka_unit_test(test_no_cache_directory), cmocka_unit_test(test_build_failure),
        cmocka_unit_test(test_unknown_kernel),     cmocka_unit_test(test_launch_reports),
        cmocka_unit_test(test_variants),           cmocka_unit_test(test_second_try),
        cmocka_unit_test(test_little_memory),      cmocka_unit_test(test_long_log),
        cmocka_unit_test(test_log_without_file),   cmocka_unit_test(test_small_files),
        cmocka_unit_test(test_no_warnings),
    };
    return cmocka_run_group_tests_name("program", tests, program_setup, program_teardown);
}
