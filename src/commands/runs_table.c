/* SPDX-License-Identifier: Apache-2.0 */
/* See runs_table.h. */
#include "commands/runs_table.h"
#include "base/clock.h"
#include "base/terminal.h"
#include "track/run_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CELL = 64 };

static int is_time(const char *key)
{
    return strcmp(key, "started") == 0 || strcmp(key, "ended") == 0 || strcmp(key, "updated") == 0;
}

/* A value as a person reads it, cut to the cell. */
static void show(const char *key, const json_t *value, char text[CELL])
{
    double number = json_number_value(value);
    time_t seconds = (time_t)number;
    struct tm local;
    if (json_is_null(value))
        snprintf(text, CELL, "-");
    else if (json_is_boolean(value))
        snprintf(text, CELL, "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_string(value))
        snprintf(text, CELL, "%s", json_string_value(value));
    else if (is_time(key) && localtime_r(&seconds, &local))
        strftime(text, CELL, "%Y-%m-%d %H:%M:%S", &local);
    else if (strcmp(key, "seconds") == 0)
        clock_duration(number, text, CELL);
    else if (run_metric_rises(key))
        snprintf(text, CELL, "%.2f%%", 100 * number);
    else
        snprintf(text, CELL, json_is_integer(value) ? "%.0f" : "%.6g", number);
}

/* Columns that a terminal shows: bytes that do not continue a character. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void put(const char *text, int width, int last)
{
    terminal_put(stdout, text);
    for (int i = width_of(text); !last && i < width + 2; i++)
        putchar(' ');
    if (last)
        putchar('\n');
}

static int widest(int width, const char *key, json_t *const *cells, size_t count, size_t stride)
{
    char text[CELL];
    for (size_t i = 0; i < count; i++) {
        show(key, cells[i * stride], text);
        width = width_of(text) > width ? width_of(text) : width;
    }
    return width;
}

void runs_print_table(const char *const *headings, size_t columns, json_t *const *cells,
                      size_t rows)
{
    char text[CELL];
    int widths[RUNS_COLUMNS];
    for (size_t c = 0; c < columns; c++) {
        widths[c] = widest(width_of(headings[c]), headings[c], cells + c, rows, columns);
        put(headings[c], widths[c], c + 1 == columns);
    }
    for (size_t i = 0; i < rows * columns; i++) {
        size_t c = i % columns;
        show(headings[c], cells[i], text);
        put(text, widths[c], c + 1 == columns);
    }
}

void runs_print_comparison(const char *const *headings, size_t columns, const char *const *keys,
                           json_t *const *cells, size_t rows)
{
    char text[CELL];
    int first = 0, width = 0;
    for (size_t r = 0; r < rows; r++) {
        first = width_of(keys[r]) > first ? width_of(keys[r]) : first;
        width = widest(width, keys[r], cells + r * columns, columns, 1);
    }
    for (size_t c = 0; c < columns; c++)
        width = width_of(headings[c]) > width ? width_of(headings[c]) : width;
    put("", first, 0);
    for (size_t c = 0; c < columns; c++)
        put(headings[c], width, c + 1 == columns);
    for (size_t r = 0; r < rows; r++) {
        put(keys[r], first, 0);
        for (size_t c = 0; c < columns; c++) {
            show(keys[r], cells[r * columns + c], text);
            put(text, width, c + 1 == columns);
        }
    }
}

void runs_free_cells(json_t **cells, size_t count)
{
    for (size_t i = 0; cells && i < count; i++)
        json_decref(cells[i]);
    free(cells);
}
