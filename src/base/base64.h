/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4), for bytes that go into text. */
#pragma once

#include <stddef.h>

/* Returns padded Base64 on one line, which the caller frees; NULL if there is no memory. */
char *base64_encode(const void *data, size_t size);
