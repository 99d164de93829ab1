/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions for a data set that was opened from files in the fuzz targets' directory. */
#pragma once

#include "base/file.h"
#include "data/dataset.h"
#include "fuzz.h"

#include <string.h>

/* Every image must be below the directory, and labels must be classes. */
static inline void fuzz_check_images(dataset *set, const char *directory)
{
    size_t length = strlen(directory);
    for (int part = 0; part < PART_COUNT; part++) {
        const image_set *images = dataset_part(set, (enum dataset_part)part);
        for (size_t i = 0; i < images->count; i++) {
            const char *path = images->paths[i];
            FUZZ_HOLDS(strncmp(path, directory, length) == 0 && path[length] == '/');
            FUZZ_HOLDS(!file_path_leaves(path + length));
            FUZZ_HOLDS(images->fine[i] >= 0 && images->fine[i] < set->classes.fine_count);
            FUZZ_HOLDS(images->coarse[i] == set->classes.parents[images->fine[i]]);
        }
    }
    for (int i = 0; i < set->classes.fine_count; i++)
        FUZZ_HOLDS(set->classes.parents[i] >= 0 &&
                   set->classes.parents[i] < set->classes.coarse_count);
}
