/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a device from lists made up here, and opening the device that the tests run on. */
#include "check.h"
#include "device/device.h"
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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
static const device_list everything = {made_up, 4, 3};

static void expect_choice(const device_list *list, const char *spec, int wanted)
{
    error err = {""};
    int index = -2;
    status result = device_choose(list, spec, 0, &index, &err);
    if (result != STATUS_OK)
        print_error("%s: %s\n", spec ? spec : "(unset)", err.message);
    assert_int_equal(result, STATUS_OK);
    assert_int_equal(index, wanted);
}

static void test_choices(void **state)
{
    (void)state;
    expect_choice(&everything, NULL, 2); /* the first available GPU */
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
    const device_list only_cpu = {made_up, 1, 1}, only_fpga = {made_up + 3, 1, 1};
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
    if (kept)
        setenv("HCNN_AS_GPU", kept, true);
    else
        unsetenv("HCNN_AS_GPU");
    free(kept);
}

static void expect_place(const char *spec, int place, int wanted)
{
    error err = {""};
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
    const device_list list = {twins, 3, 1};
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

static void expect_refusal(const device_list *list, const char *spec, const char *says)
{
    error err = {""};
    int index;
    assert_int_equal(device_choose(list, spec, 0, &index, &err), STATUS_USAGE);
    if (!strstr(err.message, says))
        print_error("'%s' is not in the message: %s\n", says, err.message);
    assert_non_null(strstr(err.message, says));
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal(&everything, "nonsense", "no device matches 'nonsense'");
    expect_refusal(&everything, "nonsense", "1:1  gpu         Acme R950 (Acme OpenCL)");
    expect_refusal(&everything, "nonsense", "pocl-opencl-icd");
    expect_refusal(&everything, "7:0", "no device matches '7:0'");
    expect_refusal(&everything, "1:1x", "no device matches '1:1x'");
    expect_refusal(&everything, "1:0", "not available");
    const device_list nothing = {NULL, 0, 0}, only_cpu = {made_up, 1, 1};
    expect_refusal(&nothing, NULL, "pocl-opencl-icd");
    expect_refusal(&only_cpu, "gpu", "no device matches 'gpu'");
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
    const device_list nothing = {NULL, 0, 0};
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
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_environment),
        cmocka_unit_test_setup_teardown(test_open, support_open_device, support_close_device),
        cmocka_unit_test(test_error_names),
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
