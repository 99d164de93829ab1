/* SPDX-License-Identifier: Apache-2.0 */
/* The report: runs as one HTML page that needs nothing else, no network either. */
#pragma once

#include "track/run_store.h"

enum { REPORT_POINTS = 5000 };

/* All that the page shows of a run: its record, what it logged, and the evaluation that it left.
 * NULL and err set on failure. {"name","directory","state","message","version","device","driver",
 * "host","started","ended","updated","step","config":{},"summary":{},"series":{NAME:{"step":[],
 * "value":[],"of":N}},"evaluation":EVALUATION or null}; measure/evaluation.h tells what EVALUATION
 * holds. A series of more than REPORT_POINTS values is thinned to so many of the N that there
 * are. */
json_t *report_run(run_store *store, const run_record *run, error *err);

/* The evaluation that a run left in its directory (report_evaluation.c): DIRECTORY/test.json or
 * else validation.json, whose form measure/evaluation.h tells; JSON's null where there is neither.
 * STATUS_FAILED for one that is damaged, in any way that the page would stumble over; the message
 * names the file and says to remove it. */
status report_evaluation_read(const char *directory, json_t **evaluation, error *err);

/* Writes the page. document: {"title","generated","version","runs":[...],"sweep":{..} or null}.
 * sweep: what sweep/summary.h describes. generated: seconds since 1970. refresh: seconds after
 * which an open page loads itself anew; 0: never. */
status report_write(const char *path, const json_t *document, int refresh, error *err);
