/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes label_map.json (data/tree.c): the input is the map of a tree with two images. Every image
 * must be below the tree. */
#include "images.h"

#include <stdlib.h>

int fuzz_tree(const uint8_t *data, size_t size)
{
    error err;
    dataset set = {0};
    free(fuzz_file("tree/train_images/animal/cat/0.png", "", 0));
    free(fuzz_file("tree/train_images/plant/oak/1.png", "", 0));
    char *map = fuzz_file("tree/label_map.json", data, size), *directory = file_parent(map);
    if (tree_open(directory, &set, &err) == STATUS_OK)
        fuzz_check_images(&set, directory);
    dataset_close(&set);
    free(directory);
    free(map);
    return 0;
}
