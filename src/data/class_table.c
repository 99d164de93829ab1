/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of names to numbers; see class_table.h. */
#include "data/class_table.h"
#include "base/array.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

typedef struct class_entry {
    char *coarse, *fine;
    int number; /* order of appearance */
} class_entry;

struct class_table {
    class_entry **entries;
    int count;
    void *root; /* of tsearch's tree of them */
};

static int by_names(const void *a, const void *b)
{
    const class_entry *first = a, *second = b;
    int order = strcmp(first->coarse, second->coarse);
    return order ? order : strcmp(first->fine, second->fine);
}

static int by_names_through_pointers(const void *a, const void *b)
{
    return by_names(*(class_entry *const *)a, *(class_entry *const *)b);
}

status class_table_create(class_table **created, error *err)
{
    *created = calloc(1, sizeof **created);
    return got_memory(*created, err, "class names");
}

static void free_entry(class_entry *entry)
{
    if (entry) {
        free(entry->coarse);
        free(entry->fine);
    }
    free(entry);
}

void class_table_free(class_table *table)
{
    if (!table)
        return;
    for (int i = 0; i < table->count; i++)
        tdelete(table->entries[i], &table->root, by_names);
    for (int i = 0; i < table->count; i++)
        free_entry(table->entries[i]);
    free(table->entries);
    free(table);
}

static status append(class_table *table, const char *coarse, const char *fine, error *err)
{
    TRY(array_grow(&table->entries, (size_t)table->count, sizeof *table->entries, "class names",
                   err));
    class_entry *entry = calloc(1, sizeof *entry);
    if (entry)
        *entry = (class_entry){strdup(coarse), strdup(fine), table->count};
    if (!entry || !entry->coarse || !entry->fine || !tsearch(entry, &table->root, by_names)) {
        free_entry(entry);
        return error_memory(err, "class names");
    }
    table->entries[table->count++] = entry;
    return STATUS_OK;
}

status class_table_add(class_table *table, const char *coarse, const char *fine, int *number,
                       error *err)
{
    const class_entry wanted = {(char *)coarse, (char *)fine, 0};
    class_entry **found = tfind(&wanted, &table->root, by_names);
    *number = found ? (*found)->number : table->count;
    if (found)
        return STATUS_OK;
    TRY(hierarchy_check_name(coarse, err));
    TRY(hierarchy_check_name(fine, err));
    return append(table, coarse, fine, err);
}

/* What hierarchy_create takes, and the class of each number. */
typedef struct numbering {
    const char **coarse, **fine;
    int *parents, *class_of;
} numbering;

static status number(class_table *table, numbering *n, hierarchy *classes, error *err)
{
    size_t count = (size_t)table->count;
    n->coarse = calloc(count, sizeof *n->coarse);
    n->fine = calloc(count, sizeof *n->fine);
    n->parents = calloc(count, sizeof *n->parents);
    n->class_of = calloc(count, sizeof *n->class_of);
    TRY(got_memory(n->coarse && n->fine && n->parents && n->class_of, err, "class names"));
    qsort(table->entries, count, sizeof *table->entries, by_names_through_pointers);
    int coarse_count = 0;
    for (int i = 0; i < table->count; i++) {
        const class_entry *entry = table->entries[i];
        if (coarse_count == 0 || strcmp(n->coarse[coarse_count - 1], entry->coarse) != 0)
            n->coarse[coarse_count++] = entry->coarse;
        n->fine[i] = entry->fine;
        n->parents[i] = coarse_count - 1;
        n->class_of[entry->number] = i;
    }
    return hierarchy_create(classes, coarse_count, n->coarse, table->count, n->fine, n->parents,
                            err);
}

static void renumber(image_set *set, const numbering *n)
{
    for (size_t i = 0; i < set->count; i++) {
        set->fine[i] = n->class_of[set->fine[i]];
        set->coarse[i] = n->parents[set->fine[i]];
    }
}

status class_table_finish(class_table *table, dataset *data, error *err)
{
    numbering n = {0};
    status result = number(table, &n, &data->classes, err);
    for (int part = 0; part < PART_COUNT && result == STATUS_OK; part++)
        renumber(dataset_part(data, part), &n);
    free(n.coarse);
    free(n.fine);
    free(n.parents);
    free(n.class_of);
    return result;
}
