/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluation that a run left in its directory, for the report. */
#ifndef HCNN_TRACK_REPORT_EVALUATION_H
#define HCNN_TRACK_REPORT_EVALUATION_H

#include "base/error.h"

#include <jansson.h>

/* DIRECTORY/test.json or else validation.json, whose form measure/evaluation.h tells; JSON's null
 * where there is neither. STATUS_FAILED for one that is damaged, in any way that the page would
 * stumble over; the message names the file and says to remove it. */
status report_evaluation_read(const char *directory, json_t **evaluation, error *err);

#endif
