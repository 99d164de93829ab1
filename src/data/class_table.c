/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers pairs of class names; see class_table.h. */
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

status class_table_add_coarse(class_table *table, const char *coarse, error *err)
{
    if (json_object_get(table->numbers, coarse))
        return STATUS_OK;
    TRY(hierarchy_check_name(coarse, err));
    return got_memory(json_object_set_new(table->numbers, coarse, json_object()) == 0, err, what);
}

status class_table_add(class_table *table, const char *coarse, const char *fine, int *number,
                       error *err)
{
    TRY(class_table_add_coarse(table, coarse, err));
    json_t *below = json_object_get(table->numbers, coarse), *found = json_object_get(below, fine);
    *number = found ? (int)json_integer_value(found) : table->count;
    if (found)
        return STATUS_OK;
    TRY(hierarchy_check_name(fine, err));
    TRY(got_memory(json_object_set_new(below, fine, json_integer(*number)) == 0, err, what));
    table->count++;
    return STATUS_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lists the keys of an object, sorted or in the order in which they were added; returns their
 * number. */
static int list_keys(json_t *object, bool sorted, const char **keys)
{
    const char *key;
    json_t *unused;
    int count = 0;
    json_object_foreach(object, key, unused)
    {
        keys[count++] = key;
    }
    if (sorted)
        qsort(keys, (size_t)count, sizeof *keys, by_bytes);
    return count;
}

/* The arguments of hierarchy_create, and the class of each number of class_table_add. */
typedef struct numbering {
    const char **coarse, **fine;
    int *parents, *class_of;
} numbering;

static status number(const class_table *table, bool sorted, numbering *n, hierarchy *classes,
                     error *err)
{
    size_t count = (size_t)table->count, coarse_count = json_object_size(table->numbers);
    n->coarse = calloc(coarse_count, sizeof *n->coarse);
    n->fine = calloc(count, sizeof *n->fine);
    n->parents = calloc(count, sizeof *n->parents);
    n->class_of = calloc(count, sizeof *n->class_of);
    TRY(got_memory(n->coarse && n->fine && n->parents && n->class_of, err, what));
    list_keys(table->numbers, sorted, n->coarse);
    for (int coarse = 0, fine = 0; coarse < (int)coarse_count; coarse++) {
        json_t *below = json_object_get(table->numbers, n->coarse[coarse]);
        int end = fine + list_keys(below, sorted, n->fine + fine);
        for (; fine < end; fine++) {
            n->parents[fine] = coarse;
            n->class_of[json_integer_value(json_object_get(below, n->fine[fine]))] = fine;
        }
    }
    return hierarchy_create(classes, (int)coarse_count, n->coarse, table->count, n->fine,
                            n->parents, err);
}

static void renumber(image_set *set, const numbering *n)
{
    for (size_t i = 0; i < set->count; i++) {
        set->fine[i] = n->class_of[set->fine[i]];
        set->coarse[i] = n->parents[set->fine[i]];
    }
}

status class_table_finish(class_table *table, bool sorted, dataset *data, error *err)
{
    numbering n = {0};
    status result = number(table, sorted, &n, &data->classes, err);
    for (int part = 0; part < PART_COUNT && result == STATUS_OK; part++)
        renumber(dataset_part(data, part), &n);
    free(n.coarse);
    free(n.fine);
    free(n.parents);
    free(n.class_of);
    return result;
}
