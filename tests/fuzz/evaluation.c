/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the evaluation that a run leaves for the report (track/report_evaluation.c), and the page
 * made from it (track/report.c): the input is test.json. Whatever it contains, none of it may read
 * as a tag, so that the page's data end where they should. */
#include "base/file.h"
#include "fuzz.h"
#include "track/report.h"
#include "track/report_page.h"

#include <stdlib.h>
#include <string.h>

static void check_page(const char *path)
{
    error err;
    unsigned char *page;
    size_t size;
    FUZZ_SUCCEEDS(file_read(path, 64 << 20, &page, &size, &err));
    const char *begin = strstr((char *)page, report_page.before_document);
    size_t behind = strlen(report_page.after_document);
    FUZZ_HOLDS(begin && size >= behind);
    begin += strlen(report_page.before_document);
    size_t length = (size_t)((char *)page + size - behind - begin);
    FUZZ_HOLDS(strcmp(begin + length, report_page.after_document) == 0);
    for (size_t i = 0; i < length; i++)
        FUZZ_HOLDS(!strchr("<>&", begin[i]) && (unsigned char)begin[i] < 0x80);
    free(page);
}

int fuzz_evaluation(const uint8_t *data, size_t size)
{
    error err;
    json_t *evaluation;
    char *file = fuzz_file("run/test.json", data, size), *run = file_parent(file);
    if (report_evaluation_read(run, &evaluation, &err) == STATUS_OK) {
        json_t *document =
            json_pack("{s:O, s:[{s:o}]}", "title", json_object_get(evaluation, "set"), "runs",
                      "evaluation", evaluation);
        char *path = fuzz_file("page.html", "", 0);
        FUZZ_SUCCEEDS(document && report_write(path, document, 0, &err));
        check_page(path);
        json_decref(document);
        free(path);
    }
    free(run);
    free(file);
    return 0;
}
