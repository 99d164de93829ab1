/* SPDX-License-Identifier: Apache-2.0 */
/* An order for an epoch in which all fine classes that have images come equally often.
 *
 * Positions are counted from the first epoch on. In each round of as many positions as there are
 * such classes, every class comes once, in an order drawn for that round. The images of a class
 * come in an order drawn for each pass, and none is repeated before all have been used. Which image
 * is at a position depends only on the seed, the epoch and the position. */
#pragma once

#include "data/division.h"

typedef struct balance balance;

/* Prepares the order of a subset's images. The subset is not kept. */
status balance_create(image_subset of, balance **created, error *err);
void balance_free(balance *b); /* NULL is allowed */

/* Fills order[0..count) with the image at each position of the epoch, as its index in the subset;
 * count is the size of the subset. */
void balance_order(balance *b, uint64_t seed, uint32_t epoch, uint32_t *order);
