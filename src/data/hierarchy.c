/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of classes; see hierarchy.h. */
#include "data/hierarchy.h"
#include "base/json_values.h"

#include <stdlib.h>
#include <string.h>

status hierarchy_check_name(const char *name, error *err)
{
    bool utf8;
    if (!*name)
        return error_set(err, STATUS_FAILED, "a class has an empty name");
    TRY(json_check_text(name, &utf8, err));
    return utf8
               ? STATUS_OK
               : error_set(
                     err, STATUS_FAILED,
                     "the class name '%s' is not UTF-8, so a checkpoint cannot store it; rename it",
                     name);
}

static status copy_names(char ***names, int count, const char *const *from, error *err)
{
    *names = calloc((size_t)count, sizeof **names);
    TRY(got_memory(*names, err, "class names"));
    for (int i = 0; i < count; i++) {
        TRY(hierarchy_check_name(from[i], err));
        (*names)[i] = strdup(from[i]);
        TRY(got_memory((*names)[i], err, "class names"));
    }
    return STATUS_OK;
}

typedef struct class_key {
    const char *name;
    int parent; /* 0 for coarse classes */
} class_key;

static int by_key(const void *a, const void *b)
{
    const class_key *x = a, *y = b;
    return x->parent != y->parent ? x->parent - y->parent : strcmp(x->name, y->name);
}

/* Classes of one name would become one directory and one entry of a map. Fine classes of different
 * coarse ones may share a name. */
static status check_unique(char *const *names, const int *parents, int count, const char *what,
                           error *err)
{
    class_key *keys = malloc((size_t)count * sizeof *keys);
    status result = got_memory(keys, err, "class names");
    TRY(result);
    for (int i = 0; i < count; i++)
        keys[i] = (class_key){names[i], parents ? parents[i] : 0};
    qsort(keys, (size_t)count, sizeof *keys, by_key);
    for (int i = 1; i < count && result == STATUS_OK; i++)
        if (by_key(&keys[i - 1], &keys[i]) == 0)
            result =
                error_set(err, STATUS_FAILED, "two %s classes are named '%s'; rename one of them",
                          what, keys[i].name);
    free(keys);
    return result;
}

static status fill(hierarchy *tree, const char *const *coarse_names, const char *const *fine_names,
                   const int *parents, error *err)
{
    TRY(copy_names(&tree->coarse_names, tree->coarse_count, coarse_names, err));
    TRY(copy_names(&tree->fine_names, tree->fine_count, fine_names, err));
    tree->parents = malloc((size_t)tree->fine_count * sizeof *tree->parents);
    TRY(got_memory(tree->parents, err, "class names"));
    for (int i = 0; i < tree->fine_count; i++) {
        if (parents[i] < 0 || parents[i] >= tree->coarse_count)
            return error_set(err, STATUS_FAILED,
                             "fine class '%s' has coarse class %d; expected 0 to %d",
                             tree->fine_names[i], parents[i], tree->coarse_count - 1);
        tree->parents[i] = parents[i];
    }
    TRY(check_unique(tree->coarse_names, NULL, tree->coarse_count, "coarse", err));
    return check_unique(tree->fine_names, tree->parents, tree->fine_count, "fine", err);
}

status hierarchy_create(hierarchy *tree, int coarse_count, const char *const *coarse_names,
                        int fine_count, const char *const *fine_names, const int *parents,
                        error *err)
{
    *tree = (hierarchy){0};
    if (coarse_count < 1 || fine_count < 1)
        return error_set(err, STATUS_FAILED,
                         "a tree of %d coarse and %d fine classes; it needs at least one of each",
                         coarse_count, fine_count);
    tree->coarse_count = coarse_count;
    tree->fine_count = fine_count;
    status result = fill(tree, coarse_names, fine_names, parents, err);
    if (result != STATUS_OK)
        hierarchy_free(tree);
    return result;
}

static void free_names(char **names, int count)
{
    for (int i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}

void hierarchy_free(hierarchy *tree)
{
    free_names(tree->coarse_names, tree->coarse_count);
    free_names(tree->fine_names, tree->fine_count);
    free(tree->parents);
    *tree = (hierarchy){0};
}

static status compare_names(char *const *a, const char *a_name, int a_count, char *const *b,
                            const char *b_name, int b_count, const char *what, error *err)
{
    if (a_count != b_count)
        return error_set(err, STATUS_FAILED, "%s has %d %s classes, %s has %d", a_name, a_count,
                         what, b_name, b_count);
    for (int i = 0; i < a_count; i++)
        if (strcmp(a[i], b[i]) != 0)
            return error_set(err, STATUS_FAILED, "%s class %d is '%s' in %s and '%s' in %s", what,
                             i, a[i], a_name, b[i], b_name);
    return STATUS_OK;
}

static status compare(const hierarchy *a, const char *a_name, const hierarchy *b,
                      const char *b_name, error *err)
{
    TRY(compare_names(a->coarse_names, a_name, a->coarse_count, b->coarse_names, b_name,
                      b->coarse_count, "coarse", err));
    TRY(compare_names(a->fine_names, a_name, a->fine_count, b->fine_names, b_name, b->fine_count,
                      "fine", err));
    for (int i = 0; i < a->fine_count; i++)
        if (a->parents[i] != b->parents[i])
            return error_set(err, STATUS_FAILED,
                             "fine class '%s' belongs to '%s' in %s and to '%s' in %s",
                             a->fine_names[i], a->coarse_names[a->parents[i]], a_name,
                             b->coarse_names[b->parents[i]], b_name);
    return STATUS_OK;
}

status hierarchy_compare(const hierarchy *a, const char *a_name, const hierarchy *b,
                         const char *b_name, error *err)
{
    status result = compare(a, a_name, b, b_name, err);
    return result == STATUS_FAILED ? error_suffix(err, result, "; the classes have to be the same")
                                   : result;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The fine names of one coarse class; names[fine_count] is room to sort them. */
static json_t *children(const hierarchy *tree, int coarse, const char **names)
{
    json_t *list = json_array();
    size_t count = 0;
    for (int i = 0; i < tree->fine_count; i++)
        if (tree->parents[i] == coarse)
            names[count++] = tree->fine_names[i];
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++)
        list = array_with(list, json_string(names[i]));
    return list;
}

status hierarchy_map_text(const hierarchy *tree, const char *path, char **text, error *err)
{
    const char **names = calloc((size_t)tree->fine_count, sizeof *names);
    TRY(got_memory(names, err, path));
    json_watch();
    json_t *map = json_object();
    for (int i = 0; i < tree->coarse_count; i++)
        map = object_put(map, tree->coarse_names[i], children(tree, i, names));
    free(names);
    return json_to_text(map, JSON_INDENT(2) | JSON_SORT_KEYS, path, text, err);
}
