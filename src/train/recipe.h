/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: options of a run in a file. YAML, of which JSON is a part: a run's config.json is itself
 * a recipe. */
#pragma once

#include "base/text.h"
#include "train/train_options.h"

/* Sets the options that a file names, or "original" or "modern", whose texts stand in recipe.c; the
 * others keep their values. It holds one mapping: options, spelled as on the command line without
 * dashes, '-' and '_' alike, to single values; a list is joined with commas, null leaves a text
 * out. STATUS_FAILED names file, line and option. The strings that they point to are added to
 * `kept`, whatever came of it. */
status recipe_load(const char *name, train_options *options, words *kept, error *err);
/* The options that a run was made with, from its config.json, to resume it: without its limit of
 * steps, which was that start's. */
status recipe_load_run(const char *run, train_options *options, words *kept, error *err);
