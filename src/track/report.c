/* SPDX-License-Identifier: Apache-2.0 */
/* What the report says about a run, and the file that is written; see report.h. */
#include "track/report.h"
#include "base/file.h"
#include "base/json_values.h"
#include "track/report_page.h"
#include "track/run_home.h"

#include <string.h>
#include <sys/stat.h>

enum { DIGITS = 7 }; /* of a number on the page; a float has fewer */

/* ---- A run ---- */

/* Writes the indices of the values that a series keeps if it is too long: the first, the last, and
 * the smallest and largest in each of the equal parts between them. Returns their number. */
static size_t thin(const run_series *series, size_t *places)
{
    const double *values = series->values;
    size_t inner = series->count - 2, stretches = (REPORT_POINTS - 2) / 2, kept = 0;
    places[kept++] = 0;
    for (size_t i = 0; i < stretches; i++) {
        size_t begin = 1 + inner * i / stretches, end = 1 + inner * (i + 1) / stretches;
        size_t low = begin, high = begin;
        for (size_t at = begin + 1; at < end; at++) {
            if (!(values[low] <= values[at]))
                low = at;
            if (!(values[high] >= values[at]))
                high = at;
        }
        places[kept++] = low < high ? low : high;
        if (low != high)
            places[kept++] = low < high ? high : low;
    }
    places[kept++] = series->count - 1;
    return kept;
}

/* NULL if memory is out. */
static json_t *series_to_json(const run_series *series)
{
    size_t places[REPORT_POINTS];
    bool whole = series->count <= REPORT_POINTS;
    size_t kept = whole ? series->count : thin(series, places);
    json_t *steps = json_array(), *values = json_array();
    for (size_t i = 0; i < kept; i++) {
        size_t at = whole ? i : places[i];
        steps = array_with(steps, json_integer((json_int_t)series->steps[at]));
        values = array_with(values, number_to_json(series->values[at]));
    }
    return json_pack("{s:o, s:o, s:I}", "step", steps, "value", values, "of",
                     (json_int_t)series->count);
}

static status add_series(run_store *store, const run_record *run, const char *name, json_t *all,
                         error *err)
{
    run_series series;
    TRY(run_store_series(store, run->id, name, &series, err));
    json_t *one = series_to_json(&series);
    run_series_free(&series);
    return got_memory(json_object_set_new(all, name, one) == 0, err, run->name);
}

static status add_all_series(run_store *store, const run_record *run, json_t *all, error *err)
{
    words names;
    TRY(run_store_names(store, run->id, &names, err));
    status result = STATUS_OK;
    bool utf8;
    for (size_t i = 0; i < names.count; i++) {
        TRY_OR_DONE(json_check_text(names.texts[i], &utf8, err));
        if (utf8) /* no run of this program logs other names */
            TRY_OR_DONE(add_series(store, run, names.texts[i], all, err));
    }
done:
    words_free(&names);
    return result;
}

/* Times are whole seconds, because the page's numbers have too few digits for fractions of one. */
static json_t *record_to_json(const run_record *run)
{
    return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:O, s:O, s:{}}",
                     "name", text_to_json(run->name), "directory", text_to_json(run->directory),
                     "state", run_state_name(run->state), "message", text_to_json(run->message),
                     "version", text_to_json(run->version), "device", text_to_json(run->device),
                     "driver", text_to_json(run->driver), "host", text_to_json(run->host),
                     "started", (json_int_t)run->started, "ended", (json_int_t)run->ended,
                     "updated", (json_int_t)run->updated, "step", (json_int_t)run->step, "config",
                     run->config, "summary", run->summary, "series");
}

/* Reads the evaluation of a run, if its directory is still there. */
static status read_evaluation(run_store *store, const run_record *run, json_t **evaluation,
                              error *err)
{
    bool holds;
    *evaluation = json_null();
    if (!file_may_exist_in(run->directory, "config.json"))
        return report_evaluation_read(run->directory, evaluation, err);
    if (run_home_holds(store, run->id, run->directory, &holds, err) != STATUS_OK)
        return error_suffix(err, STATUS_FAILED,
                            "; the report shows the run without its evaluation");
    return holds ? report_evaluation_read(run->directory, evaluation, err)
                 : error_set(err, STATUS_FAILED,
                             "%s: holds another run than the record of this name, which the report "
                             "shows without its evaluation; `hcnn-cl runs --add %s` records the "
                             "run that is there",
                             run->directory, run->directory);
}

json_t *report_run(run_store *store, const run_record *run, error *err)
{
    json_t *record = record_to_json(run), *evaluation, *fault = NULL;
    error why;
    status result;
    TRY_OR_DONE(got_memory(record, err, run->name));
    TRY_OR_DONE(add_all_series(store, run, json_object_get(record, "series"), err));
    if (read_evaluation(store, run, &evaluation, &why) != STATUS_OK) {
        if (why.shortage) {
            *err = why;
            goto done;
        }
        evaluation = json_null();
        fault = text_to_json(why.message);
    }
    bool whole = json_object_set_new(record, "evaluation", evaluation) == 0 &&
                 (!fault || json_object_set_new(record, "fault", fault) == 0);
    TRY_OR_DONE(got_memory(whole, err, run->name));
    return record;
done:
    json_decref(record);
    return NULL;
}

/* ---- The page ---- */

typedef struct page_output {
    file_writer file;
    error *err;
} page_output;

static status put_text(page_output *to, const char *text, error *err)
{
    return file_writer_put(&to->file, text, strlen(text), err);
}

/* Writes the text, with each character of `special` replaced by its entry in `escapes`. */
static status put_escaped(page_output *to, const char *text, size_t size, const char *special,
                          const char *const *escapes, error *err)
{
    size_t done = 0;
    for (size_t i = 0; i < size; i++) {
        const char *found = text[i] ? strchr(special, text[i]) : NULL;
        if (!found)
            continue;
        TRY(file_writer_put(&to->file, text + done, i - done, err));
        TRY(put_text(to, escapes[found - special], err));
        done = i + 1;
    }
    return file_writer_put(&to->file, text + done, size - done, err);
}

/* In JSON, these characters occur only in strings, where they may be written with \u. Without '<',
 * no </script> can end the document. */
static int put_json(const char *text, size_t size, void *context)
{
    static const char *const escapes[] = {"\\u003c", "\\u003e", "\\u0026"};
    page_output *to = context;
    return put_escaped(to, text, size, "<>&", escapes, to->err) == STATUS_OK ? 0 : -1;
}

static status put_head(page_output *to, const char *title, int refresh, error *err)
{
    static const char *const escapes[] = {"&lt;", "&gt;", "&amp;"};
    char line[80];
    snprintf(line, sizeof line, "<meta http-equiv=\"refresh\" content=\"%d\">\n", refresh);
    TRY(put_text(to, refresh > 0 ? line : "", err));
    TRY(put_text(to, "<title>", err));
    TRY(put_escaped(to, title, strlen(title), "<>&", escapes, err));
    return put_text(to, "</title>\n", err);
}

/* JSON_ENSURE_ASCII also writes U+2028 and U+2029 with \u, because they end a line of
 * JavaScript. */
static status put_page(page_output *to, const json_t *document, int refresh, error *err)
{
    const char *title = json_string_value(json_object_get(document, "title"));
    TRY(put_text(to, report_page.before_head, err));
    TRY(put_head(to, title ? title : "hcnn-cl", refresh, err));
    TRY(put_text(to, report_page.before_document, err));
    snprintf(err->message, sizeof err->message, "the report cannot be written as JSON");
    int code = json_dump_callback(document, put_json, to,
                                  JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(DIGITS));
    TRY(got_memory(!json_lost_memory(), err, to->file.path));
    return code == 0 ? put_text(to, report_page.after_document, err) : STATUS_FAILED;
}

/* Only a report or an empty file is replaced, and nothing else that somebody might miss. */
static status check_replaced(const char *path, error *err)
{
    static const char mark[] = "content=\"hcnn-cl report\"";
    char head[1024] = "";
    struct stat info;
    FILE *file = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? fopen(path, "rb") : NULL;
    if (!file)
        return STATUS_OK; /* file_writer_open says what is wrong, if anything is */
    size_t size = fread(head, 1, sizeof head - 1, file);
    fclose(file);
    if (size == 0 || strstr(head, mark))
        return STATUS_OK;
    return error_set(
        err, STATUS_USAGE,
        "%s: already exists and is not a report; choose another file or move this one away", path);
}

status report_write(const char *path, const json_t *document, int refresh, error *err)
{
    page_output to = {.err = err};
    TRY(check_replaced(path, err));
    TRY(file_writer_open(&to.file, path, err));
    return file_writer_end(&to.file, put_page(&to, document, refresh, err), err);
}
