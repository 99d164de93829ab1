/* SPDX-License-Identifier: Apache-2.0 */
/* The messages behind TensorBoard's HParams page: which parameters and metrics there are, what a
 * run was started with, how it ended. Each is a HParams of track/event.proto, packed. */
#ifndef HCNN_TRACK_HPARAMS_H
#define HCNN_TRACK_HPARAMS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* A summary without a value that says something carries the message; these are their tags. */
#define HPARAMS_PLUGIN         "hparams"
#define HPARAMS_EXPERIMENT_TAG "_hparams_/experiment"
#define HPARAMS_START_TAG      "_hparams_/session_start_info"
#define HPARAMS_END_TAG        "_hparams_/session_end_info"

/* Freed by the caller. */
typedef struct hparams_bytes {
    unsigned char *data;
    size_t size;
} hparams_bytes;

/* Times are seconds since 1970. config is a flat JSON object: texts, numbers and truths. A null is
 * a text that this run has none of: the experiment names it, the start does not. */
status hparams_pack_experiment(const json_t *config, const char *const *metrics,
                               size_t metric_count, double time, hparams_bytes *packed, error *err);
status hparams_pack_start(const json_t *config, double time, hparams_bytes *packed, error *err);
status hparams_pack_end(bool succeeded, double time, hparams_bytes *packed, error *err);

#endif
