/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that grow by one element at a time. No capacity is stored: there is always room for at
 * least the power of two at or above the count. */
#pragma once

#include "base/error.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for element number `count`, counted from 0; an element has `size` bytes. array is the
 * address of a pointer; if count is 0, that pointer is NULL or the memory of an array that is being
 * refilled. STATUS_FAILED if there is no memory for `what`; the array is then unchanged. */
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
