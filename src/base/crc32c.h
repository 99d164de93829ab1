/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), as iSCSI and TensorBoard's event files have it: RFC 3720, appendix B.4. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The sum of what `sum` is of and of `data` behind it; that of nothing is 0. */
uint32_t crc32c_more(uint32_t sum, const void *data, size_t size);

static inline uint32_t crc32c(const void *data, size_t size)
{
    return crc32c_more(0, data, size);
}
