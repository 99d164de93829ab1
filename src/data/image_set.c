/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a set; see image_set.h. */
#include "data/image_set.h"
#include "base/array.h"

#include <stdlib.h>

status image_set_create(image_set *set, size_t count, int side, error *err)
{
    *set = (image_set){.count = count, .width = side, .height = side, .layout = PIXELS_PLANAR};
    set->coarse = malloc(count * sizeof *set->coarse);
    set->fine = malloc(count * sizeof *set->fine);
    set->pixels = malloc(count * 3 * (size_t)side * (size_t)side);
    return got_memory(set->coarse && set->fine && set->pixels, err, "the images");
}

static status make_room(image_set *set, bool boxes, error *err)
{
    static const char what[] = "the list of images";
    TRY(array_grow(&set->paths, set->count, sizeof *set->paths, what, err));
    TRY(array_grow(&set->coarse, set->count, sizeof *set->coarse, what, err));
    TRY(array_grow(&set->fine, set->count, sizeof *set->fine, what, err));
    return boxes ? array_grow(&set->boxes, set->count, sizeof *set->boxes, what, err) : STATUS_OK;
}

status image_set_append(image_set *set, char *path, int coarse, int fine, const pixel_box *box,
                        error *err)
{
    status result = got_memory(path, err, "the list of images");
    if (result == STATUS_OK)
        result = make_room(set, box != NULL, err);
    if (result != STATUS_OK) {
        free(path);
        return result;
    }
    set->paths[set->count] = path;
    set->coarse[set->count] = coarse;
    set->fine[set->count] = fine;
    if (box)
        set->boxes[set->count] = *box;
    set->count++;
    return STATUS_OK;
}

status image_set_picture(const image_set *set, size_t index, image *picture, error *err)
{
    if (!set->pixels) /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it has paths. */
        return image_read(set->paths[index], picture, err);
    size_t plane = (size_t)set->width * (size_t)set->height;
    const unsigned char *from = set->pixels + 3 * plane * index;
    *picture = (image){set->width, set->height, malloc(3 * plane)};
    TRY(got_memory(picture->pixels, err, "a picture"));
    bool planar = set->layout == PIXELS_PLANAR;
    for (size_t i = 0; i < plane; i++)
        for (size_t c = 0; c < 3; c++)
            picture->pixels[3 * i + c] = planar ? from[c * plane + i] : from[3 * i + c];
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
