/* SPDX-License-Identifier: Apache-2.0 */
/* TensorBoard's event files: records of protobuf messages (track/event.proto), appended one after
 * another. Records are kept in memory until event_file_flush, or until there are many, and are
 * written whole. A write that fails returns STATUS_FAILED, leaves no part of a record in the file,
 * and is tried again with the next one. */
#pragma once

#include "base/error.h"
#include "track/histogram.h"

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* How the name of every event file begins. */
#define EVENT_FILE_BEGINS "events.out.tfevents."

/* NULL stands for a file that could not be created: what is put into it is dropped. */
typedef struct event_file event_file;

/* Creates DIRECTORY/events.out.tfevents.SECONDS.HOST.PID.NUMBER, a new file each time. Its name
 * sorts after those that exist, because readers take files in the order of their names. *made is
 * NULL after a failure. */
status event_file_create(const char *directory, event_file **made, error *err);
/* The name of the file within its directory. */
const char *event_file_name(const event_file *f);
void event_file_close(event_file *f); /* flushes what it can; NULL is fine */

/* Records that the run continues after `step` steps: readers drop what earlier files have of later
 * steps. */
status event_file_resume(event_file *f, uint64_t step, error *err);

status event_file_scalar(event_file *f, uint64_t step, const char *tag, double value, error *err);
/* A picture: `size` bytes of PNG, RGB. */
status event_file_image(event_file *f, uint64_t step, const char *tag, int width, int height,
                        const unsigned char *png, size_t size, error *err);
status event_file_histogram(event_file *f, uint64_t step, const char *tag, const histogram *h,
                            error *err);

/* Tags of the messages for TensorBoard's HParams page. */
#define HPARAMS_EXPERIMENT_TAG "_hparams_/experiment"
#define HPARAMS_START_TAG      "_hparams_/session_start_info"
#define HPARAMS_END_TAG        "_hparams_/session_end_info"
/* Writes two messages for that page: the first lists the parameters and metrics, the second has the
 * values with which the run was started. config: a flat JSON object of texts, numbers and booleans.
 * Null stands for a text that this run does not have: the first message names it, the second leaves
 * it out. metrics[metric_count]: tags of the metrics that the page shows beside the parameters. */
status event_file_hyperparameters(event_file *f, const json_t *config, const char *const *metrics,
                                  size_t metric_count, error *err);
/* Records for that page that the run has finished. Readers keep the first such record of a run, in
 * whichever file it is, so a run that may be resumed must not write one. */
status event_file_end(event_file *f, error *err);

/* Writes all records to the file, so that readers see them. */
status event_file_flush(event_file *f, error *err);
