/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a, 64 bits: names for files in the cache, and whether their bytes are still the same. Not
 * for what somebody might want to forge. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Goes on from the hash of what came before; HASH_START is that of nothing. */
#define HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_more(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}
