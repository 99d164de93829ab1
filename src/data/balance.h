/* SPDX-License-Identifier: Apache-2.0 */
/* The order of an epoch in which every fine class that has images comes equally often.
 *
 * Positions are counted from the first epoch on. Each round of as many positions as there are live
 * classes takes every one of them once, in an order of its own; a class's n-th turn takes its n-th
 * image, and after all of them begins again in another order. Which image stands where is a
 * function of seed, epoch and position. */
#pragma once

#include "data/division.h"

typedef struct balance balance;

/* Over the images of a subset. */
status balance_create(image_subset of, balance **created, error *err);
void balance_free(balance *b); /* NULL is fine */

/* order[0..count): the image, by its place in the subset, at each position of the epoch. */
void balance_order(balance *b, uint64_t seed, uint32_t epoch, uint32_t *order);
