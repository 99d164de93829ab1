/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: the cache on disk, damage to it, and the message of a failed build. Works in a cache
 * directory of its own. */
#include "base/file.h"
#include "base/text.h"
#include "device/kernel.h"
#include "device/program.h"
#include "support.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    return support_open_device((void **)&f->dev);
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

/* Each set of definitions is a program of its own. */
static void test_variants(void **state)
{
    const fixture *f = *state;
    error err;
    cl_kernel plain, same, other;
    assert_ok(program_kernel(f->dev, "bias", "bias_add", &plain, &err), &err);
    assert_ok(program_kernel(f->dev, "bias", "bias_add", &same, &err), &err);
    assert_ok(program_kernel(f->dev, "bias -DSMALL", "bias_add", &other, &err), &err);
    assert_ptr_equal(plain, same);
    assert_ptr_not_equal(plain, other);
    /* The compiler gets the definition: here it renames the kernel. */
    assert_ok(program_kernel(f->dev, "bias -Dbias_add=renamed", "renamed", &other, &err), &err);
}

static void test_unknown_kernel(void **state)
{
    fixture *f = *state;
    error err;
    cl_kernel kernel;
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
    status result = LAUNCH(f->dev, "bias", "bias_gradient", RANGE_1D(1), &err, ARG_INT(1));
    assert_int_equal(result, STATUS_FAILED);
    assert_non_null(strstr(err.message, "bias_gradient"));
    /* A launch with no items does nothing, whatever the kernel. */
    assert_ok(LAUNCH(f->dev, "no_such", "k", RANGE_1D(0), &err, ARG_INT(1)), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache_is_repaired), cmocka_unit_test(test_no_cache_directory),
        cmocka_unit_test(test_build_failure),     cmocka_unit_test(test_unknown_kernel),
        cmocka_unit_test(test_launch_reports),    cmocka_unit_test(test_variants),
    };
    return cmocka_run_group_tests_name("program", tests, program_setup, program_teardown);
}
