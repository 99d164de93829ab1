/* SPDX-License-Identifier: Apache-2.0 */
/* What `hcnn-cl sweep` prints of a sweep's summary (sweep/summary.h). */
#pragma once

#include "base/error.h"

#include <jansson.h>

/* For people: the trials, the best first, what mattered, and the best run's command. */
void sweep_print_table(const json_t *summary);

/* For scripts, lines of JSON: {"sweep":{..}} without the lists, {"trial":{..}} each,
 * {"importance":{..}} each, {"best":{..} or null}. */
status sweep_print_json(const json_t *summary, error *err);
