/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a, 64 bits: names files in the cache and shows whether their bytes are still the same. It
 * does not protect against forgery. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Continues the hash of the data so far; HASH_START is the hash of no data. */
#define HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_more(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}
