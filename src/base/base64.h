/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 as RFC 4648, section 4, for bytes that go into text. */
#ifndef HCNN_BASE_BASE64_H
#define HCNN_BASE_BASE64_H

#include <stddef.h>

/* Padded, in one line; freed by the caller. NULL when memory is out. */
char *base64_encode(const void *data, size_t size);

#endif
