/* SPDX-License-Identifier: Apache-2.0 */
/* Growing and freeing the arrays of a set; see image_set.h. */
#include "data/image_set.h"

#include <stdbool.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 256 };

/* False when memory is out; *array is then as it was. */
static bool resize(void **array, size_t count, size_t size)
{
    void *grown = realloc(*array, count * size);
    if (grown)
        *array = grown;
    return grown != NULL;
}

static bool grow(image_set *set, bool boxes)
{
    size_t capacity = set->capacity ? 2 * set->capacity : FIRST_CAPACITY;
    void *paths = set->paths, *coarse = set->coarse, *fine = set->fine, *boxed = set->boxes;
    bool grown = resize(&paths, capacity, sizeof *set->paths) &&
                 resize(&coarse, capacity, sizeof *set->coarse) &&
                 resize(&fine, capacity, sizeof *set->fine) &&
                 (!boxes || resize(&boxed, capacity, sizeof *set->boxes));
    set->paths = paths;
    set->coarse = coarse;
    set->fine = fine;
    set->boxes = boxed;
    set->capacity = grown ? capacity : set->capacity;
    return grown;
}

status image_set_append(image_set *set, char *path, int coarse, int fine, const pixel_box *box,
                        error *err)
{
    if (!path || (set->count == set->capacity && !grow(set, box != NULL))) {
        free(path);
        return error_memory(err, "the list of images");
    }
    set->paths[set->count] = path;
    set->coarse[set->count] = coarse;
    set->fine[set->count] = fine;
    if (box)
        set->boxes[set->count] = *box;
    set->count++;
    return STATUS_OK;
}

void image_set_free(image_set *set)
{
    for (size_t i = 0; set->paths && i < set->count; i++)
        free(set->paths[i]);
    free(set->paths);
    free(set->boxes);
    free(set->pixels);
    free(set->coarse);
    free(set->fine);
    *set = (image_set){0};
}
