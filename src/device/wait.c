/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for events; see wait.h. */
#include "device/wait.h"
#include "base/clock.h"

#include <time.h>

/* Seconds. A sleep is this part of the time waited so far, within these bounds. */
static const double shortest_sleep = 20e-6, longest_sleep = 1e-3, sleep_part = 1.0 / 64;

static void sleep_after(double waited)
{
    double sleep = waited * sleep_part;
    sleep = sleep < shortest_sleep ? shortest_sleep : sleep > longest_sleep ? longest_sleep : sleep;
    /* A signal may end the sleep early, which only means an earlier look. */
    nanosleep(&(struct timespec){.tv_nsec = (long)(sleep * 1e9)}, NULL);
}

cl_int wait_for_event(const device *dev, cl_event event)
{
    if (dev->info.type & CL_DEVICE_TYPE_CPU)
        return clWaitForEvents(1, &event);
    /* Without a flush the device need not begin, and the loop would not end. */
    cl_int code = clFlush(dev->queue), state = CL_QUEUED;
    const double start = clock_now();
    while (code == CL_SUCCESS) {
        code = clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        if (code != CL_SUCCESS || state <= CL_COMPLETE)
            break;
        sleep_after(clock_now() - start);
    }
    return code == CL_SUCCESS && state < 0 ? state : code;
}

cl_int wait_for_queue(const device *dev)
{
    cl_event last;
    if ((dev->info.type & CL_DEVICE_TYPE_CPU) ||
        clEnqueueMarkerWithWaitList(dev->queue, 0, NULL, &last) != CL_SUCCESS)
        return clFinish(dev->queue);
    cl_int code = wait_for_event(dev, last);
    clReleaseEvent(last);
    return code;
}
