/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments with which the run of a trial is started. */
#pragma once

#include "base/text.h"
#include "sweep/sweep_file.h"

/* Appends the arguments of a new run at places[parameter_count]: "train", the extra words (those
 * that the store has for the sweep), an option for each parameter and, unless directory is NULL,
 * --run=DIRECTORY. */
status trial_arguments(const sweep_file *file, const words *extra, const double *places,
                       const char *directory, words *arguments, error *err);
/* Appends the arguments that resume such a run. Its directory has all options but --max-steps,
 * which is taken from the same places and words. */
status trial_resume_arguments(const sweep_file *file, const words *extra, const double *places,
                              const char *directory, words *arguments, error *err);

/* "lr=0.01 batch_size=32", for people. The caller frees it; NULL if memory is out. */
char *trial_describe(const sweep_file *file, const double *places);
