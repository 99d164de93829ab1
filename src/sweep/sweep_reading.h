/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read a sweep's file share; for everyone else there is sweep_file.h. */
#ifndef HCNN_SWEEP_SWEEP_READING_H
#define HCNN_SWEEP_SWEEP_READING_H

#include "base/yaml_tree.h"
#include "sweep/sweep_file.h"

typedef struct sweep_reading {
    yaml_tree tree;
    const option_spec *rows;
    const char *const *metrics;
    sweep_file *file;
    bool again; /* from a text that was read before */
} sweep_reading;

/* Keeps a sentence for the user, with its line in front. */
status sweep_note(sweep_reading *from, const yaml_node_t *node, error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The key `metric` of the root, where it is given (sweep_metric.c). */
status sweep_read_metric(sweep_reading *from, error *err);
/* The key `parameters`, once the method is known (sweep_parameters.c). */
status sweep_read_parameters(sweep_reading *from, error *err);
/* The key `command`, once the parameters are known (sweep_command.c). */
status sweep_read_command(sweep_reading *from, error *err);

/* A parameter on its way. */
typedef struct sweep_form {
    sweep_reading *from;
    const yaml_node_t *body;
    const option_spec *row;
    sweep_parameter *p; /* its name, option and line are set */
    unsigned given;     /* keys, by their place in sweep_form.c's list */
} sweep_form;

/* yaml_tree_fail with the parameter's name before the message. */
status sweep_form_fail(const sweep_form *form, const yaml_node_t *node, error *err,
                       const char *message);

/* Reads the form and values of form->p (sweep_form.c). */
status sweep_read_form(sweep_form *form, error *err);
/* The keys `value` or `values`, and `probabilities` (sweep_values.c). */
status sweep_read_values(sweep_form *form, error *err);
status sweep_read_probabilities(sweep_form *form, error *err);

/* Whether the option would take the text; its target is not touched. */
status sweep_try_value(const option_spec *row, const char *text, error *err);

#endif
