/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of names to numbers; see class_table.h. */
#include "data/class_table.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char what[] = "class names";

struct class_table {
    json_t *numbers; /* {coarse name: {fine name: order of appearance}} */
    int count;
};

status class_table_create(class_table **created, error *err)
{
    class_table *table = *created = calloc(1, sizeof *table);
    TRY(got_memory(table, err, what));
    table->numbers = json_object();
    return got_memory(table->numbers, err, what);
}

void class_table_free(class_table *table)
{
    if (table)
        json_decref(table->numbers);
    free(table);
}

status class_table_add(class_table *table, const char *coarse, const char *fine, int *number,
                       error *err)
{
    json_t *below = json_object_get(table->numbers, coarse), *found = json_object_get(below, fine);
    *number = found ? (int)json_integer_value(found) : table->count;
    if (found)
        return STATUS_OK;
    TRY(hierarchy_check_name(coarse, err));
    TRY(hierarchy_check_name(fine, err));
    if (!below) {
        below = json_object();
        TRY(got_memory(json_object_set_new(table->numbers, coarse, below) == 0, err, what));
    }
    TRY(got_memory(json_object_set_new(below, fine, json_integer(*number)) == 0, err, what));
    table->count++;
    return STATUS_OK;
}

typedef struct class_entry {
    const char *coarse, *fine;
    int number;
} class_entry;

static int by_names(const void *a, const void *b)
{
    const class_entry *first = a, *second = b;
    int order = strcmp(first->coarse, second->coarse);
    return order ? order : strcmp(first->fine, second->fine);
}

/* All classes, sorted. */
static void list_entries(const class_table *table, class_entry *entries)
{
    const char *coarse, *fine;
    json_t *below, *number;
    int count = 0;
    json_object_foreach(table->numbers, coarse, below)
    {
        json_object_foreach(below, fine, number)
        {
            entries[count++] = (class_entry){coarse, fine, (int)json_integer_value(number)};
        }
    }
    qsort(entries, (size_t)count, sizeof *entries, by_names);
}

/* What hierarchy_create takes, and the class of each number. */
typedef struct numbering {
    class_entry *entries;
    const char **coarse, **fine;
    int *parents, *class_of;
} numbering;

static status number(const class_table *table, numbering *n, hierarchy *classes, error *err)
{
    size_t count = (size_t)table->count;
    n->entries = calloc(count, sizeof *n->entries);
    n->coarse = calloc(count, sizeof *n->coarse);
    n->fine = calloc(count, sizeof *n->fine);
    n->parents = calloc(count, sizeof *n->parents);
    n->class_of = calloc(count, sizeof *n->class_of);
    TRY(got_memory(n->entries && n->coarse && n->fine && n->parents && n->class_of, err, what));
    list_entries(table, n->entries);
    int coarse_count = 0;
    for (int i = 0; i < table->count; i++) {
        const class_entry *entry = &n->entries[i];
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
    free(n.entries);
    free(n.coarse);
    free(n.fine);
    free(n.parents);
    free(n.class_of);
    return result;
}
