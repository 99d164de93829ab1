/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a tree of image files: PART/COARSE/FINE/FILE. The directories of the parts are called
 * train, valid (or val) and test or, as `hcnn-cl preprocess` writes them, train_images and so on.
 * label_map.json maps each coarse name to a list of its fine names, and numbers the classes as the
 * original does: coarse classes by their places in the map, fine classes by their places in all
 * lists, one after another. Without it, classes are numbered by name. */
#include "base/file.h"
#include "base/json_values.h"
#include "base/text.h"
#include "data/class_table.h"
#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_MAP_BYTES = 8 << 20, PART_SPELLINGS = 4 };

static const char *const part_directories[PART_COUNT][PART_SPELLINGS] = {
    {"train", "train_images"},
    {"valid", "val", "valid_images", "val_images"},
    {"test", "test_images"},
};

static const char *const extensions[] = {".jpg", ".jpeg", ".png", ".bmp"};

/* ---- Directories ---- */

static bool is_image_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        size_t end = strlen(extensions[i]);
        if (length > end && strcasecmp(name + length - end, extensions[i]) == 0)
            return true;
    }
    return false;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Sorted by bytes, so that the order does not depend on the file system or the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Where the images found below a directory go. */
typedef struct destination {
    dataset *opened;
    image_set *set;
    class_table *table; /* NULL: label_map.json has named the classes */
    const char *coarse_name;
    int *classes; /* counts the fine classes below the coarse one */
    int coarse, fine;
} destination;

typedef status take(const destination *to, const char *path, const char *name, error *err);

/* Calls take_one with each name in a directory and its path. With `inner`, only directories are
 * taken, and the other entries are counted as ignored. */
static status walk(const char *directory, const destination *to, bool inner, take *take_one,
                   error *err)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_visible, by_bytes);
    if (count < 0)
        return file_error(err, directory, "cannot be listed");
    status result = STATUS_OK;
    for (int i = 0; i < count; i++) {
        char *path = text_format("%s/%s", directory, entries[i]->d_name);
        if (result == STATUS_OK)
            result = got_memory(path, err, directory);
        if (result == STATUS_OK && inner && !file_is_directory(path))
            to->opened->ignored++;
        else if (result == STATUS_OK)
            result = take_one(to, path, entries[i]->d_name, err);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static status take_file(const destination *to, const char *path, const char *name, error *err)
{
    if (is_image_name(name))
        return image_set_append(to->set, text_format("%s", path), to->coarse, to->fine, NULL, err);
    to->opened->ignored++;
    return STATUS_OK;
}

/* The caller frees *directory; NULL: the part does not exist. */
static status find_part(const char *path, enum dataset_part part, char **directory, error *err)
{
    *directory = NULL;
    for (int i = 0; i < PART_SPELLINGS && part_directories[part][i]; i++) {
        char *tried = text_format("%s/%s", path, part_directories[part][i]);
        TRY(got_memory(tried, err, path));
        bool there = file_is_directory(tried);
        if (there && *directory) {
            status result = error_set(
                err, STATUS_FAILED,
                "%s and %s both exist, but a data set may have only one of them; rename the other",
                *directory, tried);
            free(tried);
            free(*directory);
            *directory = NULL;
            return result;
        }
        if (there)
            *directory = tried;
        else
            free(tried);
    }
    return STATUS_OK;
}

/* ---- Classes by label_map.json ---- */

/* A name that is listed twice would be two classes with the same images. */
static status add_list(const char *path, const char *coarse, const json_t *list, class_table *table,
                       int *count, error *err)
{
    size_t i;
    json_t *item;
    TRY(class_table_add_coarse(table, coarse, err));
    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(item);
        int number;
        if (!name || !file_is_name(name)) /* it has to be the name of a directory */
            return error_set(err, STATUS_FAILED,
                             "%s: '%s' lists something other than names of directories", path,
                             coarse);
        TRY(class_table_add(table, coarse, name, &number, err));
        if (number < *count)
            return error_set(err, STATUS_FAILED, "%s: '%s' lists '%s' twice; remove one", path,
                             coarse, name);
        ++*count;
    }
    return STATUS_OK;
}

static status fill_table(const char *path, json_t *root, class_table *table, error *err)
{
    const char *name;
    json_t *list;
    int count = 0;
    if (!json_is_object(root))
        return error_set(err, STATUS_FAILED,
                         "%s: is not a JSON object of coarse names with lists of fine names", path);
    json_object_foreach(root, name, list)
    {
        if (!file_is_name(name) || !json_is_array(list))
            return error_set(err, STATUS_FAILED,
                             "%s: '%s' must be a directory's name with a list of fine names", path,
                             name);
        TRY(add_list(path, name, list, table, &count, err));
    }
    return count > 0 ? STATUS_OK : error_set(err, STATUS_FAILED, "%s: names no classes", path);
}

static status read_map(const char *path, json_t **root, error *err)
{
    unsigned char *text;
    size_t size;
    json_error_t fault;
    TRY(file_read(path, MAX_MAP_BYTES, &text, &size, err));
    status result =
        json_from_text((const char *)text, size, JSON_REJECT_DUPLICATES, path, root, &fault, err);
    free(text);
    TRY(result);
    if (!*root)
        return error_set(err, STATUS_FAILED, "%s: line %d: %s", path, fault.line, fault.text);
    return STATUS_OK;
}

static status open_map(const char *file, dataset *opened, error *err)
{
    json_t *root;
    class_table *table = NULL;
    TRY(read_map(file, &root, err));
    status result;
    TRY_OR_DONE(class_table_create(&table, err));
    TRY_OR_DONE(fill_table(file, root, table, err));
    result = class_table_finish(table, false, opened, err);
done:
    class_table_free(table);
    json_decref(root);
    return result;
}

/* A class may have no images in a part; its directory is then missing or empty. */
static status list_mapped(const char *directory, destination *to, error *err)
{
    const hierarchy *classes = &to->opened->classes;
    for (to->fine = 0; to->fine < classes->fine_count; to->fine++) {
        to->coarse = classes->parents[to->fine];
        char *below = text_format("%s/%s/%s", directory, classes->coarse_names[to->coarse],
                                  classes->fine_names[to->fine]);
        TRY(got_memory(below, err, directory));
        status result = file_may_exist(below) ? walk(below, to, false, take_file, err) : STATUS_OK;
        free(below);
        TRY(result);
    }
    return STATUS_OK;
}

/* ---- Classes by their directories ---- */

static status take_fine(const destination *to, const char *path, const char *name, error *err)
{
    destination class = *to;
    ++*to->classes;
    if (class_table_add(to->table, to->coarse_name, name, &class.fine, err) != STATUS_OK)
        return error_prefix(err, STATUS_FAILED, "%s", path);
    return walk(path, &class, false, take_file, err);
}

static status take_coarse(const destination *to, const char *path, const char *name, error *err)
{
    int classes = 0;
    destination class = *to;
    class.coarse_name = name;
    class.classes = &classes;
    TRY(walk(path, &class, true, take_fine, err));
    return classes > 0
               ? STATUS_OK
               : error_set(err, STATUS_FAILED,
                           "%s: contains no directory; a coarse class has a directory for each of "
                           "its fine classes, and these contain the images: PART/COARSE/FINE/*.jpg",
                           path);
}

/* ---- Both ---- */

/* table is NULL if label_map.json has named the classes. */
static status list_part(const char *path, enum dataset_part part, class_table *table,
                        dataset *opened, error *err)
{
    char *directory;
    image_set *set = dataset_part(opened, part);
    destination to = {.opened = opened, .set = set, .table = table};
    TRY(find_part(path, part, &directory, err));
    status result = STATUS_OK;
    if (directory)
        result =
            table ? walk(directory, &to, true, take_coarse, err) : list_mapped(directory, &to, err);
    const char *name = directory ? strrchr(directory, '/') + 1 : "train_images";
    if (result == STATUS_OK && set->count == 0 && (directory || part == PART_TRAIN))
        result = error_set(err, STATUS_FAILED,
                           "%s/%s: contains no image of any class%s; expected images in "
                           "%s/COARSE/FINE/*.jpg (jpeg, png, bmp)",
                           path, name, table ? "" : " in label_map.json", name);
    free(directory);
    return result;
}

static status list_parts(const char *path, class_table *table, dataset *opened, error *err)
{
    for (int part = 0; part < PART_COUNT; part++)
        TRY(list_part(path, (enum dataset_part)part, table, opened, err));
    return table ? class_table_finish(table, true, opened, err) : STATUS_OK;
}

bool tree_recognise(const char *path)
{
    error ignored;
    char *train;
    bool found = file_may_exist_in(path, "label_map.json");
    /* If there are several, list_part reports them. */
    if (!found && file_is_directory(path)) {
        found = find_part(path, PART_TRAIN, &train, &ignored) != STATUS_OK || train;
        free(train);
    }
    return found;
}

status tree_open(const char *path, dataset *opened, error *err)
{
    class_table *table = NULL;
    char *map = text_format("%s/label_map.json", path);
    TRY(got_memory(map, err, path));
    status result;
    TRY_OR_DONE(file_may_exist(map) ? open_map(map, opened, err) : class_table_create(&table, err));
    result = list_parts(path, table, opened, err);
done:
    class_table_free(table);
    free(map);
    return result;
}
