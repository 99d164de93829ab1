/* SPDX-License-Identifier: Apache-2.0 */
/* The table of forms, and opening a data set in one of them; see dataset.h. */
#include "data/dataset.h"
#include "base/file.h"
#include "base/file_kind.h"
#include "base/text.h"
#include "data/image.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Tried in this order: the first that recognises a path opens it. */
static const struct form {
    const char *name;
    const char *what; /* for the error that lists the forms; NULL: not listed */
    bool (*recognise)(const char *path);
    status (*open)(const char *path, dataset *opened, error *err);
} forms[] = {
    {"sample", NULL, sample_recognise, sample_open},
    {"csv", "a .csv file with the columns image, coarse, fine and, optionally, split",
     csv_recognise, csv_open},
    {"deepfashion",
     "DeepFashion's Category and Attribute benchmark: a directory with Anno/ (or Anno_coarse/), "
     "Eval/ and Img/ (or img/)",
     deepfashion_recognise, deepfashion_open},
    {"tree",
     "a tree of image files: train/COARSE/FINE/*.jpg (jpeg, png, bmp) and, optionally, valid/ and "
     "test/ beside train/; or the tree that `hcnn-cl preprocess` writes",
     tree_recognise, tree_open},
    {"cifar100",
     "CIFAR-100, binary or python version, as a directory or a .tar.gz or .tar.xz archive "
     "(data/fetch-cifar100 downloads it)",
     cifar_recognise, cifar_open},
};
enum { FORM_COUNT = sizeof forms / sizeof forms[0] };

/* Where CIFAR-100 is looked for if no path is given. */
static const char *const default_paths[] = {
    "data/cifar-100-binary", "data/cifar-100-binary.tar.gz", "data/cifar-100-binary.tar.xz",
    "data/cifar-100-python", "data/cifar-100-python.tar.gz", "data/cifar-100-python.tar.xz",
};

static status unknown(const char *path, error *err)
{
    char list[2048] = "";
    for (int i = 0; i < FORM_COUNT; i++)
        if (forms[i].what) {
            size_t length = strlen(list);
            snprintf(list + length, sizeof list - length, "\n  %s", forms[i].what);
        }
    const file_kind *kind = file_kind_at(path);
    if (kind)
        return error_set(err, STATUS_FAILED, "%s: appears to be %s; --data accepts:%s", path,
                         kind->name, list);
    if (file_exists(path) && access(path, R_OK) != 0)
        return file_error(err, path, "cannot be listed");
    return error_set(err, STATUS_FAILED, "%s: %s; --data accepts:%s", path,
                     file_may_exist(path) ? "is not a data set in a known form" : "does not exist",
                     list);
}

/* Sets native_size from the first training image whose header can be read. A few images may be
 * broken; if the first TRIES all are, something else is wrong. */
static status measure(dataset *set, error *err)
{
    enum { TRIES = 100 };
    int width = 0, height = 0;
    status result = STATUS_FAILED;
    for (size_t i = 0; i < set->train.count && i < TRIES && result != STATUS_OK; i++) {
        result = image_read_size(set->train.paths[i], &width, &height, err);
        if (result != STATUS_OK && err->shortage)
            return result;
    }
    if (result != STATUS_OK)
        return error_prefix(err, result, "none of the first training images can be read");
    set->native_size = width > height ? width : height;
    return STATUS_OK;
}

static status open_form(const struct form *form, const char *path, dataset *opened, error *err)
{
    opened->form = form->name;
    TRY(form->open(path, opened, err));
    if (path && !(opened->source = text_format("%s", path)))
        return error_memory(err, path);
    return opened->train.pixels ? STATUS_OK : measure(opened, err);
}

/* A directory that may not be searched has the files of no form. Only a tree has to be listed,
 * which says so itself. */
static status check_access(const char *path, error *err)
{
    int needed = file_is_directory(path) ? X_OK : R_OK;
    return !file_may_exist(path) || access(path, needed) == 0
               ? STATUS_OK
               : file_error(err, path, "cannot be opened");
}

status dataset_open(const char *path, dataset *opened, error *err)
{
    *opened = (dataset){0};
    for (size_t i = 0; !path && i < sizeof default_paths / sizeof default_paths[0]; i++)
        if (file_may_exist(default_paths[i]))
            path = default_paths[i];
    TRY(path ? check_access(path, err) : STATUS_OK);
    for (int i = 0; i < FORM_COUNT; i++) {
        if (!forms[i].recognise(path))
            continue;
        status result = open_form(&forms[i], path, opened, err);
        if (result != STATUS_OK)
            dataset_close(opened);
        return result;
    }
    return unknown(path, err);
}

void dataset_close(dataset *set)
{
    image_set_free(&set->train);
    image_set_free(&set->valid);
    image_set_free(&set->test);
    hierarchy_free(&set->classes);
    free(set->source);
    *set = (dataset){0};
}

bool dataset_is_sample(const dataset *set)
{
    return set->source == NULL;
}

image_set *dataset_part(dataset *set, enum dataset_part part)
{
    return part == PART_TRAIN ? &set->train : part == PART_VALID ? &set->valid : &set->test;
}

static const char *const part_names[PART_COUNT] = {"train", "valid", "test"};

const char *dataset_part_name(enum dataset_part part)
{
    return part_names[part];
}

enum dataset_part dataset_part_named(const char *word)
{
    if (strcmp(word, "val") == 0 || strcmp(word, "validation") == 0)
        return PART_VALID;
    int part = 0;
    while (part < PART_COUNT && strcmp(part_names[part], word) != 0)
        part++;
    return (enum dataset_part)part;
}
