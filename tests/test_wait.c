/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting in sleep, as for a GPU. The event is one that the test itself completes. */
#include "base/clock.h"
#include "check.h"
#include "device/wait.h"
#include "support.h"

#include <pthread.h>
#include <time.h>

static const double delay = 0.3; /* seconds */

typedef struct later {
    cl_event event;
    cl_int state;
    double done; /* when it was set */
} later;

static void *complete(void *context)
{
    later *l = context;
    nanosleep(&(struct timespec){.tv_nsec = (long)(delay * 1e9)}, NULL);
    l->done = clock_now();
    clSetUserEventStatus(l->event, l->state);
    return NULL;
}

static double own_cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Waits for an event that gets this state after a delay, and returns what the wait returned. */
static cl_int wait_for_state(const device *dev, cl_int state)
{
    cl_int code;
    pthread_t thread;
    later l = {.state = state};
    l.event = clCreateUserEvent(dev->context, &code);
    assert_int_equal(code, CL_SUCCESS);
    assert_int_equal(pthread_create(&thread, NULL, complete, &l), 0);
    const double cpu = own_cpu_seconds();
    code = wait_for_event(dev, l.event);
    const double end = clock_now(), burnt = own_cpu_seconds() - cpu;
    pthread_join(thread, NULL);
    /* A loop without sleep would take the whole delay. */
    assert_true(burnt < delay / 4);
    assert_true(end >= l.done);
    clReleaseEvent(l.event);
    return code;
}

static void test_event(void **state)
{
    device gpu = *(const device *)*state;
    gpu.info.type = CL_DEVICE_TYPE_GPU;
    assert_int_equal(wait_for_state(&gpu, CL_COMPLETE), CL_SUCCESS);
    assert_int_equal(wait_for_state(&gpu, CL_OUT_OF_RESOURCES), CL_OUT_OF_RESOURCES);
}

/* A wait for something that has completed does not sleep: 1000 of them take less time than the
 * shortest sleeps would. */
static void test_completed(void **state)
{
    cl_int code;
    device gpu = *(const device *)*state;
    gpu.info.type = CL_DEVICE_TYPE_GPU;
    cl_event event = clCreateUserEvent(gpu.context, &code);
    assert_int_equal(clSetUserEventStatus(event, CL_COMPLETE), CL_SUCCESS);
    const double cpu = own_cpu_seconds(), start = clock_now();
    double best = 1;
    for (int i = 0; i < 1000; i++) {
        const double before = clock_now();
        assert_int_equal(wait_for_event(&gpu, event), CL_SUCCESS);
        const double took = clock_now() - before;
        best = took < best ? took : best;
    }
    print_message("# 1000 waits: %.1f ms, %.1f ms of a core\n", 1e3 * (clock_now() - start),
                  1e3 * (own_cpu_seconds() - cpu));
    assert_true(best < 20e-6);
    clReleaseEvent(event);
}

/* The queue's work is done after the wait. */
static void test_queue(void **state)
{
    enum { COUNT = 1 << 20 };
    error err;
    device gpu = *(const device *)*state;
    gpu.info.type = CL_DEVICE_TYPE_GPU;
    float *values = support_random(COUNT, 1, -1, 1), *got = support_memory(COUNT, sizeof *got);
    cl_mem buffer = support_buffer(&gpu, COUNT, values);
    cl_event read;
    CHECK_OK(buffer_read_later(&gpu, buffer, 0, got, COUNT * sizeof *got, &read, &err));
    assert_int_equal(wait_for_queue(&gpu), CL_SUCCESS);
    assert_memory_equal(got, values, COUNT * sizeof *got);
    CHECK_OK(buffer_wait(&gpu, &read, &err));
    buffer_release(&buffer);
    free(values);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_completed),
        cmocka_unit_test(test_queue),
    };
    return cmocka_run_group_tests_name("wait", tests, support_open_device, support_close_device);
}
