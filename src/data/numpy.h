/* SPDX-License-Identifier: Apache-2.0 */
/* What CIFAR's python version pickles besides dictionaries, lists and strings: numpy arrays of
 * bytes. */
#pragma once

#include "base/pickle.h"

/* For pickle_parse. An array of uint8 becomes PICKLE_BYTES, its contents; arrays of other types are
 * errors. */
extern const pickle_rules numpy_rules;
