/* SPDX-License-Identifier: Apache-2.0 */
/* Divides the images of a data set; see division.h. */
#include "data/division.h"
#include "base/random.h"

#include <stdlib.h>

enum { HELD_OUT_SHARE = 10 }; /* one image in this many, for either */

static image_subset all_of(const image_set *set)
{
    return (image_subset){set, NULL, set->count};
}

static status make_order(dataset_division *made, size_t count, error *err)
{
    made->order = malloc((count ? count : 1) * sizeof *made->order);
    return got_memory(made->order, err, "the order of the images");
}

/* The first half of a permutation validates; of an odd number of images it is the larger half. */
static status halve(const dataset *data, uint64_t seed, dataset_division *made, error *err)
{
    size_t count = data->test.count, half = (count + 1) / 2;
    TRY(make_order(made, count, err));
    random_permutation(seed, RANDOM_SPLIT, 0, made->order, count);
    made->rule = DIVISION_HALVED;
    made->validation = (image_subset){&data->test, made->order, half};
    made->test = (image_subset){&data->test, made->order + half, count - half};
    made->whole_test = all_of(&data->test);
    return STATUS_OK;
}

static int by_number(const void *a, const void *b)
{
    unsigned first = *(const unsigned *)a, second = *(const unsigned *)b;
    return (first > second) - (first < second);
}

/* Deals the next `count` images of a permutation, sorted back into the order of the files. */
static image_subset deal(const image_set *set, unsigned **left, size_t count)
{
    image_subset dealt = {set, *left, count};
    qsort(*left, count, sizeof **left, by_number);
    *left += count;
    return dealt;
}

static status hold_out(const dataset *data, uint64_t seed, dataset_division *made, error *err)
{
    size_t count = data->train.count, share = (count + HELD_OUT_SHARE - 1) / HELD_OUT_SHARE;
    if (count < 3)
        return error_set(err, STATUS_FAILED,
                         "%s: %zu images are too few to hold some out for validation and test; add "
                         "a part valid or test",
                         data->source ? data->source : "the data set", count);
    TRY(make_order(made, count, err));
    random_permutation(seed, RANDOM_SPLIT, 0, made->order, count);
    unsigned *left = made->order;
    made->rule = DIVISION_HELD_OUT;
    made->validation = deal(&data->train, &left, share);
    made->test = made->whole_test = deal(&data->train, &left, share);
    made->train = deal(&data->train, &left, count - 2 * share);
    return STATUS_OK;
}

status dataset_divide(const dataset *data, uint64_t seed, dataset_division *made, error *err)
{
    *made = (dataset_division){.rule = DIVISION_GIVEN, .train = all_of(&data->train)};
    if (data->valid.count == 0)
        return data->test.count > 0 ? halve(data, seed, made, err)
                                    : hold_out(data, seed, made, err);
    made->validation = all_of(&data->valid);
    made->test = made->whole_test = all_of(&data->test);
    return STATUS_OK;
}

void dataset_division_free(dataset_division *made)
{
    free(made->order);
    *made = (dataset_division){0};
}

const char *division_rule_name(enum division_rule rule)
{
    static const char *const names[] = {"given", "half of test", "a tenth of train"};
    return names[rule];
}
