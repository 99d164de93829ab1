/* SPDX-License-Identifier: Apache-2.0 */
/* The CRC-32C that a file of JSON and data holds of itself: eight hexadecimal digits, the value of
 * the JSON text's key "crc32c". It is the sum of the whole file with '0' for each of them. */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CHECKSUM_KEY   "crc32c"
#define CHECKSUM_ZEROS "00000000"
enum { CHECKSUM_DIGITS = sizeof CHECKSUM_ZEROS - 1 };

/* Where in the text, which is JSON without spaces, the digits begin; 0: it has none. */
size_t checksum_find(const char *text, size_t length);
/* The digits, and a zero byte behind them. */
void checksum_write(uint32_t sum, char digits[CHECKSUM_DIGITS + 1]);
/* Reads the whole stream, whose digits begin at byte `at`. STATUS_FAILED, with what to do, when
 * they are of other bytes. */
status checksum_verify(FILE *stream, const char *path, uint64_t at, error *err);
/* What it says then. */
status checksum_mismatch(const char *path, error *err);
