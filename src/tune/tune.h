/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what is fastest on the device for the convolutions of a network, and remembers it
 * (ops/choices.h). Prints nothing: an observer is told. */
#pragma once

#include "model/network.h"
#include "ops/convolver.h"
#include "ops/gemm.h"

#include <signal.h>

typedef struct tune_options {
    network_options network; /* with training its backward passes too */
    bool only_missing;       /* what is remembered already is not measured again */
    const char *gemm;    /* names of CLBlast parameter sets to try, with commas between, or "all";
                            NULL: all, but only where the quick choices use CLBlast */
    const char *program; /* started again to try each set, since one may end the process; NULL:
                            none is tried */
    /* What is tried, NULL behind the last; NULL: convolution_algorithms, as always but in tests. */
    const convolution_algorithm *const *algorithms;
    int patience; /* seconds for a process of a set; 0: 300, as always but in tests */
} tune_options;

typedef struct tune_observer {
    void *context;
    void (*progress)(void *context, const char *what, size_t done, size_t total);
    void (*note)(void *context, const char *text); /* an algorithm that fails or is wrong */
    const volatile sig_atomic_t *stop; /* nonzero: finish the measurement, return; NULL: never */
} tune_observer;

/* What was measured of one call. */
typedef struct tune_row {
    convolution_call call; /* without buffers */
    convolution_choice chosen, quick;
    double seconds, quick_seconds; /* INFINITY for a quick choice that does not work */
} tune_row;

typedef struct tune_report {
    tune_row *rows;
    size_t count;
    char *file;                  /* where it is remembered */
    const gemm_parameters *gemm; /* NULL: not searched */
    double gemm_seconds, gemm_default_seconds;
} tune_report;

/* Tunes, and writes the device's file after each call, so that nothing is lost when it is stopped:
 * STATUS_INTERRUPTED then. Before the device's first network. */
status tune_run(device *dev, const tune_options *options, const tune_observer *observer,
                tune_report *report, error *err);
void tune_free(tune_report *report);

/* CLBlast's part, tune_gemm.c: tries the parameter sets on the largest products of the calls, each
 * in a process of its own, PROGRAM tune-gemm NAME MxNxK..., which prints what tune_gemm_try found
 * as "SECONDS DIFFERENCE". */
status tune_gemm(const convolver *c, const tune_options *options, const convolution_call *calls,
                 size_t count, const tune_observer *observer, tune_report *report, error *err);

/* Whether the observer's stop is set. */
bool tune_stop_wanted(const tune_observer *observer);

typedef struct gemm_size {
    size_t m, n, k;
} gemm_size;

/* Seconds for the products of the sizes, each as the three directions of a convolution have it, and
 * the relative rms difference of some of their elements from sums in double precision. */
status tune_gemm_try(device *dev, const gemm_parameters *set, const gemm_size *sizes, size_t count,
                     double *seconds, double *difference, error *err);

/* More than any algorithm's rounding: Winograd's F(4x4), the worst, stays under 1e-5. Less than any
 * mistake makes. */
extern const double tune_tolerance;
/* What is quickly chosen stays unless something else takes less than this share of its time. */
extern const double tune_worth_changing;
