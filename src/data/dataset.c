/* Opening a data set by what lies at its path; see dataset.h. */
#include "data/dataset.h"
#include "base/file.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

/* Where CIFAR-100 is looked for when no path is given. */
static const char *const default_paths[] = {
    "data/cifar-100-binary", "data/cifar-100-binary.tar.gz", "data/cifar-100-binary.tar.xz",
    "data/cifar-100-python", "data/cifar-100-python.tar.gz", "data/cifar-100-python.tar.xz",
};

static bool holds(const char *directory, const char *name)
{
    char *path = file_path("%s/%s", directory, name);
    bool found = path && file_exists(path);
    free(path);
    return found;
}

static status open_directory(const char *path, dataset *opened, error *err)
{
    if (holds(path, "label_map.json"))
        return tree_open(path, opened, err);
    return cifar_open(path, opened, err);
}

static status open_path(const char *path, dataset *opened, error *err)
{
    if (!file_exists(path))
        return error_set(
            err, STATUS_FAILED,
            "%s: there is no such file or directory; --data takes CIFAR-100 (binary or "
            "python version, a directory or .tar.gz/.tar.xz) or a tree that "
            "`hcnn-cl preprocess` made; data/fetch-cifar100 gets CIFAR-100",
            path);
    return file_is_directory(path) ? open_directory(path, opened, err)
                                   : cifar_open(path, opened, err);
}

status dataset_open(const char *path, dataset *opened, error *err)
{
    *opened = (dataset){0};
    for (size_t i = 0; !path && i < sizeof default_paths / sizeof default_paths[0]; i++)
        if (file_exists(default_paths[i]))
            path = default_paths[i];
    status result = path ? open_path(path, opened, err) : sample_open(opened, err);
    if (result == STATUS_OK && path && !(opened->source = file_path("%s", path)))
        result = error_memory(err, path);
    if (result != STATUS_OK)
        dataset_close(opened);
    return result;
}

static void free_set(image_set *set)
{
    for (size_t i = 0; set->paths && i < set->count; i++)
        free(set->paths[i]);
    free(set->paths);
    free(set->pixels);
    free(set->coarse);
    free(set->fine);
}

void dataset_close(dataset *set)
{
    free_set(&set->train);
    free_set(&set->test);
    hierarchy_free(&set->classes);
    free(set->source);
    *set = (dataset){0};
}

bool dataset_is_sample(const dataset *set)
{
    return set->source == NULL;
}

status dataset_split(const image_set *test, unsigned long long seed, unsigned **order,
                     size_t *validation_count, error *err)
{
    *order = malloc((test->count ? test->count : 1) * sizeof **order);
    if (!*order)
        return error_memory(err, "the test set's order");
    random_permutation(seed, RANDOM_SPLIT, 0, *order, test->count);
    *validation_count = (test->count + 1) / 2;
    return STATUS_OK;
}
