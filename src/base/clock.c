/* SPDX-License-Identifier: Apache-2.0 */
/* See clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

double clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double clock_stood(double *looked)
{
    const double longest = 1, now = clock_now(), gap = now - *looked;
    *looked = now;
    return gap > longest ? gap : 0;
}

void clock_duration(double seconds, char *text, size_t capacity)
{
    /* The negated comparison catches NaN too. */
    if (!(seconds > 0))
        seconds = 0;
    if (seconds > 359999999)
        seconds = 359999999;
    unsigned long whole = (unsigned long)(seconds + 0.5);
    unsigned long hours = whole / 3600, minutes = whole / 60 % 60;
    if (hours > 0)
        snprintf(text, capacity, "%lu:%02lu:%02lu", hours, minutes, whole % 60);
    else
        snprintf(text, capacity, "%lu:%02lu", minutes, whole % 60);
}
