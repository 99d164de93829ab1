/* SPDX-License-Identifier: Apache-2.0 */
/* What selftest.c and selftest_process.c share. */
#pragma once

#include "ops/convolver.h"
#include "selftest/check.h"
#include "selftest/selftest.h"

typedef struct selftest_check {
    char name[CONVOLVER_CHECK_NAME];
    const operation_check *operation; /* NULL: a convolution */
    convolution_choice by;
    enum convolution_direction direction;
} selftest_check;

typedef struct selftest_list {
    selftest_check *checks;
    size_t count;
} selftest_list;

/* Lists all checks that apply to the device, in its precision. The caller frees the list. */
status selftest_list_all(const device *dev, selftest_list *list, error *err);
void selftest_list_free(selftest_list *list);

/* Runs a check in this process; a failure is a verdict, too, unless memory is too short. *works:
 * whether the device can still be used. */
status selftest_judge(device *dev, const selftest_check *check, int shapes, verdict *found,
                      bool *works, error *err);

/* Checks that are to run. */
typedef struct selftest_work {
    device *dev;
    const selftest_list *list;
    int shapes; /* for each convolution, at most */
    const selftest_observer *observer;
} selftest_work;

/* Stores the verdict of check i and tells the observer. */
status selftest_record(const selftest_work *w, size_t i, const verdict *found, error *err);
/* Runs the checks in processes of `program`. A check whose process crashes or hangs has failed, and
 * the next process continues after it. */
status selftest_run_apart(const selftest_work *w, const char *program, error *err);
