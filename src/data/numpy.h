/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the numpy arrays of bytes that the pickles of CIFAR's python version contain besides
 * dictionaries, lists and strings. */
#pragma once

#include "base/pickle.h"

/* For pickle_parse. An array of uint8 becomes PICKLE_BYTES with its contents; an array of another
 * type is an error. */
extern const pickle_rules numpy_rules;
