/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of values for people; see runs.h. */
#include "base/clock.h"
#include "commands/commands.h"
#include "commands/runs.h"
#include "track/run_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CELL = 64 };

static bool is_time(const char *key)
{
    return strcmp(key, "started") == 0 || strcmp(key, "ended") == 0 || strcmp(key, "updated") == 0;
}

/* A value as text for people, truncated to CELL - 1 bytes. */
static void show(const char *key, const json_t *value, char text[CELL])
{
    double number = json_number_value(value);
    struct tm local;
    if (json_is_null(value))
        snprintf(text, CELL, "-");
    else if (json_is_boolean(value))
        snprintf(text, CELL, "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_string(value))
        snprintf(text, CELL, "%s", json_string_value(value));
    else if (is_time(key) && localtime_r(&(time_t){json_integer_value(value)}, &local))
        strftime(text, CELL, "%Y-%m-%d %H:%M:%S", &local);
    else if (strcmp(key, "seconds") == 0)
        clock_duration(number, text, CELL);
    else if (run_metric_rises(key))
        snprintf(text, CELL, "%.2f%%", 100 * number);
    else
        snprintf(text, CELL, json_is_integer(value) ? "%.0f" : "%.6g", number);
}

static void put(const char *text, int width, bool last)
{
    command_put(text, last ? 0 : width + 2);
    if (last)
        putchar('\n');
}

/* The width of a heading and the values below it. */
static int column_width(const runs_table *t, size_t column)
{
    char text[CELL];
    int widest = command_width(t->headings[column]);
    for (size_t r = 0; r < t->rows; r++) {
        show(t->keys ? t->keys[r] : t->headings[column], t->cells[r * t->columns + column], text);
        widest = command_width(text) > widest ? command_width(text) : widest;
    }
    return widest;
}

/* widths [1 + columns]: the width of the keys, then that of each column. */
static void measure(const runs_table *t, int *widths)
{
    int widest = 0;
    for (size_t r = 0; t->keys && r < t->rows; r++)
        widths[0] = command_width(t->keys[r]) > widths[0] ? command_width(t->keys[r]) : widths[0];
    for (size_t c = 0; c < t->columns; c++) {
        widths[1 + c] = column_width(t, c);
        widest = widths[1 + c] > widest ? widths[1 + c] : widest;
    }
    for (size_t c = 0; t->keys && c < t->columns; c++)
        widths[1 + c] = widest;
}

status runs_print_table(const runs_table *t, error *err)
{
    char text[CELL];
    int *widths = calloc(1 + t->columns, sizeof *widths);
    TRY(got_memory(widths, err, "the table of runs"));
    measure(t, widths);
    if (t->keys)
        put("", widths[0], false);
    for (size_t c = 0; c < t->columns; c++)
        put(t->headings[c], widths[1 + c], c + 1 == t->columns);
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        size_t r = i / t->columns, c = i % t->columns;
        if (t->keys && c == 0)
            put(t->keys[r], widths[0], false);
        show(t->keys ? t->keys[r] : t->headings[c], t->cells[i], text);
        put(text, widths[1 + c], c + 1 == t->columns);
    }
    free(widths);
    return STATUS_OK;
}

void runs_free_cells(json_t **cells, size_t count)
{
    for (size_t i = 0; cells && i < count; i++)
        json_decref(cells[i]);
    free(cells);
}
