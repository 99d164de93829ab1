/* SPDX-License-Identifier: Apache-2.0 */
/* What the run of a trial is started with. */
#pragma once

#include "base/text.h"
#include "sweep/sweep_file.h"

/* Adds the arguments of a new run of these places: "train", the extra words, which are those that
 * the store has of the sweep, an option for each parameter, and, unless NULL, --run DIRECTORY. */
status trial_arguments(const sweep_file *file, const words *extra, const double *places,
                       const char *directory, words *arguments, error *err);
/* The same of one that goes on: its directory knows the options. */
status trial_resume_arguments(const sweep_file *file, const words *extra, const double *places,
                              const char *directory, words *arguments, error *err);

/* "lr=0.01 batch_size=32", for people, in new memory; NULL when memory is out. */
char *trial_describe(const sweep_file *file, const double *places);
