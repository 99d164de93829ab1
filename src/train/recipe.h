/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: YAML files with options of a run. JSON is a part of YAML, so a run's config.json is a
 * recipe too. */
#pragma once

#include "base/text.h"
#include "train/train_options.h"

/* Sets the options in a recipe: a file, or "original" or "modern", which recipe.c contains. Other
 * options keep their values. A recipe is one mapping from options to single values. An option is
 * spelled as on the command line without dashes in front, with '-' or '_'; a list is joined with
 * commas, and null unsets a text. STATUS_FAILED names the file, the line and the option. The texts
 * that the options then point to are added to `kept`, also after a failure. Sets
 * options->origin. */
status recipe_load(const char *name, train_options *options, words *kept, error *err);
/* Sets the options of a run from its config.json, to resume it. Its limit of steps is not set,
 * because that was for one start only. */
status recipe_load_run(const char *run, train_options *options, words *kept, error *err);
/* For an error that is found after the recipe was read, such as options that contradict each other:
 * if it names options that the recipe set, puts the recipe and their lines before the message, and
 * returns STATUS_FAILED. If it also names one that the caller gave, they come after the message in
 * parentheses, and `result` is returned. */
status recipe_place_error(const train_options *options, status result, error *err);
