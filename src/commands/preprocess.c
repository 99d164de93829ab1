/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl preprocess`: writes CIFAR-100 as the tree of image files that the original trains on,
 * one directory per fine class, with a label_map.json. */
#include "base/file.h"
#include "base/progress.h"
#include "base/terminal.h"
#include "base/text.h"
#include "commands/commands.h"
#include "data/dataset.h"
#include "data/tree_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JPEG_QUALITY = 75 }; /* the original's */

enum data_name { DATA_CIFAR100 };
static const word_list data_words = WORD_LIST("cifar100");

enum format { FORMAT_PNG, FORMAT_JPG };
static const word_list format_words = WORD_LIST("png", "jpg");

typedef struct preprocess_options {
    const char *directory, *out, *types;
    bool train, test;                  /* the parts in `types` */
    const volatile sig_atomic_t *stop; /* whether a signal has asked to stop */
    enum data_name dataset;
    enum format format;
} preprocess_options;

/* The name of a class becomes the name of a directory, so it must not lead anywhere else. */
static status check_names(char *const *names, int count, error *err)
{
    for (int i = 0; i < count; i++)
        if (!file_is_name(names[i]))
            return error_set(err, STATUS_FAILED,
                             "the class name '%s' cannot be the name of a directory", names[i]);
    return STATUS_OK;
}

static status make_directories(const char *to, const char *type, const hierarchy *tree, error *err)
{
    for (int i = 0; i < tree->fine_count; i++) {
        char *path = text_format("%s/%s_images/%s/%s", to, type,
                                 tree->coarse_names[tree->parents[i]], tree->fine_names[i]);
        status result = path ? file_make_directory(path, err) : error_memory(err, to);
        free(path);
        TRY(result);
    }
    return STATUS_OK;
}

static status write_image(const preprocess_options *o, const char *to, const char *type,
                          const hierarchy *tree, const image_set *set, size_t index, error *err)
{
    int fine = set->fine[index];
    image picture = {0};
    char *path = text_format("%s/%s_images/%s/%s/%s_%05zu.%s", to, type,
                             tree->coarse_names[tree->parents[fine]], tree->fine_names[fine], type,
                             index, word_list_at(&format_words, o->format));
    status result;
    TRY_OR_DONE(got_memory(path, err, to));
    TRY_OR_DONE(image_set_picture(set, index, &picture, err));
    result = o->format == FORMAT_JPG ? image_write_jpeg(path, &picture, JPEG_QUALITY, err)
                                     : image_write_png(path, &picture, err);
done:
    image_free(&picture);
    free(path);
    return result;
}

static status write_part(const preprocess_options *o, const char *to, const char *type,
                         const hierarchy *tree, const image_set *set, error *err)
{
    progress bar;
    char label[32];
    TRY(make_directories(to, type, tree, err));
    snprintf(label, sizeof label, "%s images", type);
    progress_begin(&bar, stderr);
    status result = STATUS_OK;
    for (size_t i = 0; i < set->count && result == STATUS_OK; i++) {
        result = *o->stop ? error_set(err, STATUS_INTERRUPTED, "stopped; nothing was written")
                          : write_image(o, to, type, tree, set, i, err);
        progress_draw(&bar, label, i + 1, set->count, "");
    }
    progress_clear(&bar);
    return result;
}

static status read_types(preprocess_options *o, error *err)
{
    for (const char *at = o->types; *at;) {
        size_t word = strcspn(at, ",");
        bool train = word == 5 && strncmp(at, "train", 5) == 0;
        bool test = word == 4 && strncmp(at, "test", 4) == 0;
        if (!train && !test)
            return error_set(err, STATUS_USAGE, "--types %s: '%.*s' is neither train nor test",
                             o->types, (int)word, at);
        o->train |= train;
        o->test |= test;
        at += word + (at[word] == ',');
    }
    return *o->types
               ? STATUS_OK
               : error_set(err, STATUS_USAGE, "--types is empty; expected train, test or both");
}

static status write_tree(const preprocess_options *o, tree_output *to, const dataset *data,
                         error *err)
{
    const hierarchy *tree = &data->classes;
    if (o->train)
        TRY(write_part(o, to->path, "train", tree, &data->train, err));
    if (o->test)
        TRY(write_part(o, to->path, "test", tree, &data->test, err));
    return tree_output_commit(to, err);
}

static void print_tree(const preprocess_options *o, const dataset *data)
{
    if (o->train)
        terminal_print(stdout, "%s/train_images: %zu images\n", o->out, data->train.count);
    if (o->test)
        terminal_print(stdout, "%s/test_images: %zu images\n", o->out, data->test.count);
    terminal_print(stdout, "%s/label_map.json: %d coarse, %d fine classes\n", o->out,
                   data->classes.coarse_count, data->classes.fine_count);
}

static status convert(preprocess_options *o, const dataset *data, error *err)
{
    tree_output tree = {0};
    status result;
    TRY(check_names(data->classes.coarse_names, data->classes.coarse_count, err));
    TRY(check_names(data->classes.fine_names, data->classes.fine_count, err));
    o->stop = command_catch_stop();
    result = tree_output_begin(&tree, o->out, &data->classes, o->train, o->test, err);
    if (tree.completed)
        command_warn("%s: completed what an interrupted preprocess had written%s", o->out,
                     tree.done ? ", from its data and in its format; wrote nothing else" : "");
    bool write = result == STATUS_OK && !tree.done;
    if (write)
        result = write_tree(o, &tree, data, err);
    tree_output_close(&tree);
    command_release_stop();
    if (write && result == STATUS_OK)
        print_tree(o, data);
    return result;
}

static status run(void *values, const operands *rest, error *err)
{
    (void)rest;
    preprocess_options *o = values;
    dataset data = {0};
    if (!o->directory)
        return error_set(
            err, STATUS_USAGE,
            "preprocess needs --data-dir DIR, the directory or archive with CIFAR-100");
    TRY(read_types(o, err));
    if (!o->out && file_exists(o->directory) && !file_is_directory(o->directory))
        return error_set(err, STATUS_USAGE,
                         "%s: is not a directory, so the tree cannot be written into it; name "
                         "another with --out DIR",
                         o->directory);
    o->out = o->out ? o->out : o->directory;
    status result = cifar_open(o->directory, &data, err);
    if (result == STATUS_OK)
        result = convert(o, &data, err);
    dataset_close(&data);
    return result;
}

static const option_row rows[] = {
    OPTION_ROW_CHOICE("dataset", preprocess_options, dataset, data_words,
                      "data set to convert; cifar100 is the only one"),
    OPTION_ROW_STRING("data-dir", preprocess_options, directory, "DIR",
                      "directory or archive that contains CIFAR-100, binary or python version",
                      .alias = "data-path"),
    OPTION_ROW_STRING("out", preprocess_options, out, "DIR", "directory for the tree",
                      .fallback = "the data's directory"),
    OPTION_ROW_STRING("types", preprocess_options, types, "LIST",
                      "parts to write: train, test, or both separated by a comma"),
    OPTION_ROW_CHOICE("format", preprocess_options, format, format_words,
                      "format of the images; png is lossless, jpg is what the original wrote"),
    {0},
};

static const command_line line = {
    .usage = "preprocess --data-dir DIR [OPTION]...",
    .summary = "Writes CIFAR-100 as a tree of images, {train,test}_images/COARSE/FINE/*, with a "
               "label_map.json. train --data accepts the tree.",
    .example =
        "hcnn-cl preprocess --dataset cifar100 --data-dir cifar-100-python --types train,test",
    .rows = rows,
};

COMMAND(preprocess, preprocess_options, .types = "train,test")
