/* SPDX-License-Identifier: Apache-2.0 */
/* Decides, from the parts that a data set has, which images a run trains on, which it validates
 * with after each epoch and which it is tested on at the end. */
#pragma once

#include "data/dataset.h"

#include <stdint.h>

/* The images indices[0..count) of a set; indices NULL: all images. */
typedef struct image_subset {
    const image_set *set;
    const unsigned *indices;
    size_t count;
} image_subset;

/* The index in the set of a subset's image `index`. */
static inline size_t image_subset_at(const image_subset *subset, size_t index)
{
    return subset->indices ? subset->indices[index] : index;
}

enum division_rule {
    DIVISION_GIVEN,  /* the data set has a validation part; without a test part nothing is tested */
    DIVISION_HALVED, /* it has a test part but no validation part: half of the test part validates,
                        as with the original's random_split */
    DIVISION_HELD_OUT, /* it has only a training part: a tenth validates, another tenth tests */
};

typedef struct dataset_division {
    image_subset train, validation, test;
    image_subset whole_test; /* both halves if test was halved; else the same as test */
    enum division_rule rule;
    unsigned *order; /* the memory of the indices in the subsets */
} dataset_division;

/* Divides a data set, which must outlive the division. What is drawn depends only on the seed.
 * STATUS_FAILED if images would have to be held out of fewer than three. */
status dataset_divide(const dataset *data, uint64_t seed, dataset_division *made, error *err);
void dataset_division_free(dataset_division *made);

/* "given", "half of test" or "a tenth of train": where the validation images come from. */
const char *division_rule_name(enum division_rule rule);
