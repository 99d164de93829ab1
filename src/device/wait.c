/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for events; see wait.h. */
#include "device/wait.h"
#include "base/clock.h"
#include "device/flight.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NANOSECONDS = 1000000000 };

/* Seconds. A sleep is this part of the time waited so far, within these bounds. */
static const double shortest_sleep = 20e-6, longest_sleep = 1e-3, sleep_part = 1.0 / 64;
/* While a driver is to call back, looks are only for progress, and if a driver forgets to call. */
static const double shortest_nap = 1e-3, longest_nap = 0.1;

static double within(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

/* The queue's state is unknown from now on. Keeps the first reason. */
static cl_int lose(device *dev, const char *function, cl_int code)
{
    if (code != CL_SUCCESS && !dev->stuck) {
        dev->stuck = true;
        snprintf(dev->lost, sizeof dev->lost, "%s failed with %s (%d)", function,
                 device_error_name(code), code);
    }
    return code;
}

cl_int wait_state(device *dev, cl_event event)
{
    cl_int state = CL_QUEUED;
    cl_int code =
        lose(dev, "clGetEventInfo",
             clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL));
    return code == CL_SUCCESS ? state : code;
}

/* ---- Progress ---- */

status wait_refuse(const device *dev, error *err)
{
    const device_info *info = &dev->info;
    if (!dev->stuck)
        return STATUS_OK;
    if (dev->lost[0])
        return error_set(
            err, STATUS_FAILED,
            "the driver no longer reports what the device %s (%s, driver %s) has finished: "
            "%s; run the command again, and if that fails, restart the machine or its "
            "driver, or choose another device with HCNN_DEVICE",
            info->name, info->platform_name, info->driver, dev->lost);
    const char *kernel = flight_oldest(dev);
    return error_set(err, STATUS_FAILED,
                     "the device %s (%s, driver %s) has stopped answering: it made no progress for "
                     "%g seconds at %s%s; restart the machine or its driver, choose another device "
                     "with HCNN_DEVICE, or allow more time with --device-timeout",
                     info->name, info->platform_name, info->driver, dev->timeout,
                     kernel ? "the kernel " : "a copy of memory", kernel ? kernel : "");
}

status wait_watch(device *dev, double *moved, error *err)
{
    /* If this process stood still, the threads of a CPU's driver did so too. */
    const double stood = clock_stood(&dev->looked), now = dev->looked;
    *moved = flight_advance(dev) ? now : fmin(*moved + stood, now);
    dev->stuck |= dev->timeout > 0 && now - *moved > dev->timeout;
    return wait_refuse(dev, err);
}

/* ---- A bell that the driver rings when an event has completed ---- */

/* The driver may ring long after a wait has failed, so the last of the two frees it. A driver that
 * never rings, as PoCL 3.1 for a command that failed, keeps it. */
typedef struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    cl_int state; /* of the event; positive before the bell has rung */
    int holders;
} bell;

static void drop_bell(bell *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    const bool last = --b->holders == 0;
    pthread_mutex_unlock(&b->lock);
    if (!last)
        return;
    pthread_cond_destroy(&b->rung);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static void CL_CALLBACK ring(cl_event event, cl_int state, void *context)
{
    (void)event;
    bell *b = context;
    pthread_mutex_lock(&b->lock);
    b->state = state;
    pthread_cond_signal(&b->rung);
    pthread_mutex_unlock(&b->lock);
    drop_bell(b);
}

/* NULL if there is no memory or the driver has no callbacks. */
static bell *hang_bell(cl_event event)
{
    pthread_condattr_t clock;
    bell *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    *b = (bell){.state = CL_QUEUED, .holders = 2};
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&b->rung, &clock);
    pthread_condattr_destroy(&clock);
    if (clSetEventCallback(event, CL_COMPLETE, ring, b) == CL_SUCCESS)
        return b;
    b->holders = 1;
    drop_bell(b);
    return NULL;
}

/* Sleeps until the bell rings or the time is over. Returns the event's state. */
static cl_int listen(bell *b, double seconds)
{
    const double end = clock_now() + seconds;
    const struct timespec until = {.tv_sec = (time_t)end,
                                   .tv_nsec = (long)((end - (double)(time_t)end) * NANOSECONDS)};
    pthread_mutex_lock(&b->lock);
    int code = 0;
    while (b->state > CL_COMPLETE && code == 0)
        code = pthread_cond_timedwait(&b->rung, &b->lock, &until);
    const cl_int state = b->state;
    pthread_mutex_unlock(&b->lock);
    return state;
}

/* ---- Waiting ---- */

static void sleep_after(double waited)
{
    const double sleep = within(waited * sleep_part, shortest_sleep, longest_sleep);
    /* A signal may end the sleep early, which only means an earlier look. */
    nanosleep(&(struct timespec){.tv_nsec = (long)(sleep * NANOSECONDS)}, NULL);
}

static status wait_until(device *dev, cl_event event, bool promptly, cl_int *state, error *err)
{
    const double start = clock_now();
    double moved = start;
    bell *b = NULL;
    dev->looked = start;
    status result = wait_refuse(dev, err);
    if (result == STATUS_OK && (*state = wait_state(dev, event)) > CL_COMPLETE)
        b = dev->info.type & CL_DEVICE_TYPE_CPU ? hang_bell(event) : NULL;
    while (result == STATUS_OK && *state > CL_COMPLETE) {
        const double waited = clock_now() - start;
        if (b)
            *state = listen(b, within(waited, shortest_nap, longest_nap));
        else if (!promptly)
            sleep_after(waited);
        if (*state > CL_COMPLETE)
            *state = wait_state(dev, event);
        if (*state > CL_COMPLETE)
            result = wait_watch(dev, &moved, err);
    }
    drop_bell(b);
    return result == STATUS_OK ? wait_refuse(dev, err) : result;
}

static status wait_for(device *dev, cl_event event, bool promptly, const char *what, error *err)
{
    cl_int state = CL_COMPLETE;
    /* Without a flush the device need not begin. */
    lose(dev, "clFlush", clFlush(dev->queue));
    TRY(wait_until(dev, event, promptly, &state, err));
    flight_advance(dev);
    return device_check(dev, err, state, what);
}

status wait_for_event(device *dev, cl_event event, const char *what, error *err)
{
    return wait_for(dev, event, false, what, err);
}

status wait_for_queue(device *dev, bool promptly, error *err)
{
    static const char what[] = "waiting for the queue";
    cl_event last;
    TRY(wait_refuse(dev, err));
    if (!dev->busy) /* a marker would cost 60 microseconds on a CPU */
        return STATUS_OK;
    lose(dev, "clEnqueueMarkerWithWaitList",
         clEnqueueMarkerWithWaitList(dev->queue, 0, NULL, &last));
    TRY(wait_refuse(dev, err));
    status result = wait_for(dev, last, promptly, what, err);
    clReleaseEvent(last);
    dev->busy = result != STATUS_OK;
    return result;
}
