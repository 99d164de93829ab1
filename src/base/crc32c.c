/* SPDX-License-Identifier: Apache-2.0 */
/* Computes CRC-32C, whose polynomial is 1EDC6F41. The sum's bits are in reversed order, so the
 * polynomial is written in reversed order too. Long data is processed eight bytes at a time, with
 * the tables of M. E. Kounavis and F. L. Berry, "A Systematic Approach to Building High
 * Performance, Software-based, CRC Generators" (ISCC 2005). */
#include "base/crc32c.h"

enum {
    SLICES = 8,          /* bytes processed at a time */
    WORTH_SLICING = 512, /* length in bytes from which building the tables pays off */
};

/* The remainder after eight more zero bits. */
static uint32_t add_zeros(uint32_t rest)
{
    for (int bit = 0; bit < 8; bit++)
        rest = rest >> 1 ^ (rest & 1 ? 0x82f63b78 : 0);
    return rest;
}

/* table[k][b] is the remainder of byte b followed by k zero bytes. */
typedef struct slices {
    uint32_t table[SLICES][256];
} slices;

static void make_slices(slices *s)
{
    for (uint32_t i = 0; i < 256; i++)
        s->table[0][i] = add_zeros(i);
    for (int k = 1; k < SLICES; k++)
        for (int i = 0; i < 256; i++)
            s->table[k][i] = s->table[0][s->table[k - 1][i] & 0xff] ^ s->table[k - 1][i] >> 8;
}

static uint32_t add_slices(uint32_t rest, const unsigned char *bytes, size_t size)
{
    slices s;
    make_slices(&s);
    for (size_t i = 0; i < size; i += SLICES) {
        const unsigned char *b = bytes + i;
        rest = s.table[7][(rest ^ b[0]) & 0xff] ^ s.table[6][(rest >> 8 ^ b[1]) & 0xff] ^
               s.table[5][(rest >> 16 ^ b[2]) & 0xff] ^ s.table[4][rest >> 24 ^ b[3]] ^
               s.table[3][b[4]] ^ s.table[2][b[5]] ^ s.table[1][b[6]] ^ s.table[0][b[7]];
    }
    return rest;
}

uint32_t crc32c_more(uint32_t sum, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint32_t rest = ~sum;
    size_t sliced = size < WORTH_SLICING ? 0 : size - size % SLICES;
    if (sliced > 0)
        rest = add_slices(rest, bytes, sliced);
    for (size_t i = sliced; i < size; i++)
        rest = add_zeros(rest ^ bytes[i]);
    return ~rest;
}
