/* SPDX-License-Identifier: Apache-2.0 */
/* The self-test: the device computes small problems with the kernels that a network will run, and
 * the results are compared with sums in double precision (check.h, convolution_checks.h). A driver
 * may compile a kernel wrongly, or crash or hang while it does; no other test can see that.
 *
 * Each check has a verdict in dev->verdicts, which are also kept on disk (device/verdicts.h). An
 * algorithm of convolutions that failed is not chosen (ops/convolver.h). */
#pragma once

#include "device/verdicts.h"
#include "model/network.h"
#include "selftest/check.h"

#include <signal.h>
#include <stdio.h>

typedef struct selftest_observer {
    void *context; /* of these functions, each of which may be NULL */
    void (*progress)(void *context, const char *what, size_t done, size_t total);
    void (*note)(void *context, const char *text); /* a check that failed, and what follows */
    void (*checked)(void *context, const char *check, const verdict *found);
    const volatile sig_atomic_t *stop; /* nonzero: return STATUS_INTERRUPTED; NULL: never */
} selftest_observer;

typedef struct selftest_options {
    bool skip;           /* --no-selftest: selftest_network does nothing */
    const char *program; /* this program's file: the checks run in a process of their own, so that a
                            driver that crashes or hangs fails a check and nothing else. NULL: they
                            run in this process, which then shares the driver's fate */
    network_uses uses;   /* of the network, besides what its options say */
    selftest_observer observer;
} selftest_options;

/* Runs the checks that a network with these options needs and that have no verdict yet: the first
 * time this takes seconds, afterwards nothing runs. Call it before network_create. It is an error
 * if an operation fails that nothing can replace. HCNN_SELFTEST=0 in the environment is the same
 * as `skip`. */
status selftest_network(device *dev, const network_options *network,
                        const selftest_options *options, error *err);

/* Runs checks whether they have verdicts or not: those that a network with these options needs or,
 * if that is NULL, all that apply to the device in its precision, each convolution on several
 * shapes. *failed is the number that failed, which is not an error. */
status selftest_run(device *dev, const network_options *network, const selftest_options *options,
                    int *failed, error *err);

/* The process of its own, which is started as PROGRAM selftest-checks P:D PRECISION SHAPES NAME...:
 * runs the named checks, one after the other, and reports each to `out`, its standard output. */
status selftest_serve(device *dev, int shapes, char *const names[], int count, FILE *out,
                      error *err);
/* Reports an error of that process to the one that started it. */
void selftest_serve_error(const error *err, FILE *out);
