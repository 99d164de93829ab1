/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a device from lists made up here, and opening the device that the tests run on. */
#include "base/file.h"
#include "check.h"
#include "device/device.h"
#include "device/driver_hints.h"
#include "device/verdicts.h"
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { THREADS = 4, ROUNDS = 5 };

/* Returns NULL, or its argument if a device did not open. */
static void *open_and_close(void *context)
{
    error err;
    for (int i = 0; i < ROUNDS; i++) {
        device *dev;
        if (device_open(&dev, &err) != STATUS_OK)
            return context;
        device_close(dev);
    }
    return NULL;
}

/* Must run first: the driver initialises itself when the process first looks for a device. */
static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, threads), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static device_info made_up[] = {
    {.platform_index = 0,
     .device_index = 0,
     .type = CL_DEVICE_TYPE_CPU,
     .platform_name = "Portable Computing Language",
     .name = "pthread-zen",
     .available = true},
    {.platform_index = 1,
     .device_index = 0,
     .type = CL_DEVICE_TYPE_GPU,
     .platform_name = "Acme OpenCL",
     .name = "Acme R900",
     .available = false},
    {.platform_index = 1,
     .device_index = 1,
     .type = CL_DEVICE_TYPE_GPU,
     .platform_name = "Acme OpenCL",
     .name = "Acme R950",
     .available = true},
    {.platform_index = 2,
     .device_index = 0,
     .type = CL_DEVICE_TYPE_ACCELERATOR,
     .platform_name = "Fabric",
     .name = "FPGA card",
     .available = true},
};
static const device_list everything = {made_up, 4, 3, false};

static void expect_choice(const device_list *list, const char *spec, int wanted)
{
    error err = {0};
    int index = -2;
    status result = device_choose(list, spec, 0, &index, &err);
    if (result != STATUS_OK)
        print_error("%s: %s\n", spec ? spec : "(unset)", err.message);
    assert_int_equal(result, STATUS_OK);
    assert_int_equal(index, wanted);
}

static void expect_refusal(const device_list *list, const char *spec, const char *says)
{
    error err = {0};
    int index;
    assert_int_equal(device_choose(list, spec, 0, &index, &err), STATUS_USAGE);
    if (!strstr(err.message, says))
        print_error("'%s' is not in the message: %s\n", says, err.message);
    assert_non_null(strstr(err.message, says));
}

static void test_choices(void **state)
{
    (void)state;
    expect_choice(&everything, NULL, 2); /* the available GPU */
    expect_choice(&everything, "", 2);
    expect_choice(&everything, "gpu", 2);
    expect_choice(&everything, "cpu", 0);
    expect_choice(&everything, "accelerator", 3);
    expect_choice(&everything, "1:1", 2);
    expect_choice(&everything, "0:0", 0);
    expect_choice(&everything, "r95", 2);
    expect_choice(&everything, "ZEN", 0);
    expect_choice(&everything, "fabric", 3);
    expect_choice(&everything, "portable comp", 0);
    const device_list only_cpu = {made_up, 1, 1, false};
    const device_list only_fpga = {made_up + 3, 1, 1, false};
    expect_choice(&only_cpu, NULL, 0);
    expect_choice(&only_fpga, NULL, 0);
}

static void test_kinds(void **state)
{
    (void)state;
    const cl_device_type all = CL_DEVICE_TYPE_DEFAULT | CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_GPU |
                               CL_DEVICE_TYPE_ACCELERATOR; /* what Oclgrind reports */
    const char *before = getenv("HCNN_AS_GPU");
    char *kept = before ? strdup(before) : NULL;
    unsetenv("HCNN_AS_GPU");
    assert_int_equal(device_kind(all), CL_DEVICE_TYPE_GPU);
    assert_int_equal(device_kind(CL_DEVICE_TYPE_GPU), CL_DEVICE_TYPE_GPU);
    assert_int_equal(device_kind(CL_DEVICE_TYPE_ACCELERATOR | CL_DEVICE_TYPE_DEFAULT),
                     CL_DEVICE_TYPE_ACCELERATOR);
    assert_int_equal(device_kind(CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_DEFAULT), CL_DEVICE_TYPE_CPU);
    assert_int_equal(device_kind(0), CL_DEVICE_TYPE_CPU);
    setenv("HCNN_AS_GPU", "1", true);
    assert_int_equal(device_kind(CL_DEVICE_TYPE_CPU), CL_DEVICE_TYPE_GPU);
    setenv("HCNN_AS_GPU", "0", true);
    assert_int_equal(device_kind(CL_DEVICE_TYPE_CPU), CL_DEVICE_TYPE_CPU);
    static const char *const wrong[] = {"2", "yes", "01"};
    for (int i = 0; i < 3; i++) {
        device_list list;
        error err;
        setenv("HCNN_AS_GPU", wrong[i], true);
        CHECK_FAILS(STATUS_USAGE, "expected 0 or 1", device_list_all(&list, &err));
        assert_non_null(strstr(err.message, "HCNN_AS_GPU"));
    }
    if (kept)
        setenv("HCNN_AS_GPU", kept, true);
    else
        unsetenv("HCNN_AS_GPU");
    free(kept);
}

/* In the order of their ranks; the test shuffles them. */
#define GPU .type = CL_DEVICE_TYPE_GPU, .available = true
static const device_info ranked[] = {
    {GPU, .name = "more units", .compute_units = 80, .clock_mhz = 1000},
    {GPU, .name = "higher clock", .compute_units = 40, .clock_mhz = 1500},
    {GPU, .name = "tested", .tested = DEVICE_PASSED, .compute_units = 40, .clock_mhz = 1000},
    {GPU, .name = "untested", .compute_units = 40, .clock_mhz = 1000},
    {GPU, .name = "integrated", .tested = DEVICE_PASSED, .unified_memory = true,
     .compute_units = 96, .clock_mhz = 9000},
    {.type = CL_DEVICE_TYPE_CPU, .name = "tested CPU", .available = true, .tested = DEVICE_PASSED},
    {.type = CL_DEVICE_TYPE_CPU, .name = "CPU", .available = true, .compute_units = 64},
    {.type = CL_DEVICE_TYPE_ACCELERATOR, .name = "FPGA", .available = true},
    {GPU, .platform_name = "Oclgrind", .name = "simulator", .compute_units = 9, .clock_mhz = 1},
    {.type = CL_DEVICE_TYPE_CPU, .available = true, .name = "llvmpipe (LLVM 15, 256 bits)"},
    {GPU, .name = "wrong results", .tested = DEVICE_FAILED, .compute_units = 900},
    {.type = CL_DEVICE_TYPE_GPU, .name = "broken", .compute_units = 900},
};
enum { RANKED = sizeof ranked / sizeof ranked[0] };

/* Fills devices[RANKED] in an order that depends on `round`. */
static device_list shuffled(device_info *devices, int round)
{
    static const int steps[] = {1, 5, 7, 11}; /* none has a factor in common with RANKED */
    for (int i = 0; i < RANKED; i++)
        devices[(i * steps[round] + round) % RANKED] = ranked[i];
    return (device_list){devices, RANKED, 1, false};
}

static void test_ranks(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        device_info devices[RANKED];
        const device_list list = shuffled(devices, round);
        for (int i = 0; i < RANKED; i++)
            assert_string_equal(devices[i].name, ranked[device_rank(&list, i)].name);
    }
    /* Equal devices, and drivers of the same processor, stay in the order of the list. */
    device_info twins[] = {
        {.type = CL_DEVICE_TYPE_CPU, .available = true, .clock_mhz = 1000, .compute_units = 2},
        {.type = CL_DEVICE_TYPE_CPU, .available = true, .clock_mhz = 3000, .compute_units = 2}};
    const device_list list = {twins, 2, 2, false};
    assert_int_equal(device_rank(&list, 0), 0);
    assert_int_equal(device_rank(&list, 1), 1);
}

/* The device that `spec` gives to a place. */
static const char *given(const device_list *list, const char *spec, int place)
{
    error err;
    int index;
    CHECK_OK(device_choose(list, spec, place, &index, &err));
    return list->devices[index].name;
}

static void test_ranked_choices(void **state)
{
    (void)state;
    device_info devices[RANKED];
    const device_list list = shuffled(devices, 2);
    /* The GPUs take turns, the best first; simulated and wrong ones get none. */
    for (int place = 0; place < 12; place++) {
        assert_string_equal(given(&list, NULL, place), ranked[place % 5].name);
        assert_string_equal(given(&list, "gpu", place), ranked[place % 5].name);
        assert_string_equal(given(&list, "cpu", place), ranked[5 + place % 2].name);
    }
    /* A name takes all that work. */
    assert_string_equal(given(&list, "cpu", 1), "CPU");
    assert_string_equal(given(&list, "te", 0), "tested");
    assert_string_equal(given(&list, "te", 1), "untested");
    assert_string_equal(given(&list, "te", 2), "integrated");
    assert_string_equal(given(&list, "te", 3), "tested CPU");
    assert_string_equal(given(&list, "te", 4), "tested");
    assert_string_equal(given(&list, "simul", 1), "simulator");
    assert_string_equal(given(&list, "oclgrind", 0), "simulator");
    assert_string_equal(given(&list, "wrong", 0), "wrong results");
    /* "r" is in the names of devices that work and of some that do not. */
    for (int place = 0; place < 12; place++)
        assert_true(given(&list, "r", place)[0] != 'w' && given(&list, "r", place)[0] != 'b');
    expect_refusal(&list, "broken", "not available");
    /* If nothing better is left, the rest is taken. */
    device_info rest[] = {ranked[11], ranked[10]};
    const device_list last = {rest, 2, 1, false};
    assert_string_equal(given(&last, NULL, 0), "wrong results");
    assert_string_equal(given(&last, "gpu", 1), "wrong results");
    rest[1] = ranked[9];
    assert_string_equal(given(&last, NULL, 0), ranked[9].name);
}

static void expect_place(const char *spec, int place, int wanted)
{
    error err = {0};
    int index = -2;
    CHECK_OK(device_choose(&everything, spec, place, &index, &err));
    assert_int_equal(index, wanted);
}

/* Processes on one machine use the devices that match in turn. */
static void test_places(void **state)
{
    (void)state;
    static device_info twins[] = {
        {.type = CL_DEVICE_TYPE_GPU, .name = "A", .available = true},
        {.type = CL_DEVICE_TYPE_CPU, .name = "B", .device_index = 1, .available = true},
        {.type = CL_DEVICE_TYPE_GPU, .name = "A", .device_index = 2, .available = true}};
    const device_list list = {twins, 3, 1, false};
    static const int gpus[] = {0, 2, 0, 2, 0};
    error err;
    for (int place = 0; place < 5; place++) {
        int index;
        CHECK_OK(device_choose(&list, "gpu", place, &index, &err));
        assert_int_equal(index, gpus[place]);
        CHECK_OK(device_choose(&list, NULL, place, &index, &err));
        assert_int_equal(index, gpus[place]);
        CHECK_OK(device_choose(&list, "a", place, &index, &err));
        assert_int_equal(index, gpus[place]);
        CHECK_OK(device_choose(&list, "0:1", place, &index, &err));
        assert_int_equal(index, 1);
    }
    expect_place("gpu", 3, 2);
}

/* A list of devices: each process uses its own entry. */
static void test_lists(void **state)
{
    (void)state;
    error err;
    device *dev;
    CHECK_OK(device_open_place("cpu,nonsense,cpu", 0, &dev, &err));
    device_close(dev);
    CHECK_FAILS(STATUS_USAGE, "no device matches 'nonsense'",
                device_open_place("cpu,nonsense,cpu", 1, &dev, &err));
    CHECK_OK(device_open_place("cpu,nonsense,cpu", 2, &dev, &err));
    device_close(dev);
    CHECK_FAILS(STATUS_USAGE, "no device matches 'nonsense'",
                device_open_place("cpu,nonsense", 3, &dev, &err));
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal(&everything, "nonsense", "no device matches 'nonsense'");
    expect_refusal(&everything, "nonsense", "1:1  gpu         Acme R950 (Acme OpenCL)");
    expect_refusal(&everything, "7:0", "no device matches '7:0'");
    expect_refusal(&everything, "1:1x", "no device matches '1:1x'");
    expect_refusal(&everything, "1:0", "not available");
    error err;
    int index;
    CHECK_FAILS(STATUS_USAGE, "no device matches",
                device_choose(&everything, "nonsense", 0, &index, &err));
    assert_null(strstr(err.message, "nstall")); /* there are devices */
    const device_list nothing = {NULL, 0, 0, false}, only_cpu = {made_up, 1, 1, false};
    expect_refusal(&nothing, NULL, "pocl-opencl-icd");
    expect_refusal(&only_cpu, "gpu", "no device matches 'gpu'");
}

static int count_hints(const char *platform, const char *name, const char *driver, const char *says)
{
    int count = 0;
    const char *hint;
    device_info info = {0};
    strcpy(info.platform_name, platform);
    strcpy(info.name, name);
    strcpy(info.driver, driver);
    for (size_t at = 0; (hint = driver_hint(&info, &at)); count++)
        assert_non_null(strstr(hint, says));
    return count;
}

static void test_hints(void **state)
{
    (void)state;
    const char pocl[] = "Portable Computing Language",
               amd[] = "AMD Accelerated Parallel Processing";
    assert_int_equal(count_hints(pocl, "pthread", "3.1+debian", ""), 0);
    assert_int_equal(count_hints(pocl, "pthread", "3.0", "unknown target CPU"), 1);
    assert_int_equal(count_hints(pocl, "pthread", "1.8", "older"), 1);
    assert_int_equal(count_hints(pocl, "pthread", "6.0", ""), 0);
    assert_int_equal(count_hints("Clover", "AMD Radeon", "22.3.6", "rusticl"), 1);
    assert_int_equal(count_hints("rusticl", "llvmpipe (LLVM 19)", "25.0.7", "PoCL"), 1);
    assert_int_equal(count_hints("rusticl", "AMD Radeon", "22.3.6", "normalisations"), 1);
    assert_int_equal(count_hints(amd, "gfx1100", "3602.0 (HSA1.1,LC)", "LLVM 17"), 1);
    assert_int_equal(count_hints(amd, "gfx1100", "3625.0 (HSA1.1,LC)", ""), 0);
    assert_int_equal(count_hints("NVIDIA CUDA", "Tesla T4", "470.57.02", "NVIDIA"), 1);
    assert_int_equal(count_hints("NVIDIA CUDA", "Tesla T4", "535.183.01", ""), 0);
    assert_int_equal(count_hints("NVIDIA CUDA", "Tesla T4", "", ""), 0);
    assert_int_equal(count_hints("Intel(R) OpenCL Graphics", "Arc", "24.1", "i915"), 1);
    assert_int_equal(count_hints("Oclgrind", "Oclgrind Simulator", "Oclgrind 21.10", "simulator"),
                     1);
}

static void check_remembered(verdicts *known, const char *check, bool required, bool passed,
                             enum device_tested wanted)
{
    error err;
    device_info info = made_up[2];
    const verdict found = {.passed = passed, .required = required};
    CHECK_OK(verdicts_put(known, check, &found, &err));
    CHECK_OK(verdicts_save(known, &err));
    CHECK_OK(device_read_test(&info, &err));
    assert_int_equal(info.tested, wanted);
    assert_int_equal(strlen(info.tested_at), strlen("2026-11-29 20:15:03"));
}

/* A device fails as a whole only if something failed that nothing replaces. */
static void test_remembered_test(void **state)
{
    (void)state;
    error err;
    verdicts *known;
    char directory[] = "/tmp/hcnn-device-XXXXXX";
    const char *before = getenv("XDG_CACHE_HOME");
    char *kept = before ? strdup(before) : NULL;
    assert_non_null(mkdtemp(directory));
    setenv("XDG_CACHE_HOME", directory, 1);
    device_info info = made_up[2];
    CHECK_OK(device_read_test(&info, &err));
    assert_int_equal(info.tested, DEVICE_UNTESTED);
    assert_string_equal(info.tested_at, "");
    CHECK_OK(verdicts_open(&info, &known, &err));
    check_remembered(known, "fp32 needed", true, true, DEVICE_PASSED);
    check_remembered(known, "fp32 spare", false, false, DEVICE_PASSED);
    check_remembered(known, "fp16 needed", true, false, DEVICE_PASSED);
    check_remembered(known, "fp32 needed", true, false, DEVICE_FAILED);
    CHECK_OK(device_read_test(&info, &err));
    assert_int_equal(info.failed_checks, 3);
    verdicts_close(known);
    CHECK_OK(file_remove_tree(directory, &err));
    if (kept)
        setenv("XDG_CACHE_HOME", kept, 1);
    else
        unsetenv("XDG_CACHE_HOME");
    free(kept);
}

/* The variable's value, for restore; NULL if it is unset. */
static char *kept(const char *name)
{
    const char *value = getenv(name);
    return value ? strdup(value) : NULL;
}

static void restore(const char *name, char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
    free(value);
}

/* PoCL without a device, because of its cache directory or for another reason. */
static void test_pocl_cache(void **state)
{
    (void)state;
    char *cache = kept("POCL_CACHE_DIR"), *devices = kept("POCL_DEVICES");
    const device_list empty = {NULL, 0, 1, true}, others = {made_up + 1, 3, 3, true};
    setenv("POCL_CACHE_DIR", "/proc/nowhere", 1);
    expect_refusal(&empty, NULL, "its cache directory /proc/nowhere cannot be written");
    expect_refusal(&empty, NULL, "set POCL_CACHE_DIR");
    expect_refusal(&others, "cpu", "no device matches 'cpu'");
    expect_refusal(&others, "cpu", "its cache directory /proc/nowhere cannot be written");
    setenv("POCL_CACHE_DIR", "/tmp", 1);
    unsetenv("POCL_DEVICES");
    expect_refusal(&empty, NULL, "PoCL is installed but offers no device; POCL_DEBUG=err");
    expect_refusal(&others, "cpu", "\nPoCL is installed but offers no device; POCL_DEBUG=err");
    setenv("POCL_DEVICES", "nonsense", 1);
    expect_refusal(&empty, NULL, "offers no device, with POCL_DEVICES=nonsense; unset");
    restore("POCL_CACHE_DIR", cache);
    restore("POCL_DEVICES", devices);
}

/* Errors name HCNN_DEVICE only if the variable made the choice. */
static void test_environment(void **state)
{
    (void)state;
    error err;
    device *dev;
    int index;
    const char *before = getenv("HCNN_DEVICE");
    char *kept = before ? strdup(before) : NULL;
    const device_list nothing = {NULL, 0, 0, false};
    setenv("HCNN_DEVICE", "nonsense", 1);
    CHECK_FAILS(STATUS_USAGE, "HCNN_DEVICE: no device matches 'nonsense'", device_open(&dev, &err));
    CHECK_FAILS(STATUS_USAGE, "HCNN_DEVICE: no device matches 'nonsense'",
                device_choose_own(&everything, &index, &err));
    CHECK_FAILS(STATUS_USAGE, "no device matches 'other'",
                device_open_place("other", 0, &dev, &err));
    assert_null(strstr(err.message, "HCNN_DEVICE"));
    CHECK_FAILS(STATUS_USAGE, "no OpenCL device", device_choose_own(&nothing, &index, &err));
    assert_null(strstr(err.message, "HCNN_DEVICE"));
    setenv("HCNN_DEVICE", "cpu,other", 1);
    CHECK_FAILS(STATUS_USAGE, "HCNN_DEVICE: no device matches 'other'",
                device_open_own(1, &dev, &err));
    unsetenv("HCNN_DEVICE");
    CHECK_OK(device_choose_own(&everything, &index, &err));
    if (kept)
        setenv("HCNN_DEVICE", kept, 1);
    free(kept);
}

/* ---- A driver that does not answer a question ---- */

static cl_device_info unanswered;

cl_int __real_clGetDeviceInfo(cl_device_id id, cl_device_info what, size_t size, void *value,
                              size_t *needed);
cl_int __wrap_clGetDeviceInfo(cl_device_id id, cl_device_info what, size_t size, void *value,
                              size_t *needed)
{
    return unanswered && what == unanswered ? CL_OUT_OF_HOST_MEMORY
                                            : __real_clGetDeviceInfo(id, what, size, value, needed);
}

/* Without an answer to one of these a device cannot be used. */
static const struct {
    cl_device_info what;
    const char *name;
} needed[] = {
    {CL_DEVICE_TYPE, "CL_DEVICE_TYPE"},
    {CL_DEVICE_NAME, "CL_DEVICE_NAME"},
    {CL_DEVICE_VERSION, "CL_DEVICE_VERSION"},
    {CL_DRIVER_VERSION, "CL_DRIVER_VERSION"},
    {CL_DEVICE_MAX_COMPUTE_UNITS, "CL_DEVICE_MAX_COMPUTE_UNITS"},
    {CL_DEVICE_GLOBAL_MEM_SIZE, "CL_DEVICE_GLOBAL_MEM_SIZE"},
    {CL_DEVICE_MAX_MEM_ALLOC_SIZE, "CL_DEVICE_MAX_MEM_ALLOC_SIZE"},
    {CL_DEVICE_MAX_WORK_GROUP_SIZE, "CL_DEVICE_MAX_WORK_GROUP_SIZE"},
    {CL_DEVICE_AVAILABLE, "CL_DEVICE_AVAILABLE"},
    {CL_DEVICE_COMPILER_AVAILABLE, "CL_DEVICE_COMPILER_AVAILABLE"},
};

static void test_unanswered(void **state)
{
    (void)state;
    error err;
    char expected[160];
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        device *dev = NULL;
        unanswered = needed[i].what;
        status result = device_open_place("0:0", 0, &dev, &err);
        unanswered = 0;
        snprintf(expected, sizeof expected,
                 "is not available: its driver answers %s with CL_OUT_OF_HOST_MEMORY (-6)",
                 needed[i].name);
        CHECK_FAILS(STATUS_USAGE, expected, result);
        assert_null(dev);
    }
}

/* ---- No memory ---- */

static bool no_memory;

cl_int __real_clGetPlatformIDs(cl_uint room, cl_platform_id *ids, cl_uint *count);
cl_int __wrap_clGetPlatformIDs(cl_uint room, cl_platform_id *ids, cl_uint *count)
{
    return no_memory ? CL_OUT_OF_HOST_MEMORY : __real_clGetPlatformIDs(room, ids, count);
}

/* A driver that there is no memory for is not one to install. */
static void test_no_memory(void **state)
{
    (void)state;
    error err;
    device_list list;
    int index;
    const device_list nothing = {NULL, 0, 0, false};
    struct rlimit all, limited;
    no_memory = true;
    status result = device_list_all(&list, &err);
    no_memory = false;
    CHECK_FAILS(STATUS_FAILED, "out of memory for the list of platforms", result);
    assert_int_equal(getrlimit(RLIMIT_AS, &all), 0);
    limited = (struct rlimit){(rlim_t)1 << 40, all.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &limited), 0);
    result = device_choose(&nothing, NULL, 0, &index, &err);
    assert_int_equal(setrlimit(RLIMIT_AS, &all), 0);
    CHECK_FAILS(STATUS_USAGE, "limit of 1048576 MiB of memory, which drivers may need more than",
                result);
}

static void test_defaults(void **state)
{
    static const cl_device_info optional[] = {
        CL_DEVICE_VENDOR,
        CL_DEVICE_MAX_CLOCK_FREQUENCY,
        CL_DEVICE_LOCAL_MEM_SIZE,
        CL_DEVICE_MAX_WORK_ITEM_SIZES,
        CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT,
        CL_DEVICE_MEM_BASE_ADDR_ALIGN,
        CL_DEVICE_HOST_UNIFIED_MEMORY,
        CL_DEVICE_EXTENSIONS,
    };
    (void)state;
    error err;
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        device *dev = NULL;
        unanswered = optional[i];
        status result = device_open_place("0:0", 0, &dev, &err);
        unanswered = 0;
        CHECK_OK(result);
        assert_true(dev->info.vector_width >= 1);
        assert_true(dev->info.align_bytes >= 128);
        assert_true(dev->info.max_item_sizes[2] >= 1);
        assert_true(optional[i] != CL_DEVICE_EXTENSIONS || !dev->info.fp16);
        assert_true(optional[i] != CL_DEVICE_VENDOR || !dev->info.vendor[0]);
        device_close(dev);
    }
}

static void test_open(void **state)
{
    const device *dev = *state;
    assert_true(dev->info.compute_units >= 1);
    assert_true(dev->info.memory_bytes >= dev->info.max_allocation_bytes);
    assert_true(dev->info.align_bytes >= 1);
    assert_true(dev->vec == 4 || dev->vec == 8 || dev->vec == 16);
    assert_int_equal(device_vectors(dev, 1), 1);
    assert_int_equal(device_vectors(dev, dev->vec + 1), 2);
}

static void test_error_names(void **state)
{
    (void)state;
    assert_string_equal(device_error_name(CL_OUT_OF_RESOURCES), "CL_OUT_OF_RESOURCES");
    assert_string_equal(device_error_name(-9999), "unknown OpenCL error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_ranked_choices),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_remembered_test),
        cmocka_unit_test(test_pocl_cache),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_unanswered),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test_setup_teardown(test_open, support_open_device, support_close_device),
        cmocka_unit_test(test_error_names),
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
