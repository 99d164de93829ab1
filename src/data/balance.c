/* SPDX-License-Identifier: Apache-2.0 */
/* Draws unequal classes equally often; see balance.h. */
#include "data/balance.h"
#include "base/random.h"

#include <stdlib.h>

static const uint64_t no_pass = UINT64_MAX;

typedef struct live_class {
    uint32_t *members; /* its images */
    uint32_t *order;   /* order of its images in the current pass */
    uint32_t count;
    uint64_t pass; /* the pass that `order` is for; no_pass: none */
} live_class;

struct balance {
    size_t count;
    live_class *classes; /* classes with images, by number */
    size_t class_count;
    uint32_t *members, *orders; /* the memory that the classes' arrays are parts of */
    uint32_t *round;            /* an order of the classes for one round */
};

static status allocate(balance *b, size_t classes, error *err)
{
    size_t room = b->count ? b->count : 1;
    b->classes = calloc(classes + 1, sizeof *b->classes);
    b->members = malloc(room * sizeof *b->members);
    b->orders = malloc(room * sizeof *b->orders);
    b->round = malloc((classes + 1) * sizeof *b->round);
    return got_memory(b->classes && b->members && b->orders && b->round, err, "the balanced order");
}

static size_t class_of(image_subset of, size_t i)
{
    return (size_t)of.set->fine[image_subset_at(&of, i)];
}

/* Counts the images of each class, gives each class its part of the memory, fills it, and removes
 * classes without images. */
static void sort_into_classes(balance *b, image_subset of, size_t classes)
{
    size_t start = 0;
    for (size_t i = 0; i < b->count; i++)
        b->classes[class_of(of, i)].count++;
    for (size_t c = 0; c < classes; c++) {
        live_class *one = &b->classes[c];
        one->members = b->members + start;
        one->order = b->orders + start;
        start += one->count;
        one->count = 0;
    }
    for (size_t i = 0; i < b->count; i++) {
        live_class *one = &b->classes[class_of(of, i)];
        one->members[one->count++] = (uint32_t)i;
    }
    for (size_t c = 0; c < classes; c++)
        if (b->classes[c].count > 0)
            b->classes[b->class_count++] = b->classes[c];
}

status balance_create(image_subset of, balance **created, error *err)
{
    balance *b = calloc(1, sizeof *b);
    size_t classes = 0;
    *created = NULL;
    TRY(got_memory(b, err, "the balanced order"));
    b->count = of.count;
    for (size_t i = 0; i < of.count; i++) {
        size_t class = class_of(of, i);
        classes = class >= classes ? class + 1 : classes;
    }
    status result = allocate(b, classes, err);
    if (result != STATUS_OK) {
        balance_free(b);
        return result;
    }
    sort_into_classes(b, of, classes);
    *created = b;
    return STATUS_OK;
}

void balance_free(balance *b)
{
    if (!b)
        return;
    free(b->classes);
    free(b->members);
    free(b->orders);
    free(b->round);
    free(b);
}

/* A seed for each number, so that each round, and each pass of each class, has its own permutation.
 */
static uint64_t seed_of(uint64_t seed, uint32_t stream, uint64_t number)
{
    uint32_t words[4];
    random_block(seed, stream, number, words);
    return (uint64_t)words[1] << 32 | words[0];
}

static uint32_t take(live_class *one, uint64_t class_seed, uint64_t turn)
{
    uint64_t pass = turn / one->count;
    if (one->pass != pass) {
        random_permutation(seed_of(class_seed, RANDOM_BALANCE, pass), RANDOM_BALANCE, 0, one->order,
                           one->count);
        one->pass = pass;
    }
    return one->members[one->order[turn % one->count]];
}

void balance_order(balance *b, uint64_t seed, uint32_t epoch, uint32_t *order)
{
    uint64_t first = (uint64_t)epoch * b->count, round_held = no_pass;
    /* An earlier call may have used another seed. */
    for (size_t c = 0; c < b->class_count; c++)
        b->classes[c].pass = no_pass;
    for (size_t i = 0; i < b->count; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): an image has a class. */
        uint64_t round = (first + i) / b->class_count, place = (first + i) % b->class_count;
        if (round != round_held)
            random_permutation(seed_of(seed, RANDOM_BALANCE, round), RANDOM_BALANCE, 1, b->round,
                               b->class_count);
        round_held = round;
        uint32_t class = b->round[place];
        order[i] =
            take(&b->classes[class], seed_of(seed, RANDOM_BALANCE, UINT64_MAX - class), round);
    }
}
