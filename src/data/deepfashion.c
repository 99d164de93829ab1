/* SPDX-License-Identifier: Apache-2.0 */
/* Reads DeepFashion's Category and Attribute Prediction benchmark (Liu et al., "DeepFashion:
 * Powering Robust Clothes Recognition and Retrieval with Rich Annotations", CVPR 2016) as it is
 * distributed:
 *
 *   Anno/list_category_cloth.txt    the fine classes, in the order of their numbers, each with its
 *                                   type, the coarse class: 1 upper, 2 lower, 3 full body
 *   Anno/list_category_img.txt      each image's fine class, counted from 1
 *   Anno/list_bbox.txt              a box around the clothes in each image; may be missing
 *   Eval/list_eval_partition.txt    each image's part: train, val, test
 *   Img/img/... or img/...          the images
 *
 * A list has the number of its rows, the names of its columns, and the rows: a name, then one or
 * more values separated by blanks. Later editions call Anno Anno_coarse. Four classes have no
 * images; they keep their numbers. */
#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_LIST_BYTES = 1 << 30,
    TYPES = 3,
    BOX_VALUES = 4,
    BOX_PADDING = 10, /* pixels; mmfashion's loader pads the boxes by as much before it crops */
};

static const char *const type_names[TYPES] = {"upper-body", "lower-body", "full-body"};

/* ---- Lists ---- */

/* A row; its texts point into the text of the list. */
typedef struct row {
    const char *name;
    char *values[BOX_VALUES];
    size_t line;
} row;

typedef struct list {
    char *path, *text;
    row *rows;
    size_t count;
} list;

static void free_list(list *l)
{
    free(l->path);
    free(l->text);
    free(l->rows);
    *l = (list){0};
}

/* Cuts off and returns the line at *text, without its end; NULL after the last. */
static char *next_line(char **text)
{
    char *line = *text;
    if (!*line)
        return NULL;
    size_t length = strcspn(line, "\n");
    *text = line + length + (line[length] == '\n');
    line[length] = '\0';
    if (length > 0 && line[length - 1] == '\r')
        line[length - 1] = '\0';
    return line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts the last word off the line; NULL if nothing would be left before it. */
static char *cut_last_word(char *line)
{
    char *end = line + strlen(line);
    while (end > line && is_blank(end[-1]))
        *--end = '\0';
    char *word = end;
    while (word > line && !is_blank(word[-1]))
        word--;
    char *before = word;
    while (before > line && is_blank(before[-1]))
        *--before = '\0';
    return before == line ? NULL : word;
}

/* Names may contain blanks and values do not, so the line is read from its end. */
static status take_row(list *l, char *line, size_t number, int values, error *err)
{
    row *r = &l->rows[l->count++];
    r->line = number;
    for (int i = values - 1; i >= 0; i--)
        if (!(r->values[i] = cut_last_word(line)))
            return error_set(err, STATUS_FAILED, "%s: line %zu: expected a name and %d values",
                             l->path, number, values);
    r->name = line + strspn(line, " \t");
    return STATUS_OK;
}

static status take_rows(list *l, int values, error *err)
{
    char *at = l->text, *end, *line = next_line(&at);
    errno = 0;
    unsigned long long expected = line ? strtoull(line, &end, 10) : 0;
    if (!line || end == line || errno || end[strspn(end, " \t")] || expected > INT_MAX)
        return error_set(
            err, STATUS_FAILED,
            "%s: line 1: expected the number of rows; the file is damaged or not this list",
            l->path);
    next_line(&at); /* the columns' names */
    /* A row has at least one byte, so no more memory is allocated than the file can fill. */
    size_t left = strlen(at), room = expected < left ? (size_t)expected : left;
    l->rows = calloc(room + 1, sizeof *l->rows);
    TRY(got_memory(l->rows, err, l->path));
    for (size_t number = 3; l->count < expected && (line = next_line(&at)); number++)
        TRY(take_row(l, line, number, values, err));
    if (l->count < expected || at[strspn(at, " \t\r\n")])
        return error_set(
            err, STATUS_FAILED,
            "%s: line 1 announces %llu rows, but there are %s; download the file again", l->path,
            expected, l->count < expected ? "fewer" : "more");
    return STATUS_OK;
}

static status read_list(const char *directory, const char *name, int values, list *l, error *err)
{
    size_t size;
    *l = (list){.path = text_format("%s/%s", directory, name)};
    TRY(got_memory(l->path, err, directory));
    TRY(file_read(l->path, MAX_LIST_BYTES, (unsigned char **)&l->text, &size, err));
    return take_rows(l, values, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const row *)a)->name, ((const row *)b)->name);
}

/* Finds the row of an image in a list, which must be sorted. */
static status find_row(const list *l, const list *images, const row *image, const row **found,
                       error *err)
{
    *found = bsearch(image, l->rows, l->count, sizeof *image, by_name);
    return *found ? STATUS_OK
                  : error_set(err, STATUS_FAILED, "%s: has no row for '%s' (%s: line %zu)", l->path,
                              image->name, images->path, image->line);
}

static status take_number(const list *l, const row *r, int value, int least, int most, int *number,
                          error *err)
{
    char *end;
    errno = 0;
    long parsed = strtol(r->values[value], &end, 10);
    if (*end || errno || parsed < least || parsed > most)
        return error_set(err, STATUS_FAILED, "%s: line %zu: '%s' is not a number from %d to %d",
                         l->path, r->line, r->values[value], least, most);
    *number = (int)parsed;
    return STATUS_OK;
}

/* ---- The data set ---- */

typedef struct lists {
    list classes, images, parts, boxes; /* boxes.rows NULL: there are none */
} lists;

/* The first of `names` that is a directory in `path` and contains the directory `inner`; NULL if
 * there is none, or no memory. */
static char *find_directory(const char *path, const char *const *names, const char *inner)
{
    for (size_t i = 0; names[i]; i++) {
        char *found = text_format("%s/%s", path, names[i]);
        char *tried = text_format("%s/%s/%s", path, names[i], inner);
        bool there = found && tried && file_is_directory(tried);
        free(tried);
        if (there)
            return found;
        free(found);
    }
    return NULL;
}

static char *find_annotations(const char *path)
{
    return find_directory(path, (const char *const[]){"Anno", "Anno_coarse", NULL}, ".");
}

static status read_lists(const char *path, lists *l, error *err)
{
    char *annotations = find_annotations(path);
    if (!annotations)
        return error_set(err, STATUS_FAILED,
                         "%s: has no directory Anno or Anno_coarse with DeepFashion's lists of "
                         "classes and images",
                         path);
    status result;
    TRY_OR_DONE(read_list(annotations, "list_category_cloth.txt", 1, &l->classes, err));
    TRY_OR_DONE(read_list(annotations, "list_category_img.txt", 1, &l->images, err));
    if (file_may_exist_in(annotations, "list_bbox.txt"))
        TRY_OR_DONE(read_list(annotations, "list_bbox.txt", BOX_VALUES, &l->boxes, err));
    TRY_OR_DONE(read_list(path, "Eval/list_eval_partition.txt", 1, &l->parts, err));
    qsort(l->parts.rows, l->parts.count, sizeof *l->parts.rows, by_name);
    if (l->boxes.rows)
        qsort(l->boxes.rows, l->boxes.count, sizeof *l->boxes.rows, by_name);
done:
    free(annotations);
    return result;
}

static status make_classes(const list *l, hierarchy *classes, error *err)
{
    const char **names = calloc(l->count + 1, sizeof *names);
    int *parents = calloc(l->count + 1, sizeof *parents);
    status result;
    TRY_OR_DONE(got_memory(names && parents, err, l->path));
    for (size_t i = 0; i < l->count; i++) {
        names[i] = l->rows[i].name;
        TRY_OR_DONE(take_number(l, &l->rows[i], 0, 1, TYPES, &parents[i], err));
        parents[i]--;
    }
    result = hierarchy_create(classes, TYPES, type_names, (int)l->count, names, parents, err);
done:
    free(names);
    free(parents);
    return result;
}

static status find_part(const lists *l, const row *image, enum dataset_part *part, error *err)
{
    const row *found;
    TRY(find_row(&l->parts, &l->images, image, &found, err));
    *part = dataset_part_named(found->values[0]);
    if (*part != PART_COUNT)
        return STATUS_OK;
    return error_set(err, STATUS_FAILED, "%s: line %zu: '%s' is not train, val or test",
                     l->parts.path, found->line, found->values[0]);
}

static status find_box(const lists *l, const row *image, pixel_box *box, error *err)
{
    int corners[BOX_VALUES];
    const row *found;
    TRY(find_row(&l->boxes, &l->images, image, &found, err));
    for (int i = 0; i < BOX_VALUES; i++)
        TRY(take_number(&l->boxes, found, i, -BOX_PADDING, INT_MAX - BOX_PADDING, &corners[i],
                        err));
    *box = (pixel_box){corners[0] - BOX_PADDING, corners[1] - BOX_PADDING, corners[2] + BOX_PADDING,
                       corners[3] + BOX_PADDING};
    return STATUS_OK;
}

static status take_image(const lists *l, const row *image, const char *root, dataset *opened,
                         error *err)
{
    int fine;
    enum dataset_part part;
    pixel_box box;
    TRY(take_number(&l->images, image, 0, 1, opened->classes.fine_count, &fine, err));
    TRY(find_part(l, image, &part, err));
    if (l->boxes.rows)
        TRY(find_box(l, image, &box, err));
    if (image->name[0] == '/' || file_path_leaves(image->name))
        return error_set(err, STATUS_FAILED,
                         "%s: line %zu: '%s' leads out of the data set; download the list again",
                         l->images.path, image->line, image->name);
    return image_set_append(dataset_part(opened, part), text_format("%s/%s", root, image->name),
                            opened->classes.parents[fine - 1], fine - 1,
                            l->boxes.rows ? &box : NULL, err);
}

static status take_images(const char *path, const lists *l, dataset *opened, error *err)
{
    /* The directory that contains the "img/..." of the lists. */
    char *root = find_directory(path, (const char *const[]){"Img", "img", ".", NULL}, "img");
    if (!root)
        return error_set(err, STATUS_FAILED,
                         "%s: has neither Img/img nor img; unpack DeepFashion's img.zip there",
                         path);
    status result = STATUS_OK;
    for (size_t i = 0; i < l->images.count && result == STATUS_OK; i++)
        result = take_image(l, &l->images.rows[i], root, opened, err);
    free(root);
    if (result == STATUS_OK && opened->train.count == 0)
        result = error_set(err, STATUS_FAILED, "%s: lists no training image", l->parts.path);
    return result;
}

bool deepfashion_recognise(const char *path)
{
    char *annotations = find_annotations(path);
    bool found = (annotations && file_may_exist_in(annotations, "list_category_cloth.txt")) ||
                 file_may_exist_in(path, "Eval/list_eval_partition.txt");
    free(annotations);
    return found;
}

status deepfashion_open(const char *path, dataset *opened, error *err)
{
    lists l = {0};
    status result;
    TRY_OR_DONE(read_lists(path, &l, err));
    TRY_OR_DONE(make_classes(&l.classes, &opened->classes, err));
    TRY_OR_DONE(take_images(path, &l, opened, err));
done:
    free_list(&l.classes);
    free_list(&l.images);
    free_list(&l.parts);
    free_list(&l.boxes);
    return result;
}
