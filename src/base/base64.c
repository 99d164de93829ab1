/* SPDX-License-Identifier: Apache-2.0 */
/* Base64: three bytes become four letters of six bits each; see base64.h. */
#include "base/base64.h"

#include <stdint.h>
#include <stdlib.h>

enum { GROUP = 3, LETTERS = 4, BITS = 6 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Encodes 1 to 3 bytes as four letters; '=' fills up a short group. */
static void encode_group(const unsigned char *bytes, size_t count, char *letters)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < GROUP; i++)
        bits = bits << 8 | (i < count ? bytes[i] : 0);
    for (size_t i = 0; i < LETTERS; i++)
        letters[i] =
            i > count ? '=' : alphabet[bits >> BITS * (LETTERS - 1 - i) & ((1u << BITS) - 1)];
}

char *base64_encode(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    size_t groups = size / GROUP + (size % GROUP > 0);
    char *text = groups < SIZE_MAX / LETTERS ? malloc(groups * LETTERS + 1) : NULL;
    if (!text)
        return NULL;
    for (size_t i = 0; i < groups; i++) {
        size_t left = size - i * GROUP;
        encode_group(bytes + i * GROUP, left < GROUP ? left : GROUP, text + i * LETTERS);
    }
    text[groups * LETTERS] = '\0';
    return text;
}
