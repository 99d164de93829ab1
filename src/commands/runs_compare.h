/* SPDX-License-Identifier: Apache-2.0 */
/* Runs side by side: the options in which they differ, and their metrics. */
#pragma once

#include "commands/runs_choice.h"

/* Prints a table, or with json a line {"key":..,"values":{RUN:..}} for each row of it. Fewer than
 * two runs are STATUS_USAGE. */
status runs_compare(const runs_choice *c, bool json, error *err);
