/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 as RFC 4648, section 4, for bytes that go into text. */
#pragma once

#include <stddef.h>

/* Padded, in one line; freed by the caller. NULL when memory is out. */
char *base64_encode(const void *data, size_t size);
