/* SPDX-License-Identifier: Apache-2.0 */
/* A line of progress that is redrawn in place on a terminal. Without a terminal nothing is printed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct progress {
    FILE *stream;
    bool terminal; /* stream is a terminal that can redraw a line (not TERM=dumb) */
    int columns;
    bool drawn;
    double started, last; /* seconds, monotonic clock */
} progress;

/* Starts the clock and reads the terminal's width. */
void progress_begin(progress *bar, FILE *stream);
/* Redraws "label [#####    ] 12/40 text  0:31 left", cut to the terminal's width, at most ten
 * times a second unless done == total. Does nothing without a terminal. */
void progress_draw(progress *bar, const char *label, size_t done, size_t total, const char *text);
/* Erases the line, so that ordinary output can follow. */
void progress_clear(progress *bar);
