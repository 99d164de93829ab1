/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read a sweep file share; all others include sweep_file.h. */
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

/* Adds a note for the user, with the path and the line of the node in front. */
status sweep_note(sweep_reading *from, const yaml_node_t *node, error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* yaml_tree_fail for the file that is read. */
#define sweep_fail(from, ...) yaml_tree_fail(&(from)->tree, __VA_ARGS__)

/* Reads the key `parameters`; the method has to be known (sweep_parameters.c). */
status sweep_read_parameters(sweep_reading *from, error *err);
/* Reads the key `command`; the parameters have to be known (sweep_command.c). */
status sweep_read_command(sweep_reading *from, error *err);

/* Reads the distribution and the values of a parameter whose name, option and line are set
 * (sweep_form.c). */
status sweep_read_form(sweep_reading *from, const yaml_node_t *body, const option_row *row,
                       sweep_parameter *p, error *err);
/* Checks that the option accepts the text, without setting it; the error says why it does not. */
status sweep_try_value(const option_row *row, const char *text, error *err);
