/* SPDX-License-Identifier: Apache-2.0 */
/* The points of a sweep as a model sees them: places u in [0, 1] of each parameter, where all
 * places with one value count as one. */
#pragma once

#include "sweep/sweep_file.h"

/* How many values a parameter can take: 1 for a constant; 0 for one whose values are not counted,
 * since it has no steps or no end, or more than 1e9 of them. Values without a share are none. */
size_t space_values(const sweep_parameter *p);

/* The middle of the places that have the same value as u; u itself, away from the ends, for a
 * parameter without steps. NaN counts as 0. */
double space_place(const sweep_parameter *p, double u);

/* How many points there are: 0 when they are not counted or more than a size_t holds. */
size_t space_size(const sweep_file *file);
/* The places of point number `index` of them. */
void space_point(const sweep_file *file, size_t index, double *places);

/* Whether two points, of places in the middle, are one. */
bool space_same(const sweep_file *file, const double *a, const double *b);
