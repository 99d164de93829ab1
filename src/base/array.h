/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that grow by one element at a time, with no capacity to keep: there is room for the power
 * of two at or above their count, at least. */
#pragma once

#include "base/error.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for element number `count`, from 0, of elements of `size` bytes. array is the address
 * of a pointer, which for a count of 0 is NULL or the memory of an array that begins again.
 * STATUS_FAILED, with the array as it was, when there is no memory for `what`. */
static inline status array_grow(void *array, size_t count, size_t size, const char *what,
                                error *err)
{
    void *old, *grown;
    if (count & (count - 1))
        return STATUS_OK;
    memcpy(&old, array, sizeof old);
    grown = count > SIZE_MAX / 2 / size ? NULL : realloc(old, (count ? 2 * count : 1) * size);
    TRY(got_memory(grown, err, what));
    memcpy(array, &grown, sizeof grown);
    return STATUS_OK;
}
