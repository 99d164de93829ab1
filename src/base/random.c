/* SPDX-License-Identifier: Apache-2.0 */
/* The generator Philox4x32-10 and what uses it; see random.h. */
#include "base/random.h"

void random_block(uint64_t seed, uint32_t stream, uint64_t index, uint32_t words[4])
{
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = stream, c3 = 0;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)p0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

double random_uniform(uint64_t seed, uint32_t stream, uint64_t index)
{
    uint32_t words[4];
    random_block(seed, stream, index, words);
    return words[0] / 4294967296.0;
}

void random_permutation(uint64_t seed, uint32_t stream, uint32_t turn, uint32_t *order,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        uint32_t words[4];
        random_block(seed, stream, (uint64_t)turn << 32 | i, words);
        /* The remainder of 64 random bits has a bias below 2^-32 for any count that an image set
         * has. */
        size_t j = (size_t)(((uint64_t)words[0] << 32 | words[1]) % i);
        uint32_t swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}
