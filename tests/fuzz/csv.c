/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes lists of images (data/csv.c): the input is the file. Every image must be below the list's
 * directory. */
#include "images.h"

#include <stdlib.h>

int fuzz_csv(const uint8_t *data, size_t size)
{
    error err;
    dataset set = {0};
    char *path = fuzz_file("csv/list.csv", data, size), *directory = file_parent(path);
    if (csv_open(path, &set, &err) == STATUS_OK)
        fuzz_check_images(&set, directory);
    dataset_close(&set);
    free(directory);
    free(path);
    return 0;
}
