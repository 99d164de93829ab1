/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of work-items, and how launches fit them to what a driver allows. The test acts out the
 * driver's limits. */
#include "check.h"
#include "device/buffer.h"
#include "device/kernel.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

cl_int __real_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                     const size_t *offset, const size_t *global,
                                     const size_t *local, cl_uint wait_count, const cl_event *wait,
                                     cl_event *done);
cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                     const size_t *offset, const size_t *global,
                                     const size_t *local, cl_uint wait_count, const cl_event *wait,
                                     cl_event *done);
cl_int __real_clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
                                       cl_kernel_work_group_info what, size_t size, void *value,
                                       size_t *size_out);
cl_int __wrap_clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
                                       cl_kernel_work_group_info what, size_t size, void *value,
                                       size_t *size_out);

static size_t limit;         /* of a kernel's group; 0: the driver's own answer */
static cl_ulong local_bytes; /* of a kernel; 0: the driver's own answer */
static cl_int answer;        /* the code of both answers */
static launch_range last;    /* the last launch */
static int launches;

cl_int __wrap_clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
                                       cl_kernel_work_group_info what, size_t size, void *value,
                                       size_t *size_out)
{
    if (answer != CL_SUCCESS)
        return answer;
    if (what == CL_KERNEL_WORK_GROUP_SIZE && limit > 0) {
        memcpy(value, &limit, sizeof limit);
        return CL_SUCCESS;
    }
    if (what == CL_KERNEL_LOCAL_MEM_SIZE && local_bytes > 0) {
        memcpy(value, &local_bytes, sizeof local_bytes);
        return CL_SUCCESS;
    }
    return __real_clGetKernelWorkGroupInfo(kernel, device, what, size, value, size_out);
}

cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                     const size_t *offset, const size_t *global,
                                     const size_t *local, cl_uint wait_count, const cl_event *wait,
                                     cl_event *done)
{
    last = (launch_range){.dimensions = dimensions};
    assert_non_null(local); /* no launch leaves the group to the driver */
    memcpy(last.global, global, dimensions * sizeof *global);
    memcpy(last.local, local, dimensions * sizeof *local);
    launches++;
    return __real_clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local,
                                         wait_count, wait, done);
}

static void expect_local(launch_range r, size_t x, size_t y, size_t z)
{
    assert_int_equal(r.local[0], x);
    assert_int_equal(r.local[1], y);
    assert_int_equal(r.local[2], z);
    assert_true(r.shrinks);
}

static void test_ranges(void **state)
{
    (void)state;
    expect_local(range_1d(1), 64, 1, 1);
    expect_local(range_1d(12345), 64, 1, 1);
    device dev = {.info = {.type = CL_DEVICE_TYPE_CPU}, .vec = 4};
    expect_local(range_2d(&dev, 128, 32), 4, 1, 1);
    expect_local(range_2d(&dev, 1, 7), 4, 1, 1);
    expect_local(range_3d(&dev, 2, 2, 64), 4, 1, 1);
    expect_local(range_of_tiles(&dev, 128, 32, 8), 1, 1, 1);
    expect_local(range_of_vectors(&dev, 4), 64, 1, 1);
    assert_int_equal(range_of_vectors(&dev, 5).global[0], 2);
    dev.info.type = CL_DEVICE_TYPE_GPU;
    /* Along y and z the group divides the range. */
    expect_local(range_2d(&dev, 128, 32), 16, 4, 1);
    expect_local(range_2d(&dev, 128, 33), 64, 1, 1);
    expect_local(range_2d(&dev, 128, 6), 32, 2, 1);
    expect_local(range_2d(&dev, 4, 1024), 4, 16, 1);
    expect_local(range_2d(&dev, 5, 1024), 8, 8, 1);
    expect_local(range_2d(&dev, 1, 7), 1, 1, 1);
    expect_local(range_3d(&dev, 2, 2, 64), 2, 2, 16);
    expect_local(range_3d(&dev, 100, 7, 8), 64, 1, 1);
    expect_local(range_3d(&dev, 16, 3, 8), 16, 1, 4);
    expect_local(range_of_tiles(&dev, 128, 32, 8), 16, 4, 1);
}

typedef struct fixture {
    device *dev;
    cl_mem y, bias;
} fixture;

enum { ROWS = 12, CHANNELS = 33 };

/* Each test has a device of its own, because a device keeps what it knows about a kernel. */
static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    limit = 0;
    local_bytes = 0;
    answer = CL_SUCCESS;
    return support_open_device((void **)&f->dev);
}

static int teardown(void **state)
{
    fixture *f = *state;
    int failed = support_close_device((void **)&f->dev);
    free(f);
    return failed;
}

/* Adds a bias with a range, and checks the sums. */
static status add_bias(fixture *f, launch_range range, error *err)
{
    float values[ROWS * CHANNELS], bias[CHANNELS];
    for (int i = 0; i < ROWS * CHANNELS; i++)
        values[i] = (float)i;
    for (int i = 0; i < CHANNELS; i++)
        bias[i] = (float)(1000 * i);
    cl_mem y = support_buffer(f->dev, ROWS * CHANNELS, values);
    cl_mem b = support_buffer(f->dev, CHANNELS, bias);
    launches = 0;
    status result = LAUNCH(f->dev, "bias", "bias_add", range, err, ARG_BUFFER(y), ARG_BUFFER(b),
                           ARG_INT(CHANNELS));
    if (result == STATUS_OK) {
        float *got = support_read_buffer(f->dev, y, ROWS * CHANNELS);
        for (int i = 0; i < ROWS * CHANNELS; i++)
            assert_float_equal(got[i], values[i] + bias[i % CHANNELS], 0);
        free(got);
    }
    buffer_release(&y);
    buffer_release(&b);
    return result;
}

/* A GPU's range, whatever the device is. */
static launch_range range_of(const fixture *f)
{
    device gpu = *f->dev;
    gpu.info.type = CL_DEVICE_TYPE_GPU;
    return range_2d(&gpu, device_vectors(&gpu, CHANNELS), ROWS);
}

static void test_free_limit(void **state)
{
    error err;
    fixture *f = *state;
    launch_range range = range_of(f);
    assert_int_equal(range.local[1], 4);
    CHECK_OK(add_bias(f, range, &err));
    assert_memory_equal(last.local, range.local, 2 * sizeof *last.local);
    assert_int_equal(last.global[0] % last.local[0], 0);
    assert_int_equal(last.global[1], ROWS);
}

static void test_shrinks(void **state)
{
    error err;
    limit = 8;
    CHECK_OK(add_bias(*state, range_of(*state), &err));
    assert_int_equal(last.local[0] * last.local[1], 8);
}

static void test_shrinks_to_one(void **state)
{
    error err;
    limit = 1;
    CHECK_OK(add_bias(*state, range_of(*state), &err));
    assert_int_equal(last.local[0] * last.local[1], 1);
}

static void test_dimension_limit(void **state)
{
    error err;
    fixture *f = *state;
    f->dev->info.max_item_sizes[0] = 4;
    f->dev->info.max_item_sizes[1] = 1;
    CHECK_OK(add_bias(f, range_of(f), &err));
    assert_true(last.local[0] <= 4);
    assert_int_equal(last.local[1], 1);
}

/* Drivers that answer with an error, or with 0. The device's limit holds. */
static void test_no_answer(void **state)
{
    error err;
    fixture *f = *state;
    answer = CL_INVALID_VALUE;
    f->dev->info.max_group_size = 16;
    CHECK_OK(add_bias(f, range_of(f), &err));
    assert_int_equal(last.local[0] * last.local[1], 16);
}

static void test_fixed_group(void **state)
{
    error err;
    limit = 4;
    CHECK_FAILS(STATUS_FAILED, "kernel bias_add of kernels/bias.cl needs groups of 8 work-items",
                add_bias(*state, RANGE_GROUPS(16, 8), &err));
    assert_non_null(strstr(err.message, "at most 4"));
    assert_int_equal(launches, 0);
}

static void test_local_memory(void **state)
{
    error err;
    fixture *f = *state;
    local_bytes = f->dev->info.local_memory_bytes + 1;
    CHECK_FAILS(STATUS_FAILED, "bytes of local memory", add_bias(f, range_of(f), &err));
    assert_int_equal(launches, 0);
}

int main(void)
{
#define WITH_DEVICE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),     WITH_DEVICE(test_free_limit),
        WITH_DEVICE(test_shrinks),         WITH_DEVICE(test_shrinks_to_one),
        WITH_DEVICE(test_dimension_limit), WITH_DEVICE(test_no_answer),
        WITH_DEVICE(test_fixed_group),     WITH_DEVICE(test_local_memory),
    };
    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
