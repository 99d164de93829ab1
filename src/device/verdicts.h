/* SPDX-License-Identifier: Apache-2.0 */
/* What the self-test (selftest/selftest.h) found on a device, remembered on disk, so that each
 * check runs once for each device, driver and version of this program. The file (device_file.h) is
 * selftest-HASH.json. Besides what all such files have, it holds:
 *
 *   {...
 *    "tested": date and time of the last check, "2026-11-29 20:15:03" in UTC,
 *    "checks": {NAME: the members of a verdict; "why" only if it failed, "suspected" only if that
 *                     is true, ...}} */
#pragma once

#include "device/device.h"

typedef struct verdict {
    bool passed;
    double error, bound; /* as in selftest/check.h; NaN if there was no result */
    double seconds;
    char why[640];  /* what went wrong, without the check's name; "" if it passed */
    bool required;  /* nothing else computes what the check tests, so a device that fails it is
                       refused */
    int shapes;     /* that a convolution was tested with, at most */
    bool suspected; /* there was no result, so the cause may have been something else than the
                       device; false if it has passed, or has failed in two starts */
} verdict;

typedef struct verdicts verdicts;

/* Reads the verdicts from the device's file. Without a usable file there are none, which is not an
 * error. */
status verdicts_open(const device_info *info, verdicts **opened, error *err);
/* Opens dev->verdicts, which device_close closes, unless they are open. */
status verdicts_open_own(device *dev, error *err);
void verdicts_close(verdicts *known); /* known may be NULL */
/* The path of the file; NULL if there is no cache directory. */
const char *verdicts_path(const verdicts *known);

/* From now on, a suspected verdict from the file counts as missing, so that the check runs again.
 * Those of this process count until it ends. */
void verdicts_retry(verdicts *known);
/* False if a check of this name has no verdict; *found is then unchanged. */
bool verdicts_find(const verdicts *known, const char *check, verdict *found);
/* Sets the verdict of a check; verdicts_save writes it. One that is suspected counts for good if
 * the file's verdict is a failure, too. */
status verdicts_put(verdicts *known, const char *check, const verdict *found, error *err);
/* Writes all verdicts, together with those that other processes have written since they were read.
 */
status verdicts_save(verdicts *known, error *err);

/* Totals, for lists of devices. */
typedef struct verdict_totals {
    int checks, failed; /* those that are only suspected have not failed */
    int refused;        /* failed checks that are required, in fp32 */
    char tested[24];    /* as in the file; "" if nothing was tested */
} verdict_totals;
verdict_totals verdicts_totals(const verdicts *known);
