/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes DeepFashion's lists (data/deepfashion.c): the first byte chooses a list of a small data
 * set, the rest replaces it. Every image must be below the data set's directory. */
#include "base/text.h"
#include "images.h"

#include <stdlib.h>

static const struct list {
    const char *name, *text;
} lists[] = {
    {"fashion/Anno/list_category_cloth.txt", "2\ncategory_name category_type\nTee 1\nJeans 2\n"},
    {"fashion/Anno/list_category_img.txt", "1\nimage_name category_label\nimg/a.jpg 1\n"},
    {"fashion/Anno/list_bbox.txt", "1\nimage_name x_1 y_1 x_2 y_2\nimg/a.jpg 1 2 30 40\n"},
    {"fashion/Eval/list_eval_partition.txt", "1\nimage_name evaluation_status\nimg/a.jpg train\n"},
};
enum { LISTS = sizeof lists / sizeof lists[0] };

static status open_set(void)
{
    error err;
    dataset set = {0};
    char *path = text_format("%s/fashion", fuzz_directory());
    char *images = text_format("%s/img/img", path);
    FUZZ_SUCCEEDS(file_make_directory(images, &err));
    status result = deepfashion_open(path, &set, &err);
    if (result == STATUS_OK)
        fuzz_check_images(&set, path);
    dataset_close(&set);
    free(images);
    free(path);
    return result;
}

int fuzz_deepfashion(const uint8_t *data, size_t size)
{
    const struct list *chosen = &lists[fuzz_take_byte(&data, &size) % LISTS];
    for (size_t i = 0; i < LISTS; i++)
        free(fuzz_file(lists[i].name, lists[i].text, strlen(lists[i].text)));
    FUZZ_HOLDS(open_set() == STATUS_OK);
    free(fuzz_file(chosen->name, data, size));
    open_set();
    return 0;
}
