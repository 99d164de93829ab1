/* SPDX-License-Identifier: Apache-2.0 */
/* Draws the progress line; see progress.h. */
#include "base/progress.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    DEFAULT_COLUMNS = 80,
    BAR_COLUMNS = 20,
    MAX_LINE = 1024,
};

/* Seconds between two drawings. */
static const double draw_interval = 0.1;

/* The width may change at any time. If it cannot be read, `columns` keeps its value. */
static void read_width(progress *bar)
{
    struct winsize size;
    if (ioctl(fileno(bar->stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        bar->columns = size.ws_col;
}

void progress_begin(progress *bar, FILE *stream)
{
    *bar = (progress){.stream = stream, .columns = DEFAULT_COLUMNS};
    const char *kind = getenv("TERM");
    bar->terminal = isatty(fileno(stream)) && kind && *kind && strcmp(kind, "dumb") != 0;
    if (bar->terminal)
        read_width(bar);
    bar->started = clock_now();
    bar->last = bar->started - draw_interval;
}

/* Cuts the line to the width, never inside a UTF-8 character. */
static void cut_to_width(char *line, int columns)
{
    int used = 0;
    for (char *at = line; *at; at++) {
        bool continues = ((unsigned char)*at & 0xC0) == 0x80;
        if (!continues && used++ == columns) {
            *at = '\0';
            return;
        }
    }
}

static void format_bar(char *text, size_t done, size_t total)
{
    size_t filled = total > 0 ? (size_t)((double)done / (double)total * BAR_COLUMNS) : 0;
    if (filled > BAR_COLUMNS)
        filled = BAR_COLUMNS;
    memset(text, '#', filled);
    memset(text + filled, ' ', BAR_COLUMNS - filled);
    text[BAR_COLUMNS] = '\0';
}

void progress_draw(progress *bar, const char *label, size_t done, size_t total, const char *text)
{
    if (!bar->terminal)
        return;
    double now = clock_now();
    if (done != total && now - bar->last < draw_interval)
        return;
    bar->last = now;
    read_width(bar);

    char cells[BAR_COLUMNS + 1], left[48] = "";
    format_bar(cells, done, total);
    if (done > 0 && done < total) {
        char duration[32];
        double each = (now - bar->started) / (double)done;
        clock_duration(each * (double)(total - done), duration, sizeof duration);
        snprintf(left, sizeof left, "  %s left", duration);
    }
    char line[MAX_LINE];
    snprintf(line, sizeof line, "%s [%s] %zu/%zu %s%s", label, cells, done, total, text, left);
    /* The last column stays free: some terminals wrap as soon as it is written. */
    cut_to_width(line, bar->columns - 1);
    fprintf(bar->stream, "\r%s\033[K", line);
    fflush(bar->stream);
    bar->drawn = true;
}

void progress_clear(progress *bar)
{
    if (!bar->drawn)
        return;
    fputs("\r\033[K", bar->stream);
    fflush(bar->stream);
    bar->drawn = false;
}
