/* SPDX-License-Identifier: Apache-2.0 */
/* The report: runs as one HTML page that needs no network and no other files. */
#pragma once

#include "track/run_store.h"

enum { REPORT_POINTS = 5000 };

/* All that the page shows of a run: its record, what it logged, and its evaluation:
 *
 *   {"name", "directory", "state", "message", "version", "device", "driver", "host", "started",
 *    "ended", "updated", "step", "config": {}, "summary": {},
 *    "series": {NAME: {"step": [], "value": [], "of": N}}, "evaluation": EVALUATION or null}
 *
 * If the evaluation is damaged, or the directory holds another run, it is null, and "fault" says
 * why. measure/evaluation.h describes EVALUATION. A series of more than REPORT_POINTS values is
 * thinned to at most that many; "of" is the number before. The caller owns the object; NULL, with
 * err set, on failure. */
json_t *report_run(run_store *store, const run_record *run, error *err);

/* Reads the evaluation in the directory of a run (report_evaluation.c): DIRECTORY/test.json or, if
 * it does not exist, validation.json; measure/evaluation.h describes its form. JSON's null if there
 * is neither. STATUS_FAILED if it is damaged in any way that would break the page; the message
 * names the file and says to remove it. */
status report_evaluation_read(const char *directory, json_t **evaluation, error *err);

/* Writes the page. document: {"title", "generated", "version", "runs": [...], "sweep": {...} or
 * null}; sweep/summary.h describes `sweep`, and `generated` is in seconds since 1970. refresh:
 * seconds after which an open page reloads itself; 0: never. STATUS_USAGE if the file exists and is
 * not a report. */
status report_write(const char *path, const json_t *document, int refresh, error *err);
