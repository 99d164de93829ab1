/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels in flight; see flight.h. */
#include "device/flight.h"
#include "base/clock.h"
#include "device/profile.h"
#include "device/wait.h"

#include <stdlib.h>

enum {
    LOOK_EVERY = 32, /* launches between looks at what has finished */
    HISTORY = 4096,  /* kernels whose pace counts */
};

typedef struct flying {
    const char *kernel;
    cl_event event;
} flying;

struct flight {
    flying ring[FLIGHT_MOST];
    size_t first, count;
    double since;         /* when a kernel was last seen to finish, or to be the only one */
    double seconds, done; /* time of the last kernels, and their number */
};

status flight_create(device *dev, error *err)
{
    dev->flight = calloc(1, sizeof *dev->flight);
    return got_memory(dev->flight, err, "the kernels in flight");
}

static void forget_first(struct flight *f)
{
    clReleaseEvent(f->ring[f->first].event);
    f->first = (f->first + 1) % FLIGHT_MOST;
    f->count--;
}

void flight_free(device *dev)
{
    while (dev->flight && dev->flight->count > 0)
        forget_first(dev->flight);
    free(dev->flight);
    dev->flight = NULL;
}

bool flight_advance(device *dev)
{
    struct flight *f = dev->flight;
    const size_t before = f->count;
    while (f->count > 0 && wait_state(dev, f->ring[f->first].event) <= CL_COMPLETE)
        forget_first(f);
    if (f->count == before)
        return false;
    const double now = clock_now();
    f->seconds += now - f->since;
    f->done += (double)(before - f->count);
    f->since = now;
    if (f->done > HISTORY) {
        f->seconds /= 2;
        f->done /= 2;
    }
    return true;
}

const char *flight_oldest(const device *dev)
{
    const struct flight *f = dev->flight;
    return f->count > 0 ? f->ring[f->first].kernel : NULL;
}

size_t flight_count(const device *dev)
{
    return dev->flight->count;
}

static size_t most_in_flight(const device *dev)
{
    const struct flight *f = dev->flight;
    const double most = f->seconds > 0 ? dev->most_queued * f->done / f->seconds : FLIGHT_MOST;
    return most > FLIGHT_MOST ? FLIGHT_MOST : most < FLIGHT_LEAST ? FLIGHT_LEAST : (size_t)most;
}

status flight_begin(device *dev, error *err)
{
    struct flight *f = dev->flight;
    TRY(wait_refuse(dev, err));
    dev->busy = true;
    if (f->count % LOOK_EVERY == LOOK_EVERY - 1)
        flight_advance(dev);
    if (f->count < most_in_flight(dev))
        return STATUS_OK;
    /* The middle one, because waiting for the oldest would stall every launch. */
    cl_event middle = f->ring[(f->first + f->count / 2) % FLIGHT_MOST].event;
    clRetainEvent(middle);
    status result = wait_for_event(dev, middle, "waiting for a kernel", err);
    clReleaseEvent(middle);
    return result;
}

void flight_add(device *dev, const char *kernel, cl_event event)
{
    struct flight *f = dev->flight;
    if (!event)
        return;
    profile_add(dev, kernel, event);
    if (f->count == FLIGHT_MOST) { /* only without flight_begin */
        clReleaseEvent(event);
        return;
    }
    if (f->count == 0)
        f->since = clock_now();
    f->ring[(f->first + f->count++) % FLIGHT_MOST] = (flying){kernel, event};
}
