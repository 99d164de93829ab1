/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a CSV file (RFC 4180) with a header: image, coarse, fine and, optionally, split, in any
 * order. A row is an image: its path and the names of its classes, which are numbered by name. A
 * path is relative to the file's directory, or absolute and below that directory. Without a split
 * every image is for training. */
#include "base/file.h"
#include "base/text.h"
#include "data/class_table.h"
#include "data/dataset.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_CSV_BYTES = 1 << 30 };

enum column { COLUMN_IMAGE, COLUMN_COARSE, COLUMN_FINE, COLUMN_SPLIT, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = {"image", "coarse", "fine", "split"};

/* What libcsv's callbacks share. After an error they do nothing more. */
typedef struct reader {
    const char *path;
    char *directory;
    dataset *opened;
    class_table *table;
    size_t line, row_line; /* the line being parsed; the line on which the row began */
    bool in_row;           /* whether a row has begun and not ended */
    bool in_header;
    int width, fields;                 /* fields of the header; fields of the row so far */
    enum column columns[COLUMN_COUNT]; /* the column of each field of the header */
    char *values[COLUMN_COUNT];        /* the values of the row, by column */
    status result;
    error *err;
} reader;

static status take_header_field(reader *r, const char *name, error *err)
{
    int column = 0;
    while (column < COLUMN_COUNT && strcmp(column_names[column], name) != 0)
        column++;
    for (int i = 0; i < r->width && i < COLUMN_COUNT; i++)
        if ((int)r->columns[i] == column)
            return error_set(err, STATUS_FAILED, "column '%s' is given twice", name);
    if (column == COLUMN_COUNT)
        return error_set(err, STATUS_FAILED,
                         "unknown column '%s'; expected image, coarse, fine and, optionally, split",
                         name);
    r->columns[r->width++] = (enum column)column;
    return STATUS_OK;
}

static status take_field(reader *r, const char *text, size_t length, error *err)
{
    if (strlen(text) != length)
        return error_set(err, STATUS_FAILED, "contains a zero byte; it is not text");
    if (r->in_header)
        return take_header_field(r, text, err);
    if (r->fields < r->width) {
        char **value = &r->values[r->columns[r->fields]];
        free(*value);
        *value = strdup(text);
        TRY(got_memory(*value, err, r->path));
    }
    r->fields++;
    return STATUS_OK;
}

static status finish_header(reader *r, error *err)
{
    bool found[COLUMN_COUNT] = {false};
    for (int i = 0; i < r->width; i++)
        found[r->columns[i]] = true;
    for (int column = 0; column < COLUMN_SPLIT; column++)
        if (!found[column])
            return error_set(err, STATUS_FAILED,
                             "the header has no column '%s'; expected image, coarse, fine and, "
                             "optionally, split",
                             column_names[column]);
    r->in_header = false;
    return STATUS_OK;
}

static status image_path(const reader *r, char **path, error *err)
{
    const char *image = r->values[COLUMN_IMAGE];
    if (!*image)
        return error_set(err, STATUS_FAILED, "names no image");
    if (!file_path_is_below(image, r->directory))
        return error_set(err, STATUS_FAILED,
                         "'%s' leads out of the file's directory; move the CSV file above the "
                         "images, or put a symbolic link to them beside it",
                         image);
    *path = image[0] == '/' ? text_format("%s", image) : text_format("%s/%s", r->directory, image);
    return got_memory(*path, err, r->path);
}

static status choose_part(const reader *r, image_set **set, error *err)
{
    const char *split = r->values[COLUMN_SPLIT];
    enum dataset_part part = split ? dataset_part_named(split) : PART_TRAIN;
    if (part == PART_COUNT)
        return error_set(err, STATUS_FAILED,
                         "the split is '%s'; expected train, valid (or val, validation) or test",
                         split);
    *set = dataset_part(r->opened, part);
    return STATUS_OK;
}

static status finish_row(reader *r, error *err)
{
    image_set *set = NULL;
    char *path;
    int number;
    if (r->fields != r->width)
        return error_set(err, STATUS_FAILED, "has %d fields, but the header has %d", r->fields,
                         r->width);
    TRY(choose_part(r, &set, err));
    TRY(class_table_add(r->table, r->values[COLUMN_COARSE], r->values[COLUMN_FINE], &number, err));
    TRY(image_path(r, &path, err));
    r->fields = 0;
    return image_set_append(set, path, 0, number, NULL, err);
}

/* Puts file and line before an error. */
static status placed(const reader *r, status result)
{
    return result == STATUS_OK ? STATUS_OK
                               : error_prefix(r->err, result, "%s: line %zu", r->path, r->row_line);
}

static void on_field(void *text, size_t length, void *context)
{
    reader *r = context;
    if (r->result == STATUS_OK)
        r->result = placed(r, take_field(r, text, length, r->err));
}

static void on_row(int terminator, void *context)
{
    reader *r = context;
    (void)terminator;
    r->in_row = false;
    if (r->result == STATUS_OK)
        r->result = placed(r, r->in_header ? finish_header(r, r->err) : finish_row(r, r->err));
}

/* The length of the line at the start of text, including its end: \n, \r\n or \r. */
static size_t line_length(const char *text, size_t size)
{
    size_t length = 0;
    while (length < size && text[length] != '\n' && text[length] != '\r')
        length++;
    length += length < size && text[length] == '\r';
    length += length < size && text[length] == '\n';
    return length;
}

/* A line begins a row unless it continues a quoted field or is blank, which libcsv ignores. */
static void enter_line(reader *r, const char *text, size_t length)
{
    r->line++;
    if (r->in_row)
        return;
    r->row_line = r->line;
    for (size_t i = 0; i < length; i++)
        r->in_row |= !strchr(" \t\r\n", text[i]);
}

static status parser_fault(const reader *r, struct csv_parser *parser, size_t line, error *err)
{
    if (csv_error(parser) != CSV_EPARSE)
        return error_memory(err, r->path);
    return error_set(err, STATUS_FAILED,
                     "%s: line %zu: a quote is misplaced; quote every field that contains commas, "
                     "quotes or line breaks, and double its own quotes (RFC 4180)",
                     r->path, line);
}

/* Parses line by line, so that errors can name the line. */
static status parse(reader *r, const char *text, size_t size, error *err)
{
    struct csv_parser parser;
    int code = csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL);
    TRY(got_memory(code == 0, err, r->path));
    status result;
    for (size_t at = 0, length; at < size; at += length) {
        length = line_length(text + at, size - at);
        enter_line(r, text + at, length);
        if (csv_parse(&parser, text + at, length, on_field, on_row, r) != length)
            TRY_OR_DONE(parser_fault(r, &parser, r->line, err));
        TRY_OR_DONE(r->result);
    }
    /* At the end of the file, the fault is the quote that is still open. */
    result = csv_fini(&parser, on_field, on_row, r) == 0
                 ? r->result
                 : parser_fault(r, &parser, r->row_line, err);
done:
    csv_free(&parser);
    return result;
}

static status read_rows(reader *r, error *err)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* what Excel puts before UTF-8 */
    unsigned char *data;
    size_t size;
    TRY(file_read(r->path, MAX_CSV_BYTES, &data, &size, err));
    size_t skipped = size >= 3 && memcmp(data, mark, 3) == 0 ? 3 : 0;
    status result = parse(r, (const char *)data + skipped, size - skipped, err);
    free(data);
    TRY(result);
    if (r->in_header)
        return error_set(err, STATUS_FAILED, "%s: is empty; expected the header image,coarse,fine",
                         r->path);
    if (r->opened->train.count == 0)
        return error_set(err, STATUS_FAILED, "%s: has no row with a training image", r->path);
    return class_table_finish(r->table, true, r->opened, err);
}

bool csv_recognise(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcasecmp(path + length - 4, ".csv") == 0 && file_may_exist(path) &&
           !file_is_directory(path);
}

status csv_open(const char *path, dataset *opened, error *err)
{
    reader r = {.path = path, .opened = opened, .in_header = true, .row_line = 1, .err = err};
    r.directory = file_parent(path);
    status result;
    TRY_OR_DONE(got_memory(r.directory, err, path));
    TRY_OR_DONE(class_table_create(&r.table, err));
    TRY_OR_DONE(read_rows(&r, err));
done:
    for (int column = 0; column < COLUMN_COUNT; column++)
        free(r.values[column]);
    class_table_free(r.table);
    free(r.directory);
    return result;
}
