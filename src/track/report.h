/* The report: runs as one HTML page that needs nothing else, no network either. */
#ifndef HCNN_TRACK_REPORT_H
#define HCNN_TRACK_REPORT_H

#include "track/run_store.h"

/* All that the page shows of a run: its record, what it logged, and the evaluation that it left.
 * NULL and err set on failure. {"name","state","message","version","device","driver","host",
 * "started","ended","updated","step","config":{},"summary":{},"series":{NAME:{"step":[],
 * "value":[]}},"evaluation":EVALUATION or null}; train/evaluation.h tells what EVALUATION holds. */
json_t *report_run(run_store *store, const run_record *run, error *err);

/* Writes the page. document: {"title","generated","version","runs":[...],"sweep":{..} or null}.
 * refresh: seconds after which an open page loads itself anew; 0: never. */
status report_write(const char *path, const json_t *document, int refresh, error *err);

#endif
