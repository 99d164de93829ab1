/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a run is that of a trial: runs can be renamed, and another run can take the name. */
#pragma once

#include "sweep/sweep_file.h"

#include <jansson.h>

/* Compares the options of the trial at places[parameter_count] with the config of the run that has
 * its name. *why is NULL if they agree; otherwise it is a sentence for people that names an option
 * that differs, and the caller frees it. Not compared are options that the config does not
 * have, paths, and options of which train stores the outcome, such as precision. */
status trial_match(const sweep_file *file, const double *places, const json_t *config, char **why,
                   error *err);
