/* SPDX-License-Identifier: Apache-2.0 */
/* Setting device memory to zero, with a driver that can fill memory and with one that cannot. */
#include "check.h"
#include "device/buffer.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

cl_int __real_clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer, const void *pattern,
                                  size_t pattern_size, size_t offset, size_t bytes,
                                  cl_uint wait_count, const cl_event *wait, cl_event *done);
cl_int __wrap_clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer, const void *pattern,
                                  size_t pattern_size, size_t offset, size_t bytes,
                                  cl_uint wait_count, const cl_event *wait, cl_event *done);

static bool cannot_fill;

cl_int __wrap_clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer, const void *pattern,
                                  size_t pattern_size, size_t offset, size_t bytes,
                                  cl_uint wait_count, const cl_event *wait, cl_event *done)
{
    if (cannot_fill)
        return CL_INVALID_OPERATION;
    return __real_clEnqueueFillBuffer(queue, buffer, pattern, pattern_size, offset, bytes,
                                      wait_count, wait, done);
}

/* Zeroes [offset, offset + bytes) of a buffer and expects the rest to stay as it was. */
static void expect_zeros(device *dev, size_t offset, size_t bytes)
{
    error err;
    const size_t size = offset + bytes + 13;
    unsigned char *ones = support_memory(size, 1), *got = support_memory(size, 1);
    cl_mem buffer;
    memset(ones, 1, size);
    CHECK_OK(buffer_create(dev, size, &buffer, &err));
    CHECK_OK(buffer_write(dev, buffer, 0, ones, size, &err));
    CHECK_OK(buffer_zero(dev, buffer, offset, bytes, &err));
    CHECK_OK(buffer_read(dev, buffer, 0, got, size, &err));
    memset(ones + offset, 0, bytes);
    assert_memory_equal(got, ones, size);
    buffer_release(&buffer);
    free(ones);
    free(got);
}

static void test_zero(void **state)
{
    /* With 1 << 16 and more, the fallback copies. */
    static const size_t sizes[] = {0, 1, 4, 1000, 1 << 16, (1 << 16) + 4, 300001, 1 << 20};
    for (int round = 0; round < 2; round++) {
        cannot_fill = round == 1;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            expect_zeros(*state, 0, sizes[i]);
            expect_zeros(*state, 12, sizes[i]);
        }
    }
    cannot_fill = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zero)};
    return cmocka_run_group_tests_name("buffer", tests, support_open_device, support_close_device);
}
