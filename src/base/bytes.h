/* SPDX-License-Identifier: Apache-2.0 */
/* Unsigned integers as files store them: up to eight bytes, low byte first. */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint64_t number_of_bytes(const unsigned char *bytes, size_t count)
{
    uint64_t number = 0;
    while (count-- > 0)
        number = number << 8 | bytes[count];
    return number;
}

static inline void bytes_of_number(uint64_t number, size_t count, unsigned char *bytes)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
}
