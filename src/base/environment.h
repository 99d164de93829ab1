/* SPDX-License-Identifier: Apache-2.0 */
/* Switches in environment variables. */
#pragma once

#include "base/error.h"

/* Reads a switch: "1" is true, "0" is false, and `otherwise` is the value if the variable is unset
 * or empty. Anything else is STATUS_USAGE, with the message "NAME=VALUE: expected 0 or 1", and
 * *value becomes `otherwise`. */
status environment_flag(const char *name, bool otherwise, bool *value, error *err);
