/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), which iSCSI and TensorBoard's event files use: RFC 3720, appendix B.4. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum: `sum` is the checksum of the data so far, and the result is the checksum of
 * all of it, `data` included. The checksum of no data is 0. */
uint32_t crc32c_more(uint32_t sum, const void *data, size_t size);

static inline uint32_t crc32c(const void *data, size_t size)
{
    return crc32c_more(0, data, size);
}
