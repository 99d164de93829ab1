/* SPDX-License-Identifier: Apache-2.0 */
/* What a run trains on, what it validates with after each epoch and what it is tested on in the
 * end, from the parts that a data set has. */
#pragma once

#include "data/dataset.h"

#include <stdint.h>

/* Images indices[0..count) of a set; NULL: all of them. */
typedef struct image_subset {
    const image_set *set;
    const unsigned *indices;
    size_t count;
} image_subset;

/* The place in its set of a subset's image `index`. */
static inline size_t image_subset_at(const image_subset *subset, size_t index)
{
    return subset->indices ? subset->indices[index] : index;
}

enum division_rule {
    DIVISION_GIVEN,    /* there is a part valid; without a part test nothing is tested */
    DIVISION_HALVED,   /* only test: one half of it validates, as the original's random_split */
    DIVISION_HELD_OUT, /* only train: a tenth of it validates, another tests */
};

typedef struct dataset_division {
    image_subset train, validation, test;
    image_subset whole_test; /* the part test with both halves; else the same as test */
    enum division_rule rule;
    unsigned *order; /* the indices */
} dataset_division;

/* Seed alone decides what is drawn by lot, and epochs do not matter. The division borrows the data
 * set. Fewer than three training images cannot be held out from: STATUS_FAILED. */
status dataset_divide(const dataset *data, uint64_t seed, dataset_division *made, error *err);
void dataset_division_free(dataset_division *made);

/* "given", "half of test" or "a tenth of train": what validation is. */
const char *division_rule_name(enum division_rule rule);
