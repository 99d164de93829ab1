/* A tree of image files as `hcnn-cl preprocess` makes it: label_map.json, coarse name to its fine
 * names, and {train,test}_images/COARSE/FINE/FILE. A coarse class's number is its place in the map,
 * a fine one's its place in all the lists one after the other, as the original numbers them. */
#include "base/file.h"
#include "data/dataset.h"
#include "data/image.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MAP_BYTES = 64 << 20 };

typedef struct label_map {
    const char **coarse, **fine; /* point into the JSON */
    int *parents;
    int coarse_count, fine_count;
} label_map;

/* A name becomes a directory: it must be one, and stay below its parent. */
static bool is_plain_name(const char *name)
{
    return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static status count_map(const char *path, const json_t *root, label_map *map, error *err)
{
    const char *name;
    json_t *list;
    if (!json_is_object(root))
        return error_set(err, STATUS_FAILED,
                         "%s: is no JSON object of coarse names and lists of fine names", path);
    json_object_foreach((json_t *)root, name, list)
    {
        if (!is_plain_name(name) || !json_is_array(list))
            return error_set(err, STATUS_FAILED,
                             "%s: '%s' must be a directory's name with a list of fine names", path,
                             name);
        map->coarse_count++;
        map->fine_count += (int)json_array_size(list);
    }
    if (map->coarse_count == 0 || map->fine_count == 0)
        return error_set(err, STATUS_FAILED, "%s: names no classes", path);
    return STATUS_OK;
}

static status fill_map(const char *path, const json_t *root, label_map *map, error *err)
{
    const char *name;
    json_t *list, *item;
    size_t i;
    int coarse = 0, fine = 0;
    map->coarse = calloc((size_t)map->coarse_count, sizeof *map->coarse);
    map->fine = calloc((size_t)map->fine_count, sizeof *map->fine);
    map->parents = calloc((size_t)map->fine_count, sizeof *map->parents);
    if (!map->coarse || !map->fine || !map->parents)
        return error_memory(err, path);
    json_object_foreach((json_t *)root, name, list)
    {
        json_array_foreach(list, i, item)
        {
            if (!is_plain_name(json_string_value(item)))
                return error_set(err, STATUS_FAILED, "%s: '%s' lists something else than names",
                                 path, name);
            map->fine[fine] = json_string_value(item);
            map->parents[fine++] = coarse;
        }
        map->coarse[coarse++] = name;
    }
    return STATUS_OK;
}

static void free_map(label_map *map)
{
    free(map->coarse);
    free(map->fine);
    free(map->parents);
}

static int plain_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static status append_image(image_set *set, size_t *capacity, const char *directory,
                           const char *file, int coarse, int fine, error *err)
{
    if (set->count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 256;
        char **paths = realloc(set->paths, *capacity * sizeof *paths);
        set->paths = paths ? paths : set->paths;
        int *coarse_labels = realloc(set->coarse, *capacity * sizeof *coarse_labels);
        set->coarse = coarse_labels ? coarse_labels : set->coarse;
        int *fine_labels = realloc(set->fine, *capacity * sizeof *fine_labels);
        set->fine = fine_labels ? fine_labels : set->fine;
        if (!paths || !coarse_labels || !fine_labels)
            return error_memory(err, "the list of images");
    }
    char *path = file_path("%s/%s", directory, file);
    if (!path)
        return error_memory(err, "the list of images");
    set->paths[set->count] = path;
    set->coarse[set->count] = coarse;
    set->fine[set->count++] = fine;
    return STATUS_OK;
}

/* Sorted by bytes, so that the order does not depend on the file system or the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static status list_class(image_set *set, size_t *capacity, const char *directory, int coarse,
                         int fine, error *err)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, plain_file, by_bytes);
    if (count < 0 && errno == ENOENT)
        return STATUS_OK; /* a class without images in this part */
    if (count < 0)
        return error_set(err, STATUS_FAILED, "%s: cannot be listed: %s", directory,
                         strerror(errno));
    status result = STATUS_OK;
    for (int i = 0; i < count; i++) {
        if (result == STATUS_OK)
            result = append_image(set, capacity, directory, entries[i]->d_name, coarse, fine, err);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static status list_part(const char *path, const char *part, const hierarchy *classes,
                        image_set *set, error *err)
{
    size_t capacity = 0;
    for (int fine = 0; fine < classes->fine_count; fine++) {
        int coarse = classes->parents[fine];
        char *directory = file_path("%s/%s/%s/%s", path, part, classes->coarse_names[coarse],
                                    classes->fine_names[fine]);
        status result = directory ? list_class(set, &capacity, directory, coarse, fine, err)
                                  : error_memory(err, path);
        free(directory);
        TRY(result);
    }
    if (set->count == 0)
        return error_set(err, STATUS_FAILED,
                         "%s/%s: holds no image of any class in label_map.json; `hcnn-cl "
                         "preprocess` makes %s/COARSE/FINE/*.png",
                         path, part, part);
    return STATUS_OK;
}

static status read_map(const char *path, json_t **root, error *err)
{
    unsigned char *text;
    size_t size;
    json_error_t fault;
    TRY(file_read(path, MAX_MAP_BYTES, &text, &size, err));
    *root = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &fault);
    free(text);
    if (!*root)
        return error_set(err, STATUS_FAILED, "%s: line %d: %s", path, fault.line, fault.text);
    return STATUS_OK;
}

static status open_map(const char *path, hierarchy *classes, error *err)
{
    json_t *root;
    label_map map = {0};
    char *file = file_path("%s/label_map.json", path);
    if (!file)
        return error_memory(err, path);
    status result = read_map(file, &root, err);
    if (result == STATUS_OK) {
        result = count_map(file, root, &map, err);
        if (result == STATUS_OK)
            result = fill_map(file, root, &map, err);
        if (result == STATUS_OK)
            result = hierarchy_create(classes, map.coarse_count, map.coarse, map.fine_count,
                                      map.fine, map.parents, err);
        free_map(&map);
        json_decref(root);
    }
    free(file);
    return result;
}

status tree_open(const char *path, dataset *opened, error *err)
{
    int width, height;
    TRY(open_map(path, &opened->classes, err));
    TRY(list_part(path, "train_images", &opened->classes, &opened->train, err));
    TRY(list_part(path, "test_images", &opened->classes, &opened->test, err));
    TRY(image_read_size(opened->train.paths[0], &width, &height, err));
    opened->native_size = width > height ? width : height;
    return STATUS_OK;
}
