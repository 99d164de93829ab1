/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver's compiler said about a program that does not build. */
#pragma once

#include "device/device.h"

typedef struct failed_build {
    cl_program program;
    cl_int code;                /* of clBuildProgram */
    const char *name, *options; /* as in program_build */
    uint64_t key;               /* the hash of the program's key in the cache */
} failed_build;

/* Sets the error for the build and returns its status. If PoCL's cache has no room, which PoCL
 * needs to compile and does not say, that is the error. Otherwise it is STATUS_FAILED, and the
 * whole log goes to NAME-KEY-build.log in the cache directory, which the message names; the message
 * has the first lines that say "error". If the file cannot be written, the message has the log
 * itself. */
status build_log_report(const device *dev, const failed_build *failed, error *err);
