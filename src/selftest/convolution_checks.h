/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of convolution algorithms on a device: each runs one direction of one algorithm on odd
 * shapes, in the device's precision, with everything that the algorithm can add to it, and compares
 * the results with sums in double precision. */
#pragma once

#include "ops/convolution.h"
#include "selftest/check.h"

/* Whether there is a shape on which the device can check this. */
bool convolution_check_applies(const device *dev, convolution_choice by,
                               enum convolution_direction direction);

/* Runs the check on at most `shapes` shapes that the algorithm supports. If the choice has no tile,
 * each tile that it may stand for is run. *found is set if the status is STATUS_OK. */
status convolution_check_run(device *dev, convolution_choice by,
                             enum convolution_direction direction, int shapes, deviation *found,
                             error *err);
