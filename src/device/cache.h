/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that the cache directories, which keep compiled programs, can be used. */
#pragma once

#include "base/error.h"

/* Checks hcnn-cl's own cache directory, and makes it if it is missing. It must be private
 * (base/private_file.h), because compiled programs are run as they are, and writable. Nothing fails
 * without it, but at every start the self-test is repeated and, except by PoCL, programs are
 * compiled; the error says so, with the directory and the remedy. */
status cache_check(error *err);

/* Checks PoCL's cache directory in the same way. Without it PoCL offers no device. */
status cache_check_pocl(error *err);

/* Checks that PoCL's cache directory takes a file of the size of some kernels. PoCL offers devices
 * without that, but then it compiles nothing. */
status cache_check_pocl_room(error *err);

/* Sets the error of a kernel that a program of PoCL lacks: its cached program is damaged. WHAT was
 * tried. Always STATUS_FAILED. */
status cache_lost_by_pocl(const char *what, error *err);
