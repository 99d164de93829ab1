/* SPDX-License-Identifier: Apache-2.0 */
/* The points of a sweep as a model sees them: a place u in [0, 1] for each parameter, where all
 * places with the same value count as one. */
#pragma once

#include "sweep/sweep_file.h"

/* Number of values that a parameter can have: 1 for a constant; 0 if they are not counted, because
 * there are no steps, no ends or more than 1e9 values. Values with probability 0 do not count. */
size_t space_values(const sweep_parameter *p);

/* The middle of the places that have the same value as u. For a parameter without steps, u itself,
 * kept at least 1e-6 away from 0 and 1. NaN counts as 0. */
double space_place(const sweep_parameter *p, double u);

/* Number of points; 0 if they are not counted or too many for a size_t. */
size_t space_size(const sweep_file *file);
/* The places[parameter_count] of point `index`, which is below space_size. */
void space_point(const sweep_file *file, size_t index, double *places);

/* Whether two points are the same. Their places are middles, as space_place gives them. */
bool space_same(const sweep_file *file, const double *a, const double *b);
