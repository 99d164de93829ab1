/* SPDX-License-Identifier: Apache-2.0 */
/* A thousand steps with checkpoints, validations and metrics: memory, device memory and open files
 * are the same after the first hundred steps and at the end. */
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "device/device.h"
#include "train/train.h"

#include <dirent.h>
#include <unistd.h>

enum {
    WARM = 100, /* steps until everything that stays allocated exists */
    STEPS = 1000,
    EPOCH = 20,       /* in steps */
    SLACK_KIB = 2048, /* memory that the allocator may add until the end: over 900 steps, less than
                         3 KiB per step, while one batch has 6 */
};

/* The linker replaces OpenCL's functions by these (--wrap in Makefile.am). */
cl_mem __real_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *code);
cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *code);
cl_int __real_clReleaseMemObject(cl_mem buffer);
cl_int __wrap_clReleaseMemObject(cl_mem buffer);

static int64_t device_bytes, device_buffers; /* not yet released */

/* Sub-buffers have no bytes of their own. */
static size_t own_bytes(cl_mem buffer)
{
    size_t bytes = 0;
    cl_mem parent = NULL;
    clGetMemObjectInfo(buffer, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL);
    clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    return parent ? 0 : bytes;
}

cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *code)
{
    cl_mem made = __real_clCreateBuffer(context, flags, size, host, code);
    device_bytes += made ? (int64_t)size : 0;
    device_buffers += made != NULL;
    return made;
}

cl_int __wrap_clReleaseMemObject(cl_mem buffer)
{
    int64_t bytes = (int64_t)own_bytes(buffer);
    device_bytes -= bytes;
    device_buffers -= bytes > 0;
    return __real_clReleaseMemObject(buffer);
}

/* ---- What the process uses ---- */

typedef struct holdings {
    long resident_kib;
    int files;
    int64_t device_bytes, device_buffers;
} holdings;

static long resident_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    assert_non_null(status);
    while (kib == 0 && fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %ld kB", &kib) != 1)
            kib = 0;
    fclose(status);
    return kib;
}

static int open_files(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static holdings take_stock(void)
{
    return (holdings){resident_kib(), open_files(), device_bytes, device_buffers};
}

/* ---- The run ---- */

typedef struct soak {
    holdings warm, end;
} soak;

static void saw_step(void *context, const train_step *what)
{
    soak *s = context;
    if (what->step == WARM)
        s->warm = take_stock();
    if (what->step == STEPS)
        s->end = take_stock();
}

static void run_steps(soak *s, const char *directory)
{
    error err;
    const char *source = getenv("srcdir");
    char *data = text_format("%s/tests/golden/cifar-binary.tar.gz", source ? source : ".");
    char *run = text_format("%s/run", directory);
    train_options o = train_defaults();
    o.data = data; /* of 40 images */
    o.run = run;
    o.backbone = "tiny";
    o.batch_size = 2;
    o.epochs = STEPS / EPOCH;
    o.lr = 1e-4;
    o.momentum = 0.9;
    o.augment = "crop=4,flip,mixup=0.2";
    o.checkpoint_every = 25;
    const train_observer observer = {.context = s, .step = saw_step};
    CHECK_OK(train_run(&o, &observer, &err));
    free(data);
    free(run);
}

/* AddressSanitizer keeps freed memory for a while, and finds leaks itself. */
static bool is_left_out(void)
{
#ifdef __SANITIZE_ADDRESS__
    return true;
#else
    const char *brief = getenv("HCNN_TEST_SHORT");
    return brief && strcmp(brief, "no") != 0;
#endif
}

static void test_nothing_grows(void **state)
{
    (void)state;
    if (is_left_out()) { /* cmocka's skip() is "not ok" in TAP */
        print_message("# skipped\n");
        return;
    }
    error err;
    soak s = {0};
    char *directory = check_directory();
    int files = open_files();
    run_steps(&s, directory);
    CHECK_OK(file_remove_tree(directory, &err));
    free(directory);
    print_message("# steps %d to %d: resident %ld to %ld KiB, open files %d to %d, "
                  "device %lld to %lld bytes in %lld to %lld buffers\n",
                  WARM, STEPS, s.warm.resident_kib, s.end.resident_kib, s.warm.files, s.end.files,
                  (long long)s.warm.device_bytes, (long long)s.end.device_bytes,
                  (long long)s.warm.device_buffers, (long long)s.end.device_buffers);
    assert_true(s.warm.resident_kib > 0 && s.warm.device_bytes > 0);
    assert_true(s.end.resident_kib <= s.warm.resident_kib + SLACK_KIB);
    assert_int_equal(s.end.files, s.warm.files);
    assert_true(s.end.device_bytes == s.warm.device_bytes);
    assert_true(s.end.device_buffers == s.warm.device_buffers);
    /* At the end everything has been released. */
    assert_true(device_bytes == 0 && device_buffers == 0);
    assert_true(open_files() <= files + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_grows)};
    return cmocka_run_group_tests_name("soak", tests, NULL, NULL);
}
