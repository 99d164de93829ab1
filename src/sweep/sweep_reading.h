/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read a sweep's file share; for everyone else there is sweep_file.h. */
#pragma once

#include "base/yaml_tree.h"
#include "sweep/sweep_file.h"

typedef struct sweep_reading {
    yaml_tree tree;
    const option_row *rows;
    const char *const *metrics;
    sweep_file *file;
    bool again; /* from a text that was read before */
} sweep_reading;

/* Keeps a sentence for the user, with its line in front. */
status sweep_note(sweep_reading *from, const yaml_node_t *node, error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* yaml_tree_fail of the file. */
#define sweep_fail(from, ...) yaml_tree_fail(&(from)->tree, __VA_ARGS__)

/* The key `parameters`, once the method is known (sweep_parameters.c). */
status sweep_read_parameters(sweep_reading *from, error *err);
/* The key `command`, once the parameters are known (sweep_command.c). */
status sweep_read_command(sweep_reading *from, error *err);

/* Reads how a parameter is distributed and its values; its name, option and line are set
 * (sweep_form.c). */
status sweep_read_form(sweep_reading *from, const yaml_node_t *body, const option_row *row,
                       sweep_parameter *p, error *err);
/* Whether the option would take the text; its target is not touched. */
status sweep_try_value(const option_row *row, const char *text, error *err);
