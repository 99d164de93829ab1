/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the readers of metrics.jsonl (track/record.c, track/journal_check.c,
 * track/metric_lines.c): the input is the file. The values of a line must not be more than there is
 * room for, and each must have a known name. A file that a run may continue must have the checksum
 * of its bytes. */
#include "base/crc32c.h"
#include "fuzz.h"
#include "track/journal_check.h"
#include "track/metric_lines.h"
#include "track/record.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void check_line(const char *text, size_t length)
{
    run_metric values[METRICS_OF_LINE];
    uint64_t step = 0;
    json_t *line = json_loadb(text, length, 0, NULL);
    size_t count = metric_line_parse(line, &step, values);
    FUZZ_HOLDS(count <= METRICS_OF_LINE);
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (metric_names[k] && metric_names[k] != values[i].name)
            k++;
        FUZZ_HOLDS(metric_names[k] != NULL);
    }
    json_decref(line);
}

/* As for a run whose checkpoint is older than checksums, after its first line. */
static void check_left(const char *path, const uint8_t *data, size_t kept)
{
    error err;
    uint32_t sum;
    const journal_mark mark = {.bytes = kept};
    if (journal_check(path, &mark, 1, &sum, &err) == STATUS_OK)
        FUZZ_HOLDS(sum == crc32c(data, kept));
}

int fuzz_metrics(const uint8_t *data, size_t size)
{
    error err;
    char *path = fuzz_file("metrics.jsonl", data, size);
    record_metrics(NULL, 0, path, &err);
    const char *end = memchr(data ? (const char *)data : "", '\n', size);
    size_t length = end ? (size_t)(end - (const char *)data) : size;
    check_line((const char *)data, length);
    check_left(path, data, end ? length + 1 : 0);
    free(path);
    return 0;
}
