/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl data`: prints how train would read a data set, and which of its files are broken. */
#include "base/json_values.h"
#include "base/progress.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "data/division.h"
#include "data/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NAMES_SHOWN: the most broken files that are named for people; --json names all. NAME_WIDTH: width
 * of the column with the names of classes. */
enum { NAMES_SHOWN = 100, NAME_WIDTH = 32 };

typedef struct data_options {
    bool check, json;
    int threads;
} data_options;

/* Everything that is shown. */
typedef struct description {
    const data_options *options;
    dataset *data;
    dataset_division parts;
    survey files;
    size_t *coarse[PART_COUNT], *fine[PART_COUNT]; /* images of each class */
    int live;                                      /* fine classes with training images */
    progress bar;
} description;

/* ---- Reading the data set ---- */

static status count_classes(description *d, error *err)
{
    const hierarchy *classes = &d->data->classes;
    for (int part = 0; part < PART_COUNT; part++) {
        const image_set *set = dataset_part(d->data, (enum dataset_part)part);
        size_t *coarse = calloc((size_t)classes->coarse_count, sizeof *coarse);
        size_t *fine = calloc((size_t)classes->fine_count, sizeof *fine);
        d->coarse[part] = coarse;
        d->fine[part] = fine;
        TRY(got_memory(coarse && fine, err, "the counts"));
        for (size_t i = 0; i < set->count; i++) {
            coarse[set->coarse[i]]++;
            fine[set->fine[i]]++;
        }
    }
    for (int fine = 0; fine < classes->fine_count; fine++)
        d->live += d->fine[PART_TRAIN][fine] > 0;
    return STATUS_OK;
}

static void draw(void *context, size_t done, size_t total)
{
    description *d = context;
    progress_draw(&d->bar, d->options->check ? "decoding" : "reading headers", done, total, "");
}

static status look_at_files(description *d, error *err)
{
    const survey_options options = {d->options->threads, d->options->check, draw, d};
    progress_begin(&d->bar, stderr);
    status result = survey_run(d->data, &options, &d->files, err);
    progress_clear(&d->bar);
    return result;
}

/* ---- Output for people ---- */

static void print_row(const char *indent, const char *name, size_t *const by_part[PART_COUNT],
                      int class)
{
    fputs(indent, stdout);
    command_put(name, NAME_WIDTH - (int)strlen(indent));
    for (int part = 0; part < PART_COUNT; part++)
        printf(" %9zu", by_part[part][class]);
    printf("\n");
}

static void print_tree(const description *d)
{
    const hierarchy *classes = &d->data->classes;
    printf("%-*s %9s %9s %9s\n", NAME_WIDTH, "", "train", "valid", "test");
    for (int coarse = 0; coarse < classes->coarse_count; coarse++) {
        print_row("", classes->coarse_names[coarse], d->coarse, coarse);
        for (int fine = 0; fine < classes->fine_count; fine++)
            if (classes->parents[fine] == coarse)
                print_row("  ", classes->fine_names[fine], d->fine, fine);
    }
    printf("%-*s %9zu %9zu %9zu\n", NAME_WIDTH, "all", d->data->train.count, d->data->valid.count,
           d->data->test.count);
}

static void print_division(const description *d)
{
    const dataset_division *p = &d->parts;
    printf("train uses %zu images for training, %zu for validation, %zu for testing",
           p->train.count, p->validation.count, p->test.count);
    if (p->rule == DIVISION_HALVED)
        printf("; there is no valid part, so half of test is used for validation");
    if (p->rule == DIVISION_HELD_OUT)
        printf("; there are no valid and test parts, so a tenth of train is held out for each");
    printf("\n");
}

static void print_files(const description *d)
{
    const survey *s = &d->files;
    if (s->readable > 0)
        printf("image sizes: width %d to %d, median %d; height %d to %d, median %d\n", s->width.min,
               s->width.max, s->width.median, s->height.min, s->height.max, s->height.median);
    if (d->data->train.boxes)
        printf("boxes: one for each image; --crop-boxes uses only what is in them\n");
    if (d->data->ignored > 0)
        printf("ignored: %zu files and directories that are not images by their names or places\n",
               d->data->ignored);
    if (d->data->train.pixels)
        return;
    printf("broken files: %zu of %zu%s\n", s->fault_count, s->images,
           d->options->check ? "" : ", by their headers; --check decodes every image");
    for (size_t i = 0; i < s->fault_count && i < NAMES_SHOWN; i++)
        terminal_print(stdout, "  %s\n", s->faults[i].message);
    if (s->fault_count > NAMES_SHOWN)
        printf("  and %zu more; --json names all of them\n", s->fault_count - NAMES_SHOWN);
}

static void print_description(const description *d)
{
    const hierarchy *classes = &d->data->classes;
    terminal_print(stdout, "%s: %s; %d coarse, %d fine classes",
                   d->data->source ? d->data->source : "drawn sample", d->data->form,
                   classes->coarse_count, classes->fine_count);
    if (d->live < classes->fine_count)
        printf(", %d of them with training images", d->live);
    printf("\n\n");
    print_tree(d);
    printf("\n");
    print_division(d);
    print_files(d);
}

/* ---- Output for scripts ---- */

static json_t *class_to_json(const char *name, int class, size_t *const by_part[PART_COUNT])
{
    return json_pack("{s:i, s:s, s:I, s:I, s:I}", "class", class, "name", name, "train",
                     (json_int_t)by_part[PART_TRAIN][class], "valid",
                     (json_int_t)by_part[PART_VALID][class], "test",
                     (json_int_t)by_part[PART_TEST][class]);
}

static json_t *classes_to_json(const description *d)
{
    const hierarchy *classes = &d->data->classes;
    json_t *list = json_array();
    for (int coarse = 0; coarse < classes->coarse_count; coarse++) {
        json_t *one = class_to_json(classes->coarse_names[coarse], coarse, d->coarse);
        json_t *children = json_array();
        for (int fine = 0; fine < classes->fine_count; fine++)
            if (classes->parents[fine] == coarse)
                children =
                    array_with(children, class_to_json(classes->fine_names[fine], fine, d->fine));
        list = array_with(list, object_put(one, "fine", children));
    }
    return list;
}

static json_t *side_to_json(const survey_side *side)
{
    return json_pack("{s:i, s:i, s:i}", "min", side->min, "median", side->median, "max", side->max);
}

static json_t *faults_to_json(const description *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->files.fault_count; i++) {
        const survey_fault *fault = &d->files.faults[i];
        const image_set *set = dataset_part(d->data, fault->part);
        list = array_with(list, json_pack("{s:s, s:o, s:o}", "part", dataset_part_name(fault->part),
                                          "image", text_to_json(set->paths[fault->index]), "error",
                                          text_to_json(fault->message)));
    }
    return list;
}

static status print_json(const description *d, error *err)
{
    const dataset *data = d->data;
    json_t *line = json_pack(
        "{s:o?, s:s, s:I, s:I, s:I, s:{s:s, s:I, s:I, s:I}, s:o, s:o, s:o, s:b, s:I, s:b, s:o}",
        "source", data->source ? text_to_json(data->source) : NULL, "form", data->form, "train",
        (json_int_t)data->train.count, "valid", (json_int_t)data->valid.count, "test",
        (json_int_t)data->test.count, "division", "validation", division_rule_name(d->parts.rule),
        "train", (json_int_t)d->parts.train.count, "valid", (json_int_t)d->parts.validation.count,
        "test", (json_int_t)d->parts.test.count, "coarse", classes_to_json(d), "width",
        side_to_json(&d->files.width), "height", side_to_json(&d->files.height), "boxes",
        data->train.boxes != NULL, "ignored", (json_int_t)data->ignored, "decoded",
        d->options->check, "bad", faults_to_json(d));
    return command_print_json(line, JSON_LINE(0), err);
}

/* ---- The command ---- */

static status describe(description *d, error *err)
{
    TRY(dataset_divide(d->data, 0, &d->parts, err));
    TRY(count_classes(d, err));
    TRY(look_at_files(d, err));
    if (d->options->json)
        TRY(print_json(d, err));
    else
        print_description(d);
    if (d->options->check && d->files.fault_count > 0)
        return error_set(err, STATUS_FAILED,
                         "%zu of %zu images cannot be read; repair or remove them",
                         d->files.fault_count, d->files.images);
    return STATUS_OK;
}

static status run(void *values, const operands *rest, error *err)
{
    dataset data;
    description d = {.options = values, .data = &data};
    if (rest->count > 1)
        return error_set(err, STATUS_USAGE,
                         "data accepts one PATH, of the form that train --data accepts");
    TRY(dataset_open(rest->count == 1 ? rest->values[0] : NULL, &data, err));
    status result = describe(&d, err);
    for (int part = 0; part < PART_COUNT; part++) {
        free(d.coarse[part]);
        free(d.fine[part]);
    }
    survey_free(&d.files);
    dataset_division_free(&d.parts);
    dataset_close(&data);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_FLAG("check", data_options, check,
                    "decode every image completely, and exit with 1 if one is broken"),
    OPTION_ROW_INT("threads", data_options, threads, 1, 64, "threads that read images"),
    OPTION_ROW_FLAG("json", data_options, json, "print one line of JSON"),
    {0},
};

static const command_line line = {
    .usage = "data [OPTION]... [PATH]",
    .summary = "Shows what train would do with the data set PATH (see train --data): its form, its "
               "tree of classes with the number of images in each part, what is used for "
               "validation and testing, the sizes of the images, and the files whose headers are "
               "broken.",
    .example = "hcnn-cl data photos --check",
    .rows = rows,
    .operand = "PATH",
};

COMMAND(data, data_options, .threads = command_processors())
