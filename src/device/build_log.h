/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver's compiler said about a program that does not build. */
#pragma once

#include "device/device.h"

/* Sets the error for `program`, whose build failed with `code`, and returns STATUS_FAILED. The
 * whole log goes to NAME-build.log in the cache directory, which the message names; the message has
 * the first lines that say "error". If the file cannot be written, the message has the log itself.
 */
status build_log_report(const device *dev, cl_program program, const char *name,
                        const char *options, cl_int code, error *err);
