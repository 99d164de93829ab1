/* SPDX-License-Identifier: Apache-2.0 */
/* TensorBoard's event files: records of protobuf messages (track/event.proto), appended as they
 * come. Records are kept until event_file_flush, or until they are many, and written whole. A write
 * that fails is STATUS_FAILED, leaves no part of a record, and is tried again with the next one. */
#pragma once

#include "base/error.h"
#include "track/histogram.h"

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Where one could not be made NULL stands for it: what goes there is dropped. */
typedef struct event_file event_file;

/* Makes DIRECTORY/events.out.tfevents.SECONDS.HOST.PID.NUMBER, a new one each time, whose name
 * comes behind those that are there: readers go by that. */
status event_file_create(const char *directory, event_file **made, error *err);
/* Its name within the directory. */
const char *event_file_name(const event_file *f);
void event_file_close(event_file *f); /* flushes what it can */

/* Says that a run goes on after `step` steps: readers drop what earlier files hold of later ones.
 */
status event_file_resume(event_file *f, uint64_t step, error *err);

status event_file_scalar(event_file *f, uint64_t step, const char *tag, double value, error *err);
/* A picture as PNG bytes, RGB. */
status event_file_image(event_file *f, uint64_t step, const char *tag, int width, int height,
                        const unsigned char *png, size_t size, error *err);
status event_file_histogram(event_file *f, uint64_t step, const char *tag, const histogram *h,
                            error *err);

/* The tags of the messages to TensorBoard's HParams page. */
#define HPARAMS_EXPERIMENT_TAG "_hparams_/experiment"
#define HPARAMS_START_TAG      "_hparams_/session_start_info"
#define HPARAMS_END_TAG        "_hparams_/session_end_info"
/* Which parameters and metrics there are, and what a run was started with: a flat JSON object of
 * texts, numbers and truths. metrics are the tags that the page puts beside them. Null is a text
 * that this run has none of: the first message names it, the second does not. */
status event_file_hyperparameters(event_file *f, const json_t *config, const char *const *metrics,
                                  size_t metric_count, error *err);
/* That it came to its end: shown there too. Readers keep the first word of a run on that, in
 * whatever file it is, so a run that may go on says nothing. */
status event_file_end(event_file *f, error *err);

/* Hands what was written to readers. */
status event_file_flush(event_file *f, error *err);
