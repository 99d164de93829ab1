/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what is fastest on the device for the convolutions of a network, and remembers it
 * (ops/choices.h). Prints nothing: an observer is told what happens. */
#pragma once

#include "model/network.h"
#include "ops/convolver.h"
#include "ops/gemm.h"

#include <signal.h>

typedef struct tune_options {
    network_options network; /* if it has `training`, the backward passes are tuned too */
    bool only_missing;       /* convolutions that are remembered are not measured again */
    const char *gemm; /* names of the CLBlast parameter sets to try, separated by commas, or "all";
                         NULL: all, but only if the quick choices use CLBlast */
    const char *program; /* this program's file; each set is tried in a process of its own, because
                            it may end the process. NULL: none is tried */
    /* The algorithms to try; a NULL ends the list. If the pointer itself is NULL, as everywhere
     * except in tests, all of convolution_algorithms are tried. */
    const convolution_algorithm *const *algorithms;
    int patience; /* seconds for the process that tries a set; 0 means 300 and is used everywhere
                     except in tests */
} tune_options;

typedef struct tune_observer {
    void *context;
    void (*progress)(void *context, const char *what, size_t done, size_t total);
    void (*note)(void *context, const char *text); /* an algorithm that failed or was wrong */
    const volatile sig_atomic_t *stop; /* nonzero: finish the measurement and return; NULL: never */
} tune_observer;

/* What was measured for one call. */
typedef struct tune_row {
    convolution_call call; /* without buffers */
    convolution_choice chosen, quick;
    double seconds, quick_seconds; /* quick_seconds is INFINITY if the quick choice does not work */
} tune_row;

typedef struct tune_report {
    tune_row *rows;
    size_t count;
    char *file;                  /* where the choices are stored; NULL if nowhere */
    const gemm_parameters *gemm; /* NULL: not searched for */
    double gemm_seconds, gemm_default_seconds;
} tune_report;

/* Tunes, and writes the device's file after each call, so that nothing is lost if tuning is
 * stopped; the result is then STATUS_INTERRUPTED. Call it before the device's first network. The
 * caller frees the report with tune_free, also after an error. */
status tune_run(device *dev, const tune_options *options, const tune_observer *observer,
                tune_report *report, error *err);
void tune_free(tune_report *report);

/* The part for CLBlast, in tune_gemm.c: tries the parameter sets on the largest products of the
 * calls. Each runs in a process of its own, PROGRAM tune-gemm NAME MxNxK..., which prints the
 * results of tune_gemm_try as "SECONDS DIFFERENCE". */
status tune_gemm(const convolver *c, const tune_options *options, const convolution_call *calls,
                 size_t count, const tune_observer *observer, tune_report *report, error *err);

/* Whether the observer asks to stop. */
bool tune_stop_wanted(const tune_observer *observer);

typedef struct gemm_size {
    size_t m, n, k;
} gemm_size;

/* Measures the seconds for products of the given sizes, each in the three forms that the directions
 * of a convolution have, and the relative rms difference of some of their elements from sums in
 * double precision. */
status tune_gemm_try(device *dev, const gemm_parameters *set, const gemm_size *sizes, size_t count,
                     double *seconds, double *difference, error *err);

/* A result is correct if its relative rms difference is below this. It is above the rounding of
 * any algorithm (the worst, Winograd's F(4x4), stays under 1e-5) and below the effect of any
 * mistake. */
extern const double tune_tolerance;
/* Another choice replaces the quick choice only if it takes less than this share of its time; the
 * same rule decides whether another tile replaces an algorithm's default tile. */
extern const double tune_worth_changing;
